//! The interpreter that runs witnesses, and the generated Rust, on the same records: valid ones, broken ones, and ones that are no
//! records at all. They must give the same cells or the same violations, word for word, and fold to the same rows.
//!
//! `COVENANT_FUZZ_CASES=n` runs n records per source instead of the usual few hundred, `COVENANT_FUZZ_SECONDS=n` goes on
//! for n seconds with others in every run.

#![allow(clippy::unwrap_used)] // a test fails where it unwraps

#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/kitchen_event.rs"]
#[rustfmt::skip]
mod kitchen_event;
#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/kitchen_table.rs"]
#[rustfmt::skip]
mod kitchen_table;
#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/kitchen_word.rs"]
#[rustfmt::skip]
mod kitchen_word;
#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/pii.rs"]
#[rustfmt::skip]
mod pii;
#[path = "differential/sequences.rs"]
mod sequences;
#[path = "differential/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use acme_pipeline::{
    sales_customer, sales_order, sales_order_event, sales_order_line, stock_inventory_level,
};
use covenant_compiler::witness::compose::{Roles, sheet};
use covenant_compiler::witness::fold::{self, form_of};
use covenant_compiler::witness::interpret::{self, Interpreter};
use covenant_compiler::witness::told::{Form, Token, Told};
use covenant_model::change::{self, Change, Op, Origin};
use covenant_model::codec::{EntityCodec, PgDatum};
use covenant_model::join::RowState;
use covenant_model::record::{Record, Violations};
use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};
use told::Dice;

const CASES: u32 = 400;
/// Changes that are folded together.
const FOLDED: usize = 24;

fn variable(name: &str) -> Option<u32> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Numbers of the records of one source, of as many sources as there are.
fn records(sources: u32) -> Box<dyn Iterator<Item = u32>> {
    match variable("COVENANT_FUZZ_SECONDS") {
        None => Box::new(1..=variable("COVENANT_FUZZ_CASES").unwrap_or(CASES)),
        Some(seconds) => {
            let (started, share) =
                (Instant::now(), Duration::from_secs(seconds.into()) / sources.max(1));
            Box::new((1..=u32::MAX).take_while(move |at| *at <= CASES || started.elapsed() < share))
        }
    }
}

/// What makes the records of a long run others than those of the last one.
fn salt() -> String {
    match variable("COVENANT_FUZZ_SECONDS") {
        None => String::new(),
        Some(_) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            format!("/{}", now.as_secs())
        }
    }
}

type Fold = fn(&mut RowState, &Change) -> bool;

/// Every generated module there is, with its fold.
const GENERATED: [(&dyn EntityCodec, Fold); 8] = [
    (&sales_customer::Codec, sales_customer::fold),
    (&sales_order::Codec, sales_order::fold),
    (&sales_order_event::Codec, sales_order_event::fold),
    (&sales_order_line::Codec, sales_order_line::fold),
    (&stock_inventory_level::Codec, stock_inventory_level::fold),
    (&kitchen_event::Codec, kitchen_event::fold),
    (&kitchen_table::Codec, kitchen_table::fold),
    (&kitchen_word::Codec, kitchen_word::fold),
];

fn specs() -> Vec<EntitySpec> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../contracts", "fixtures/kitchen/contracts"]
        .iter()
        .flat_map(|folder| {
            let sources = covenant_compiler::driver::read_contracts(&root.join(folder)).unwrap();
            covenant_compiler::compile(sources).plan.unwrap().entities
        })
        .collect()
}

/// Id, sequence and time of an event; none for what is not an event.
type Ordered = Option<(String, u64, i64)>;
/// What both give for a record; events with what orders them.
type Read = Result<(Record, Ordered), Violations>;

fn generated(codec: &dyn EntityCodec, told: &Told) -> Read {
    match told.form {
        Form::Row => {
            let (names, tuple) = tuple(told);
            let map = codec.columns(&told.source, &names);
            codec.decode_pg(&told.source, &map, &tuple).map(|record| (record, None))
        }
        Form::Event => codec
            .decode_event(&told.source, told.json().as_bytes())
            .map(|event| (event.record, Some((event.event_id, event.order, event.occurred_at_us)))),
        Form::Salesforce => codec
            .decode_salesforce(&told.source, told.json().as_bytes())
            .map(|record| (record, None)),
    }
}

fn interpreted(interpreter: Interpreter<'_>, told: &Told) -> Read {
    match told.form {
        Form::Row => {
            let (names, tuple) = tuple(told);
            let map = interpreter.columns(&told.source, &names);
            interpreter.decode_pg(&told.source, &map, &tuple).map(|record| (record, None))
        }
        Form::Event => interpreter
            .decode_event(&told.source, told.json().as_bytes())
            .map(|event| (event.record, Some((event.event_id, event.order, event.occurred_at_us)))),
        Form::Salesforce => interpreter
            .decode_salesforce(&told.source, told.json().as_bytes())
            .map(|record| (record, None)),
    }
}

fn tuple(told: &Told) -> (Vec<&str>, Vec<PgDatum<'_>>) {
    let datum = |token| match token {
        &Token::Null => PgDatum::Null,
        &Token::Unchanged => PgDatum::Unchanged,
        Token::Text(text) | Token::Json(text) => PgDatum::Text(text.as_bytes()),
    };
    (told.members.keys().map(String::as_str).collect(), told.members.values().map(datum).collect())
}

#[test]
fn both_read_every_record_alike_and_fold_alike() {
    let specs = specs();
    let sources = specs.iter().map(|spec| spec.sources.len()).sum::<usize>();
    let sources = u32::try_from(sources).unwrap();
    for (codec, fold) in GENERATED {
        let spec = specs.iter().find(|spec| spec.name == codec.entity()).unwrap();
        assert_eq!(spec.contract_hash, codec.contract_hash(), "{}", spec.name);
        interpret::with(spec, |interpreter| {
            for source in spec.sources.keys() {
                compare(codec, fold, interpreter, (source, sources));
            }
        })
        .unwrap();
    }
}

fn compare(
    codec: &dyn EntityCodec,
    fold: Fold,
    interpreter: Interpreter<'_>,
    (source, sources): (&str, u32),
) {
    let spec = interpreter.spec();
    let form = form_of(&spec.sources[source]);
    let pools = told::pools(interpreter, source, form);
    let sheet = sheet(Roles { writer: interpreter, reader: interpreter }, source).unwrap();
    let mut dice = Dice::seeded(&spec.name, &format!("{source}{}", salt()));
    let (mut accepted, mut refused) = (0u32, BTreeMap::<String, u32>::new());
    let mut sequence = Vec::new();
    let mut tried = 0;
    for at in records(sources) {
        tried = at;
        let told = match dice.below(3) {
            0 => told::valid(&mut dice, interpreter, &sheet, at),
            _ => told::record(&mut dice, source, form, &pools, at),
        };
        let (one, other) = (generated(codec, &told), interpreted(interpreter, &told));
        assert!(
            one == other,
            "{}\ngenerated: {}\ninterpreted: {}",
            told.json(),
            said(&one),
            said(&other)
        );
        match one {
            Ok((record, order)) => {
                accepted += 1;
                sequence.push((told, record, order));
            }
            Err(violations) => {
                for violation in violations.all {
                    *refused.entry(violation.rule).or_default() += 1;
                }
            }
        }
        if sequence.len() == FOLDED {
            folds_alike(fold, interpreter, &std::mem::take(&mut sequence));
        }
    }
    folds_alike(fold, interpreter, &sequence);
    assert!(accepted > tried / 20, "{}: only {accepted} records were valid", spec.name);
    assert!(refused.len() > 3, "{}: few rules were ever broken: {refused:?}", spec.name);
}

fn said(read: &Read) -> String {
    match read {
        Ok((record, order)) => format!("{:?}, ordered by {order:?}", record.cells),
        Err(violations) => format!("{:?}: {violations}", violations.key.is_some()),
    }
}

/// Folds what the generated code has read with the generated fold, and compares it with what the interpreter makes of the
/// same telling.
fn folds_alike(fold: Fold, interpreter: Interpreter<'_>, told: &[(Told, Record, Ordered)]) {
    let spec = interpreter.spec();
    let mut rows: BTreeMap<Vec<Value>, RowState> = BTreeMap::new();
    for (told, record, order) in told {
        let position = match (told.form, order) {
            (Form::Event, Some((id, order, _))) => Position::event(*order, id),
            (Form::Salesforce, _) => Position::polled(u64::from(told.at)),
            (Form::Row | Form::Event, _) => Position::streamed(Lsn(u64::from(told.at)), 1),
        };
        let origin = Origin {
            source: &told.source,
            version: Version::new(Incarnation::FIRST, position, Revision(0)),
            committed_at_us: 0,
            op: Op::Upsert,
            moved_from: None,
        };
        let Ok(change) = change::change_of(spec, record, &origin, &fold::Sealed) else { continue };
        let empty = || RowState::empty(spec.groups.len());
        fold(rows.entry(change.key.0.clone()).or_insert_with(empty), &change);
    }
    let told: Vec<Told> = told.iter().map(|(told, ..)| told.clone()).collect();
    let outcome = fold::run(interpreter, &told);
    assert_eq!(rows.len(), outcome.rows.len());
    let expected: Vec<_> =
        rows.iter().map(|(key, state)| (key.clone(), plain(spec, state))).collect();
    let mut found: Vec<_> = outcome
        .rows
        .iter()
        .map(|(key, row)| {
            let value = |ix: &usize| {
                let id = spec.fields[*ix].id;
                key.iter().find(|(other, _)| *other == id).unwrap().1.clone()
            };
            let columns = row.columns.iter().filter(|(id, _)| id.part == fold::Part::Plain);
            let plain = columns.map(|(id, typed)| (id.field, typed.value.clone())).collect();
            (spec.key.iter().map(value).collect::<Vec<_>>(), plain)
        })
        .collect();
    found.sort();
    assert!(expected == found, "{} folds differently", spec.name);
}

/// The columns that are kept as they are, by field id.
fn plain(spec: &EntitySpec, state: &RowState) -> BTreeMap<u32, Value> {
    let mut found = BTreeMap::new();
    for (ix, group) in state.groups.iter().enumerate() {
        let Some(group) = group else { continue };
        for (column, value) in covenant_model::columns::of_group(spec, ix).iter().zip(&group.values)
        {
            if column.part == covenant_model::columns::ColumnPart::Plain {
                found.insert(spec.fields[column.field].id, value.clone());
            }
        }
    }
    found
}
