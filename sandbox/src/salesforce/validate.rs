//! Whether one value fits one field: length, digits, list, form.

use super::decimal::Decimal;
use super::errors::{RowError, code};
use super::org::{FieldDef, FieldKind};
use super::value::FieldValue;

/// Longest picklist value.
const PICKLIST_LENGTH: u32 = 255;
/// Longest list of a multi-select picklist.
const MULTI_PICKLIST_LENGTH: u32 = 4_099;

/// Checks a value against its field's bounds and returns it as it is stored (numbers rounded to the field's scale).
///
/// # Errors
/// The reason in Salesforce's words; texts name the label, `fields` the API name.
pub fn fit(field: &FieldDef, value: FieldValue) -> Result<FieldValue, RowError> {
    match (&field.kind, &value) {
        (_, FieldValue::Null) => Ok(value),
        (FieldKind::Number { precision, scale }, FieldValue::Number(n))
        | (FieldKind::Currency { precision, scale }, FieldValue::Number(n))
        | (FieldKind::Percent { precision, scale }, FieldValue::Number(n)) => {
            number(field, *n, *precision, *scale)
        }
        (FieldKind::Int { digits }, FieldValue::Number(n)) => number(field, *n, *digits, 0),
        (FieldKind::Email { length }, FieldValue::Text(text)) => {
            let text = text.to_string();
            length_at_most(field, &text, *length)?;
            email(field, &text)?;
            Ok(value)
        }
        (FieldKind::Picklist { values, restricted }, FieldValue::Text(text)) => {
            length_at_most(field, text, PICKLIST_LENGTH)?;
            listed(field, text, values, *restricted)?;
            Ok(value)
        }
        (FieldKind::MultiPicklist { values, restricted }, FieldValue::Text(text)) => {
            length_at_most(field, text, MULTI_PICKLIST_LENGTH)?;
            for part in text.split(';') {
                listed(field, part.trim(), values, *restricted)?;
            }
            Ok(value)
        }
        (kind, FieldValue::Text(text)) => {
            if let Some(length) = text_length(kind) {
                length_at_most(field, text, length)?;
            }
            Ok(value)
        }
        (
            _,
            FieldValue::Bool(_)
            | FieldValue::Number(_)
            | FieldValue::Date(_)
            | FieldValue::Instant(_),
        ) => Ok(value),
    }
}

/// Longest text a field of this type holds, in characters; `None` where no length applies.
#[must_use]
pub fn text_length(kind: &FieldKind) -> Option<u32> {
    match kind {
        FieldKind::Text { length }
        | FieldKind::TextArea { length }
        | FieldKind::LongText { length }
        | FieldKind::Email { length }
        | FieldKind::Phone { length }
        | FieldKind::Url { length } => Some(*length),
        FieldKind::Picklist { .. } => Some(PICKLIST_LENGTH),
        FieldKind::MultiPicklist { .. } => Some(MULTI_PICKLIST_LENGTH),
        FieldKind::Id
        | FieldKind::Number { .. }
        | FieldKind::Currency { .. }
        | FieldKind::Percent { .. }
        | FieldKind::Int { .. }
        | FieldKind::Checkbox
        | FieldKind::Date
        | FieldKind::DateTime
        | FieldKind::Reference { .. }
        | FieldKind::AutoNumber { .. } => None,
    }
}

fn length_at_most(field: &FieldDef, text: &str, most: u32) -> Result<(), RowError> {
    let fits = u32::try_from(text.chars().count()).is_ok_and(|n| n <= most);
    if fits {
        return Ok(());
    }
    let message = format!("{}: data value too large: {text} (max length={most})", field.label);
    Err(RowError::on(code::STRING_TOO_LONG, message, &field.name))
}

fn number(field: &FieldDef, n: Decimal, precision: u8, scale: u8) -> Result<FieldValue, RowError> {
    let rounded = n.rounded(scale);
    if rounded.integer_digits() > usize::from(precision - scale) {
        let message =
            format!("{}: value outside of valid range on numeric field: {n}", field.label);
        return Err(RowError::on(code::NUMBER_OUTSIDE_VALID_RANGE, message, &field.name));
    }
    Ok(FieldValue::Number(rounded))
}

fn email(field: &FieldDef, text: &str) -> Result<(), RowError> {
    let well_formed = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains('@') && !text.contains(' ')
    });
    if well_formed {
        return Ok(());
    }
    let message = format!("{}: invalid email address: {text}", field.label);
    Err(RowError::on(code::INVALID_EMAIL_ADDRESS, message, &field.name))
}

fn listed(
    field: &FieldDef,
    text: &str,
    values: &[String],
    restricted: bool,
) -> Result<(), RowError> {
    if !restricted || values.iter().any(|v| v == text) {
        return Ok(());
    }
    let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
    Err(RowError::on(code::INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST, message, &field.name))
}

#[cfg(test)]
mod tests {
    use super::fit;
    use crate::salesforce::decimal::Decimal;
    use crate::salesforce::org::{FieldDef, FieldKind};
    use crate::salesforce::value::FieldValue;

    fn number(text: &str) -> FieldValue {
        FieldValue::Number(Decimal::parse(text).expect("number"))
    }

    #[test]
    fn numbers_are_rounded_and_bounded() {
        let field =
            FieldDef::new("Total__c", "Total", FieldKind::Currency { precision: 5, scale: 2 });
        assert_eq!(fit(&field, number("999.994")), Ok(number("999.99")));
        let error = fit(&field, number("999.995")).expect_err("rounds to 1000");
        assert_eq!(error.code.as_str(), "NUMBER_OUTSIDE_VALID_RANGE");
        assert_eq!(error.fields, ["Total__c"]);
    }

    #[test]
    fn length_is_counted_in_characters_and_the_text_names_the_label() {
        let field = FieldDef::new("Name", "Account Name", FieldKind::text(3));
        assert!(fit(&field, FieldValue::text("äöü")).is_ok());
        let error = fit(&field, FieldValue::text("abcd")).expect_err("too long");
        assert_eq!(error.message, "Account Name: data value too large: abcd (max length=3)");
    }

    #[test]
    fn a_restricted_list_refuses_other_values() {
        let list = |restricted| FieldKind::Picklist { values: vec!["a".to_owned()], restricted };
        let open = FieldDef::new("S__c", "Status", list(false));
        assert!(fit(&open, FieldValue::text("b")).is_ok());
        let closed = FieldDef::new("S__c", "Status", list(true));
        let error = fit(&closed, FieldValue::text("b")).expect_err("refused");
        assert_eq!(error.message, "Status: bad value for restricted picklist field: b");
    }

    #[test]
    fn an_address_needs_its_parts() {
        let field = FieldDef::new("Email", "Email", FieldKind::Email { length: 80 });
        assert!(fit(&field, FieldValue::text("a@b.example")).is_ok());
        assert!(fit(&field, FieldValue::text("a@b")).is_err());
        assert!(fit(&field, FieldValue::text("nobody")).is_err());
    }
}
