//! Any valid record comes back as it was written, from both spellings, and its quality rules are judged as the
//! interpreter judges them.

use std::sync::LazyLock;

use covenant_compiler::plan::Plan;
use covenant_model::codec::{EntityCodec, PgDatum};
use covenant_model::record::{Cell, Record, Violations};
use covenant_model::spec::{EntitySpec, OnFail};
use covenant_model::support::generated::Generated;
use covenant_model::support::table::Entity;
use covenant_model::value::Value;
use proptest::prelude::*;

use crate::{golden, kitchen_event, kitchen_table, values};

static PLAN: LazyLock<Plan> = LazyLock::new(golden::plan);

fn cells(entity: &'static Entity, may_omit: bool) -> impl Strategy<Value = Vec<Cell>> {
    let of = |(ix, field)| values::cell(field, may_omit && !entity.key.contains(&ix));
    entity.fields.iter().enumerate().map(of).collect::<Vec<_>>()
}

/// The quality rules that the interpreter says are broken.
fn broken(spec: &EntitySpec, cells: &[Cell]) -> Vec<String> {
    let record = Record { cells: cells.to_vec() };
    spec.quality
        .iter()
        .filter(|rule| rule.on_fail == OnFail::Quarantine && rule.at_capture)
        .filter(|rule| !rule.expect.holds(spec, &record))
        .map(|rule| format!("quality:{}", rule.name))
        .collect()
}

fn judge(spec: &EntitySpec, cells: Vec<Cell>, decoded: Result<Record, Violations>) {
    let expected = broken(spec, &cells);
    match decoded {
        Ok(record) => {
            assert!(record.cells == cells, "another record came back");
            assert_eq!(expected, Vec::<String>::new());
        }
        Err(found) => {
            let rules: Vec<_> = found.all.iter().map(|one| one.rule.clone()).collect();
            assert_eq!(rules, expected, "{found}");
            assert!(found.key.is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn tuples(cells in cells(&kitchen_table::ENTITY, false)) {
        let spec = PLAN.entity("kitchen.table").unwrap();
        let fields = kitchen_table::ENTITY.fields;
        let names: Vec<_> = fields.iter().map(|field| field.name).collect();
        let texts: Vec<_> = fields
            .iter()
            .zip(&cells)
            .map(|(field, cell)| cell.value().and_then(|value| values::pg(field, value)))
            .collect();
        let tuple: Vec<_> = texts
            .iter()
            .map(|text| text.as_ref().map_or(PgDatum::Null, |text| PgDatum::Text(text.as_bytes())))
            .collect();
        let map = kitchen_table::Codec.columns("store", &names);
        let decoded = kitchen_table::Codec.decode_pg("store", &map, &tuple);
        judge(spec, cells, decoded);
    }

    #[test]
    fn events(
        cells in cells(&kitchen_event::ENTITY, true),
        numeric in any::<bool>(),
        turned in any::<bool>(),
    ) {
        let spec = PLAN.entity("kitchen.event").unwrap();
        let fields = kitchen_event::ENTITY.fields;
        // The time is the event's own: it orders events without a sequence, so it is there and after 1970.
        let mut cells = cells;
        let at_us = match cells[13] {
            Cell::Value(Value::Timestamp(us)) => us.abs() % 4_000_000_000_000_000,
            Cell::Absent | Cell::Value(_) => 0,
        };
        cells[13] = Cell::Value(Value::Timestamp(at_us));
        let mut members = vec!["\"event\": 17".to_owned(), "\"unknown\": {\"x\": [null]}".to_owned()];
        for (field, cell) in fields.iter().zip(&cells) {
            let name = if field.name == "moment" { "at" } else { field.name };
            if let Some(value) = cell.value() {
                members.push(format!("\"{name}\": {}", values::json(field, value, numeric)));
            }
        }
        if turned {
            members.reverse();
        }
        let json = format!("{{ {} }}", members.join(" , "));
        let decoded = kitchen_event::Codec.decode_event("events", json.as_bytes());
        if let Ok(event) = &decoded {
            assert_eq!(event.event_id, "17");
            assert_eq!(i128::from(event.order), i128::from(at_us));
            let (_, row) = kitchen_event::Codec::typed_event("events", json.as_bytes()).unwrap();
            assert_eq!(kitchen_event::Codec::validate(&row), Ok(()));
        }
        judge(spec, cells, decoded.map(|event| event.record));
    }
}

#[test]
fn alarms_do_not_refuse() {
    use covenant_model::support::patch::Patch;
    use covenant_model::support::scalar::Text;
    let row = kitchen_event::KitchenEvent {
        r#type: Patch::Set(Text("forever".into())),
        ..kitchen_event::KitchenEvent::default()
    };
    assert_eq!(row.alarms(), ["type_is_short"]);
    assert_eq!(kitchen_event::Codec::validate(&row), Ok(()));
}
