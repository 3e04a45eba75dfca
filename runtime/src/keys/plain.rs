//! Values out of their canonical bytes ([`Value::canonical`]): what is encrypted is the value, not a spelling of it.

use covenant_model::value::Value;

/// Tag and length.
const HEAD: usize = 1 + size_of::<u64>();

/// The reverse of [`Value::canonical`]; `None` for other bytes.
pub fn from_canonical(bytes: &[u8]) -> Option<Value> {
    let (head, content) = bytes.split_at_checked(HEAD)?;
    let (tag, length) = head.split_first()?;
    if u64::from_be_bytes(length.try_into().ok()?) != content.len() as u64 {
        return None;
    }
    Some(match tag {
        0 => content.is_empty().then_some(Value::Null)?,
        1 => match content {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return None,
        },
        2 => Value::Int(i64::from_be_bytes(content.try_into().ok()?)),
        3 => Value::Decimal(i128::from_be_bytes(content.try_into().ok()?)),
        4 => Value::Text(String::from_utf8(content.to_vec()).ok()?),
        5 => Value::Uuid(u128::from_be_bytes(content.try_into().ok()?)),
        6 => Value::Date(i32::from_be_bytes(content.try_into().ok()?)),
        7 => Value::Timestamp(i64::from_be_bytes(content.try_into().ok()?)),
        8 => Value::Bytes(content.to_vec()),
        _ => return None,
    })
}

/// The canonical bytes of one value.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + 32);
    value.canonical(&mut bytes);
    bytes
}
