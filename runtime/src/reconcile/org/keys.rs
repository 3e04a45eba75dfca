//! From an external id back to the key: what the CRM knows a row by, and the ledger by its key.

use covenant_model::change::Key;
use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value};

use crate::crm::external_id_of;

/// Readings of one external id that are tried: a text of the key may hold the character that joins the parts.
const READINGS_MAX: usize = 16;

/// The keys that an external id can stand for; none where it is none of ours.
pub(super) fn of(entity: &EntitySpec, external_id: &str) -> Vec<Key> {
    let types: Vec<&LogicalType> =
        entity.key.iter().filter_map(|ix| entity.fields.get(*ix)).map(|field| &field.ty).collect();
    let mut readings = Vec::new();
    read(&types, external_id, &mut Vec::new(), &mut readings);
    readings.retain(|key: &Key| external_id_of(key) == external_id);
    readings
}

fn read(types: &[&LogicalType], rest: &str, so_far: &mut Vec<Value>, readings: &mut Vec<Key>) {
    let Some((ty, others)) = types.split_first() else { return };
    if others.is_empty() {
        if let Some(value) = value(ty, rest) {
            let values = so_far.iter().cloned().chain([value]);
            readings.push(Key(values.collect()));
        }
        return;
    }
    for (at, _) in rest.match_indices(crate::crm::KEY_SEPARATOR) {
        let (Some(first), Some(behind)) = (rest.get(..at), rest.get(at + 1..)) else { continue };
        if readings.len() >= READINGS_MAX {
            return;
        }
        if let Some(value) = value(ty, first) {
            so_far.push(value);
            read(others, behind, so_far, readings);
            so_far.pop();
        }
    }
}

/// The inverse of the text that an external id holds.
fn value(ty: &LogicalType, text: &str) -> Option<Value> {
    Some(match ty {
        LogicalType::Bool => Value::Bool(text.parse().ok()?),
        LogicalType::Int32 | LogicalType::Int64 => Value::Int(text.parse().ok()?),
        LogicalType::Decimal { .. } => Value::Decimal(text.parse().ok()?),
        LogicalType::String { .. } | LogicalType::Enum { .. } | LogicalType::Json => {
            Value::Text(text.to_owned())
        }
        LogicalType::Uuid => Value::Uuid(uuid::Uuid::parse_str(text).ok()?.as_u128()),
        LogicalType::Date => Value::Date(text.parse().ok()?),
        LogicalType::Timestamp => Value::Timestamp(text.parse().ok()?),
        LogicalType::Bytes => Value::Bytes(hex::decode(text).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn keyed(types: &[LogicalType]) -> EntitySpec {
        let mut entity = testing::order();
        entity.key = (0..types.len()).collect();
        for (field, ty) in entity.fields.iter_mut().zip(types) {
            field.ty = ty.clone();
        }
        entity
    }

    #[test]
    fn every_key_is_found_again_by_its_external_id() {
        let text = || LogicalType::String { max_chars: None };
        let cases = [
            (vec![LogicalType::Uuid], vec![Value::Uuid(7)]),
            (vec![LogicalType::Int64], vec![Value::Int(-7)]),
            (vec![text()], vec![Value::Text("C|1".to_owned())]),
            (vec![text(), LogicalType::Int32], vec![Value::Text("a|b".to_owned()), Value::Int(3)]),
            (
                vec![LogicalType::Date, text()],
                vec![Value::Date(1), Value::Text("x|y|z".to_owned())],
            ),
            (vec![LogicalType::Decimal { precision: 5, scale: 2 }], vec![Value::Decimal(125)]),
            (vec![LogicalType::Timestamp], vec![Value::Timestamp(-1)]),
            (vec![LogicalType::Bytes], vec![Value::Bytes(vec![0, 255])]),
        ];
        for (types, values) in cases {
            let key = Key(values);
            let found = of(&keyed(&types), &external_id_of(&key));
            assert!(found.contains(&key), "{key:?}: {found:?}");
        }
        let both = keyed(&[text(), text()]);
        assert_eq!(
            of(&both, "a|b|c").len(),
            2,
            "two readings: the ledger knows which one is a row"
        );
        assert!(of(&keyed(&[LogicalType::Uuid]), "somebody's own").is_empty());
        assert!(of(&keyed(&[LogicalType::Int64]), "007").is_empty(), "not the text that we write");
    }
}
