use covenant_model::change::{Change, Key};
use covenant_model::columns::{self, landing_columns};
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::{Guard, MAX_PACKED, Version};
use proptest::prelude::*;

use super::parquet::{decode, encode};
use crate::error::ErrorKind;
use crate::testing;

/// Any value of a type, NULL among them.
fn value(ty: LogicalType) -> BoxedStrategy<Value> {
    let some = match ty {
        LogicalType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        LogicalType::Int32 => any::<i32>().prop_map(|n| Value::Int(n.into())).boxed(),
        LogicalType::Int64 => any::<i64>().prop_map(Value::Int).boxed(),
        LogicalType::Decimal { precision, .. } => {
            let limit = 10i128.pow(u32::from(precision));
            ((1 - limit)..limit).prop_map(Value::Decimal).boxed()
        }
        LogicalType::Uuid => any::<u128>().prop_map(Value::Uuid).boxed(),
        LogicalType::Date => any::<i32>().prop_map(Value::Date).boxed(),
        LogicalType::Timestamp => any::<i64>().prop_map(Value::Timestamp).boxed(),
        LogicalType::Bytes => any::<Vec<u8>>().prop_map(Value::Bytes).boxed(),
        LogicalType::String { .. } | LogicalType::Json | LogicalType::Enum { .. } => {
            ".{0,12}".prop_map(Value::Text).boxed()
        }
    };
    prop_oneof![1 => Just(Value::Null), 4 => some].boxed()
}

fn key(entity: &EntitySpec) -> BoxedStrategy<Key> {
    let columns = columns::of_key(entity);
    let values: Vec<_> = columns
        .into_iter()
        .map(|column| value(column.ty).prop_filter("keys are not null", |value| !value.is_null()))
        .collect();
    values.prop_map(Key).boxed()
}

fn guard() -> impl Strategy<Value = Guard> {
    (0..=MAX_PACKED).prop_map(|packed| Guard::from_packed(packed).unwrap())
}

fn group(entity: &EntitySpec, ix: usize) -> BoxedStrategy<Option<GroupState>> {
    let values: Vec<_> =
        columns::of_group(entity, ix).into_iter().map(|column| value(column.ty)).collect();
    proptest::option::of((guard(), values).prop_map(|(guard, values)| GroupState { guard, values }))
        .boxed()
}

pub(super) fn change(entity: &EntitySpec) -> BoxedStrategy<Change> {
    let groups: Vec<_> = (0..entity.groups.len()).map(|ix| group(entity, ix)).collect();
    let existence = proptest::option::of(
        (guard(), any::<bool>()).prop_map(|(guard, alive)| Existence { guard, alive }),
    );
    let version = (0..=MAX_PACKED).prop_map(|packed| Version::from_packed(packed).unwrap());
    let moved = proptest::option::of(key(entity));
    (key(entity), version, any::<i64>(), moved, existence, groups)
        .prop_map(|(key, version, committed_at_us, moved_from, existence, groups)| Change {
            key,
            source: "store".to_owned(),
            version,
            committed_at_us,
            moved_from,
            state: RowState { existence, groups },
        })
        .boxed()
}

/// An entity with a field of every type.
fn every_type() -> EntitySpec {
    let mut entity = testing::order();
    let types = [
        LogicalType::Bool,
        LogicalType::Int32,
        LogicalType::Int64,
        LogicalType::Decimal { precision: 37, scale: 9 },
        LogicalType::String { max_chars: None },
        LogicalType::Uuid,
        LogicalType::Date,
        LogicalType::Timestamp,
        LogicalType::Enum { symbols: vec!["a".to_owned()] },
        LogicalType::Json,
        LogicalType::Bytes,
    ];
    for (id, ty) in (50..).zip(types) {
        let mut field = entity.fields[2].clone();
        field.id = id;
        field.name = format!("extra_{id}");
        field.ty = ty;
        entity.groups[0].fields.push(entity.fields.len());
        entity.fields.push(field);
    }
    entity
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(changes in proptest::collection::vec(change(&every_type()), 0..8)) {
        let entity = every_type();
        let bytes = encode(&entity, &changes).unwrap();
        prop_assert_eq!(encode(&entity, &changes).unwrap(), bytes.clone(), "not the same bytes");
        prop_assert_eq!(decode(&entity, bytes.into()).unwrap(), changes);
    }
}

fn one_change(entity: &EntitySpec) -> Change {
    let version = Version::from_packed(1).unwrap();
    let mut state = RowState::empty(entity.groups.len());
    let values = vec![Value::Decimal(1), Value::Text("c".into()), Value::Text("t".into())];
    let guard = Guard::latest(version);
    let rest = [Value::Null, Value::Null, Value::Timestamp(3)];
    state.groups[0] = Some(GroupState { guard, values: values.into_iter().chain(rest).collect() });
    Change {
        key: Key(vec![Value::Uuid(7)]),
        source: "store".to_owned(),
        version,
        committed_at_us: 5,
        moved_from: None,
        state,
    }
}

#[test]
fn an_older_file_is_read_under_a_newer_contract() {
    let old = testing::order();
    let change = one_change(&old);
    let bytes = encode(&old, std::slice::from_ref(&change)).unwrap();
    let mut new = every_type();
    new.fields[2].name = "renamed".to_owned();
    let read = decode(&new, bytes.into()).unwrap().remove(0);
    let group = read.state.groups[0].clone().unwrap();
    assert_eq!(group.values[..6], change.state.groups[0].as_ref().unwrap().values);
    assert!(group.values[6..].iter().all(Value::is_null));
    assert_eq!(group.values.len(), 6 + 11);
}

#[test]
fn a_newer_file_is_read_under_an_older_contract() {
    let (old, new) = (testing::order(), every_type());
    let mut change = one_change(&new);
    change.state.groups[0].as_mut().unwrap().values.extend(vec![Value::Null; 11]);
    let bytes = encode(&new, &[change]).unwrap();
    let read = decode(&old, bytes.into()).unwrap().remove(0);
    assert_eq!(read.state.groups[0].as_ref().unwrap().values.len(), 6);
}

#[test]
fn another_type_is_refused_with_both_sides_named() {
    let mut entity = testing::order();
    let bytes = encode(&entity, &[one_change(&entity)]).unwrap();
    entity.fields[2].ty = LogicalType::Int64;
    let error = decode(&entity, bytes.into()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.what.contains("total") && error.what.contains("Int64"), "{error}");
}

#[test]
fn a_value_of_another_type_is_not_written() {
    let entity = testing::order();
    let mut change = one_change(&entity);
    change.state.groups[0].as_mut().unwrap().values[0] = Value::Text("12.30".into());
    let error = encode(&entity, &[change]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Bug);
    assert!(!error.to_string().contains("12.30"), "{error}");
}

#[test]
fn bytes_that_are_no_parquet_are_corrupt() {
    let error = decode(&testing::order(), vec![1, 2, 3].into()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
}

#[test]
fn the_columns_are_those_of_the_one_list() {
    let entity = testing::order();
    let bytes = encode(&entity, &[one_change(&entity)]).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        bytes::Bytes::from(bytes),
    )
    .unwrap();
    let names: Vec<_> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted: Vec<_> = landing_columns(&entity).into_iter().map(|column| column.name).collect();
    assert_eq!(names, wanted);
}
