//! Sequences of every source of an entity: inserts, updates, deletes, rows that move to another key, members that are left out
//! or unchanged, changes that come late, and replays under a higher revision. What the generated code reads and folds, with the
//! rules of capture around it, must be what the interpreter makes of the same telling, row by row.

use std::collections::{BTreeMap, BTreeSet};

use covenant_compiler::witness::compose::{Roles, Sheet, sheet};
use covenant_compiler::witness::fold::{self, Verdict};
use covenant_compiler::witness::interpret::{self, Interpreter};
use covenant_compiler::witness::told::{Act, Form, Token, Told};
use covenant_model::change::{self, Change, Key, Op, Origin};
use covenant_model::codec::EntityCodec;
use covenant_model::columns;
use covenant_model::join::RowState;
use covenant_model::spec::{EntitySpec, KeyChange};
use covenant_model::value::Value;
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};

use super::told::Dice;
use super::{Fold, GENERATED, generated, specs, tuple};

/// Sequences of one entity.
const SEQUENCES: u32 = 60;
/// Records of a sequence.
const STEPS: u32 = 16;
/// Keys of a sequence: few, so that rows meet.
const KEYS: usize = 3;

/// What a sequence has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    Upsert,
    Delete,
    Moved,
    MoveRefused,
    LeftOut,
    Unchanged,
    Null,
    Late,
    Replayed,
    SeveralSources,
    Refused,
    BackFromTheDead,
}

#[test]
fn sequences_of_all_sources_fold_alike() {
    let specs = specs();
    let mut everywhere = BTreeMap::new();
    for (codec, fold) in GENERATED {
        let spec = specs.iter().find(|spec| spec.name == codec.entity()).unwrap();
        let met = interpret::with(spec, |interpreter| of_entity(codec, fold, interpreter)).unwrap();
        println!("{}: {met:?}", spec.name);
        for (what, count) in met {
            *everywhere.entry(what).or_insert(0) += count;
        }
    }
    for what in [
        Met::Upsert,
        Met::Delete,
        Met::Moved,
        Met::MoveRefused,
        Met::LeftOut,
        Met::Unchanged,
        Met::Null,
        Met::Late,
        Met::Replayed,
        Met::SeveralSources,
        Met::Refused,
        Met::BackFromTheDead,
    ] {
        assert!(everywhere.get(&what).is_some_and(|count| *count > 5), "{what:?}: {everywhere:?}");
    }
}

fn of_entity(
    codec: &dyn EntityCodec,
    fold: Fold,
    interpreter: Interpreter<'_>,
) -> BTreeMap<Met, u32> {
    let spec = interpreter.spec();
    let roles = Roles { writer: interpreter, reader: interpreter };
    let sheets: Vec<Sheet> =
        spec.sources.keys().filter_map(|source| sheet(roles, source)).collect();
    let mut met = BTreeMap::new();
    for number in 0..SEQUENCES {
        let mut dice = Dice::seeded(&spec.name, &format!("sequence {number}"));
        let told = sequence(&mut dice, interpreter, &sheets, &mut met);
        compare(codec, fold, interpreter, &told, &mut met);
    }
    met
}

fn count(met: &mut BTreeMap<Met, u32>, what: Met) {
    *met.entry(what).or_insert(0) += 1;
}

/// Records of any source, over few keys.
fn sequence(
    dice: &mut Dice,
    interpreter: Interpreter<'_>,
    sheets: &[Sheet],
    met: &mut BTreeMap<Met, u32>,
) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    for step in 1..=STEPS {
        let earlier = all.get(dice.below(all.len())).cloned();
        let table = |told: &Told| told.form == Form::Row && told.act == Act::Upsert;
        let next = match (dice.below(10), earlier) {
            (0 | 1, Some(row)) if table(&row) => {
                count(met, Met::Delete);
                row.deleted(step)
            }
            (2 | 3, Some(row)) if table(&row) => {
                let sheet = sheets.iter().find(|sheet| sheet.source == row.source).unwrap();
                one(dice, interpreter, sheet, step).moving(&row)
            }
            // The same place in the source's order, derived again: by another contract it may say something else.
            (4 | 5, Some(row)) => {
                count(met, Met::Replayed);
                replayed(dice, interpreter, sheets, &row)
            }
            (6, Some(_)) => {
                count(met, Met::Late);
                let late = u32::try_from(dice.below(step as usize)).unwrap();
                {
                    let sheet = dice_sheet(dice, sheets);
                    one(dice, interpreter, sheet, late)
                }
            }
            _ => {
                count(met, Met::Upsert);
                {
                    let sheet = dice_sheet(dice, sheets);
                    one(dice, interpreter, sheet, step)
                }
            }
        };
        all.push(next);
    }
    notice(&all, sheets, met);
    all
}

fn dice_sheet<'s>(dice: &mut Dice, sheets: &'s [Sheet]) -> &'s Sheet {
    &sheets[dice.below(sheets.len())]
}

/// A record of one of a few keys, with some other members as they may be.
fn one(dice: &mut Dice, interpreter: Interpreter<'_>, sheet: &Sheet, at: u32) -> Told {
    let spec = interpreter.spec();
    let keys = covenant_compiler::witness::compose::ids(spec, &spec.key);
    let mut fixed = BTreeMap::new();
    for (place, slot) in sheet.slots.iter().enumerate() {
        let valid = if slot.fields.iter().any(|id| keys.contains(id)) {
            &slot.valid[..slot.valid.len().min(KEYS)]
        } else if dice.below(3) == 0 {
            &slot.valid[..]
        } else {
            continue;
        };
        fixed.insert(place, valid[dice.below(valid.len())].clone());
    }
    let roles = Roles { writer: interpreter, reader: interpreter };
    sheet.compose(roles, &fixed, at, &|_| false)
}

/// The same record under a higher revision. Its members may read otherwise than before: that is why it is derived again.
fn replayed(dice: &mut Dice, interpreter: Interpreter<'_>, sheets: &[Sheet], row: &Told) -> Told {
    let spec = interpreter.spec();
    let keys = covenant_compiler::witness::compose::ids(spec, &spec.key);
    let sheet = sheets.iter().find(|sheet| sheet.source == row.source).unwrap();
    let mut again = one(dice, interpreter, sheet, row.at);
    for slot in sheet.slots.iter().filter(|slot| slot.fields.iter().any(|id| keys.contains(id))) {
        again.members.extend(
            row.members
                .get_key_value(&slot.name)
                .map(|(name, token)| (name.clone(), token.clone())),
        );
    }
    Told { members: again.members, revision: row.revision + 1, ..row.clone() }
}

fn notice(all: &[Told], sheets: &[Sheet], met: &mut BTreeMap<Met, u32>) {
    for told in all {
        let sheet = sheets.iter().find(|sheet| sheet.source == told.source).unwrap();
        let absent = |name: &String| !told.members.contains_key(name);
        if sheet.slots.iter().any(|slot| absent(&slot.name)) {
            count(met, Met::LeftOut);
        }
        for (what, token) in [(Met::Unchanged, Token::Unchanged), (Met::Null, Token::Null)] {
            if told.members.values().any(|one| *one == token) {
                count(met, what);
            }
        }
    }
    let sources: BTreeSet<&str> = all.iter().map(|told| told.source.as_str()).collect();
    if sources.len() > 1 {
        count(met, Met::SeveralSources);
    }
}

/// Rows as the generated fold makes them, and where they moved.
#[derive(Default)]
struct Rows {
    rows: BTreeMap<Key, RowState>,
    moves: BTreeMap<Key, BTreeSet<Key>>,
}

impl Rows {
    fn fold(&mut self, fold: Fold, change: &Change) {
        let empty = RowState::empty(change.state.groups.len());
        fold(self.rows.entry(change.key.clone()).or_insert(empty), change);
        if let Some(old) = &change.moved_from {
            self.moves.entry(old.clone()).or_default().insert(change.key.clone());
        }
        while self.carry(fold, change) {}
    }

    /// What is known of a row goes along with it, wherever it went. Whether anything changed.
    fn carry(&mut self, fold: Fold, like: &Change) -> bool {
        let mut changed = false;
        for (from, targets) in &self.moves {
            let Some(state) = self.rows.get(from).cloned() else { continue };
            for key in targets {
                let empty = RowState::empty(state.groups.len());
                let state = RowState { existence: None, groups: state.groups.clone() };
                let change = Change { key: key.clone(), moved_from: None, state, ..like.clone() };
                changed |= fold(self.rows.entry(key.clone()).or_insert(empty), &change);
            }
        }
        changed
    }
}

fn compare(
    codec: &dyn EntityCodec,
    fold: Fold,
    interpreter: Interpreter<'_>,
    told: &[Told],
    met: &mut BTreeMap<Met, u32>,
) {
    let spec = interpreter.spec();
    let mut rows = Rows::default();
    let outcome = fold::run(interpreter, told);
    for (one, verdict) in told.iter().zip(&outcome.verdicts) {
        let (changes, refused) = captured(codec, spec, one);
        let said = match verdict {
            Verdict::Accepted => Vec::new(),
            Verdict::Refused(violations) => violations.iter().map(|one| one.rule.clone()).collect(),
        };
        assert_eq!(refused, said, "{}: {}", spec.name, one.line());
        if refused == ["key_change"] {
            count(met, Met::MoveRefused);
        } else if !refused.is_empty() {
            count(met, Met::Refused);
        }
        for change in &changes {
            if change.moved_from.is_some() {
                count(met, Met::Moved);
            }
            let was_dead = rows
                .rows
                .get(&change.key)
                .is_some_and(|row| row.existence.is_some_and(|existence| !existence.alive));
            rows.fold(fold, change);
            if was_dead && rows.rows.get(&change.key).is_some_and(RowState::alive) {
                count(met, Met::BackFromTheDead);
            }
        }
    }
    let lines = || told.iter().map(Told::line).collect::<Vec<_>>().join("\n");
    let mut found: BTreeMap<Vec<Value>, (Option<bool>, Vec<Value>)> = BTreeMap::new();
    for (key, row) in &outcome.rows {
        let value = |ix: &usize| {
            let id = spec.fields[*ix].id;
            key.iter().find(|(other, _)| *other == id).unwrap().1.clone()
        };
        let columns = row.columns.values().map(|typed| typed.value.clone());
        found.insert(spec.key.iter().map(value).collect(), (row.alive, columns.collect()));
    }
    let expected: BTreeMap<_, _> =
        rows.rows.iter().map(|(key, state)| (key.0.clone(), stored(spec, state))).collect();
    assert!(expected == found, "{} folds differently:\n{}", spec.name, lines());
}

/// Whether the row is there, and every stored column of it, protected ones too, by field.
fn stored(spec: &EntitySpec, state: &RowState) -> (Option<bool>, Vec<Value>) {
    let mut found = BTreeMap::new();
    for (ix, group) in state.groups.iter().enumerate() {
        let Some(group) = group else { continue };
        for (column, value) in columns::of_group(spec, ix).iter().zip(&group.values) {
            let part = match column.part {
                columns::ColumnPart::Plain => 0,
                columns::ColumnPart::Cipher => 1,
                columns::ColumnPart::Token => 2,
            };
            found.insert((spec.fields[column.field].id, part), value.clone());
        }
    }
    (state.existence.map(|existence| existence.alive), found.into_values().collect())
}

/// What capture makes of a record with the generated code, and the rules that it breaks.
fn captured(codec: &dyn EntityCodec, spec: &EntitySpec, told: &Told) -> (Vec<Change>, Vec<String>) {
    let key_of = |members: &BTreeMap<String, Token>| {
        let like = Told { members: members.clone(), ..told.clone() };
        let (names, datums) = tuple(&like);
        codec.decode_pg_key(&codec.columns(&told.source, &names), &datums).map(Key)
    };
    let rules = |violations: covenant_model::record::Violations| {
        violations.all.into_iter().map(|one| one.rule).collect::<Vec<_>>()
    };
    let at = |ordinal| Place { told, ordinal, event: None };
    match (told.act, told.before.is_empty()) {
        (Act::Delete, _) => match key_of(&told.members) {
            Ok(key) => {
                (vec![change::delete_of(spec, key, &at(1).origin(Op::Delete, None))], vec![])
            }
            Err(violations) => (vec![], rules(violations)),
        },
        (Act::Upsert, true) => upsert(codec, spec, told, 1, None),
        (Act::Upsert, false) => {
            let before = match key_of(&told.before) {
                Ok(before) => before,
                Err(violations) => return (vec![], rules(violations)),
            };
            match key_of(&told.members) {
                Ok(after) if after != before => {
                    let owns = spec.existence_owner == told.source;
                    if spec.key_change != KeyChange::Rekey || !owns {
                        return (vec![], vec!["key_change".to_owned()]);
                    }
                    let gone = at(1).origin(Op::Delete, None);
                    let mut changes = vec![change::delete_of(spec, before.clone(), &gone)];
                    let (more, refused) = upsert(codec, spec, told, 2, Some(before));
                    changes.extend(more);
                    (changes, refused)
                }
                Ok(_) | Err(_) => upsert(codec, spec, told, 1, None),
            }
        }
    }
}

fn upsert(
    codec: &dyn EntityCodec,
    spec: &EntitySpec,
    told: &Told,
    ordinal: u32,
    moved_from: Option<Key>,
) -> (Vec<Change>, Vec<String>) {
    match generated(codec, told) {
        Ok((record, event)) => {
            let event = event.map(|(id, order, _)| (order, id));
            let origin = Place { told, ordinal, event }.origin(Op::Upsert, moved_from);
            match change::change_of(spec, &record, &origin, &fold::Sealed) {
                Ok(change) => (vec![change], vec![]),
                Err(_) => (vec![], vec!["change".to_owned()]),
            }
        }
        Err(violations) => (vec![], violations.all.into_iter().map(|one| one.rule).collect()),
    }
}

/// Where a change stands in its source's order.
struct Place<'t> {
    told: &'t Told,
    ordinal: u32,
    /// Order and id of an event.
    event: Option<(u64, String)>,
}

impl<'t> Place<'t> {
    fn origin(&self, op: Op, moved_from: Option<Key>) -> Origin<'t> {
        let at = u64::from(self.told.at);
        let position = match (self.told.form, &self.event) {
            (Form::Event, Some((order, id))) => Position::event(*order, id),
            (Form::Salesforce, _) => Position::polled(at),
            (Form::Row | Form::Event, _) => Position::streamed(Lsn(at), self.ordinal),
        };
        let version = Version::new(Incarnation::FIRST, position, Revision(self.told.revision));
        Origin { source: &self.told.source, version, committed_at_us: 0, op, moved_from }
    }
}
