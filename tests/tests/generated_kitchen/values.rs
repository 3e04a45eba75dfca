//! Random valid cells, and how each source spells them. Independent of the code under test: dates and times are written
//! by `jiff`, bytes by `base64`.

use base64::Engine;
use covenant_model::record::Cell;
use covenant_model::support::table::{Field, Ty};
use covenant_model::value::{Value, decimal_to_text};
use proptest::prelude::*;

const FIRST_DAY: i32 = -719_162; // 0001-01-01
const LAST_DAY: i32 = 2_932_896; // 9999-12-31
const US_PER_DAY: i64 = 86_400_000_000;

/// A cell that the field's rules allow; `source_may_omit`: absent too.
pub(crate) fn cell(field: &'static Field, source_may_omit: bool) -> BoxedStrategy<Cell> {
    let value = value(field).prop_map(Cell::Value);
    let null = if field.nullable { 1 } else { 0 };
    let absent = if field.optional && source_may_omit { 1 } else { 0 };
    prop_oneof![
        4 => value,
        null => Just(Cell::Value(Value::Null)),
        absent => Just(Cell::Absent),
    ]
    .boxed()
}

fn value(field: &'static Field) -> BoxedStrategy<Value> {
    let low = |other: i128| field.min.unwrap_or(other).max(other);
    let high = |other: i128| field.max.unwrap_or(other).min(other);
    let narrow = |number: i128| i64::try_from(number).unwrap();
    match field.ty {
        Ty::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Ty::Int32 => near_zero(low(i128::from(i32::MIN)), high(i128::from(i32::MAX)))
            .prop_map(move |number| Value::Int(narrow(number)))
            .boxed(),
        Ty::Int64 => near_zero(low(i128::from(i64::MIN)), high(i128::from(i64::MAX)))
            .prop_map(move |number| Value::Int(narrow(number)))
            .boxed(),
        Ty::Decimal { precision, .. } => {
            let limit = 10i128.pow(u32::from(precision)) - 1;
            near_zero(low(-limit), high(limit)).prop_map(Value::Decimal).boxed()
        }
        Ty::String { max_chars } => text(field, max_chars).prop_map(Value::Text).boxed(),
        Ty::Uuid => any::<u128>().prop_map(Value::Uuid).boxed(),
        Ty::Date => (i32::try_from(low(i128::from(FIRST_DAY))).unwrap()..=LAST_DAY)
            .prop_map(Value::Date)
            .boxed(),
        Ty::Timestamp => {
            let day = i64::from(FIRST_DAY) * US_PER_DAY..=i64::from(LAST_DAY) * US_PER_DAY;
            day.prop_map(Value::Timestamp).boxed()
        }
        Ty::Enum { symbols } => {
            proptest::sample::select(symbols).prop_map(|text| Value::Text(text.into())).boxed()
        }
        Ty::Json => {
            proptest::sample::select(&[r#"{"a": [1, 2.5e3]}"#, "[]", "12.0", r#""te\"xt""#])
                .prop_map(|text: &str| Value::Text(text.into()))
                .boxed()
        }
        Ty::Bytes => proptest::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes).boxed(),
    }
}

/// Small numbers as often as any, so that rules between fields sometimes hold and sometimes do not.
fn near_zero(low: i128, high: i128) -> impl Strategy<Value = i128> {
    prop_oneof![low..=high, low.max(-20)..=high.min(20), Just(low), Just(high),]
}

fn text(field: &'static Field, max_chars: u32) -> BoxedStrategy<String> {
    if let Some(pattern) = field.pattern {
        return proptest::string::string_regex(pattern.text()).unwrap().boxed();
    }
    if field.email {
        return "[a-z]{1,9}(\\.[a-z0-9]{1,5})?@[a-z]{1,9}\\.[a-z]{2,4}".boxed();
    }
    let most = if max_chars == 0 { 20 } else { max_chars as usize };
    let chars =
        proptest::collection::vec(any::<char>().prop_filter("no NUL", |c| *c != '\0'), 0..=most);
    prop_oneof![chars.prop_map(String::from_iter), Just("forever".to_owned())].boxed()
}

fn day(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
}

fn instant(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).unwrap().to_string()
}

fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn scale(field: &Field) -> u8 {
    if let Ty::Decimal { scale, .. } = field.ty { scale } else { 0 }
}

/// PostgreSQL's text format.
pub(crate) fn pg(field: &Field, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => if *flag { "t" } else { "f" }.to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(unscaled) => decimal_to_text(*unscaled, scale(field)),
        Value::Text(text) => text.clone(),
        Value::Uuid(number) => uuid(*number),
        Value::Date(days) => day(*days),
        Value::Timestamp(us) => instant(*us).replace('T', " ").replace('Z', "+00"),
        Value::Bytes(bytes) => {
            format!("\\x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    })
}

/// A JSON token; decimals as text, or as a number where `numeric`.
pub(crate) fn json(field: &Field, value: &Value, numeric: bool) -> String {
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(unscaled) if numeric => decimal_to_text(*unscaled, scale(field)),
        Value::Decimal(unscaled) => quoted(decimal_to_text(*unscaled, scale(field))),
        Value::Text(text) if field.ty == Ty::Json => text.clone(),
        Value::Text(text) => quoted(text.clone()),
        Value::Uuid(number) => quoted(uuid(*number).to_uppercase()),
        Value::Date(days) => quoted(day(*days)),
        Value::Timestamp(us) => quoted(instant(*us)),
        Value::Bytes(bytes) => quoted(base64::engine::general_purpose::STANDARD.encode(bytes)),
    }
}
