//! Custom fields: a logical type in Salesforce's terms.

use covenant_model::spec::FieldSpec;
use covenant_model::value::LogicalType;
use serde::Serialize;

use super::TARGET;
use crate::emit::EmitError;

/// Longest text field; longer ones are long text areas, which cannot be filtered or be an external id.
const TEXT_MAX: u32 = 255;
/// Longest e-mail address of Salesforce's own type; longer ones are texts.
const EMAIL_MAX: u32 = 80;
/// Characters of a long text area: its default in the setup pages.
const LONG_TEXT: u32 = 32_768;
/// Most digits of a number.
const NUMBER_DIGITS: u8 = 18;
/// Hyphenated text.
const UUID_CHARS: u32 = 36;
/// Digits and sign.
const INT32_CHARS: u32 = 11;
const INT64_CHARS: u32 = 20;
/// `2026-11-22`
const DATE_CHARS: u32 = 10;

/// What a contract's field is in Salesforce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    Checkbox,
    Number { precision: u8, scale: u8 },
    Text { length: u32 },
    LongTextArea { length: u32 },
    Email,
    Date,
    DateTime,
    Picklist { symbols: Vec<String> },
}

impl FieldType {
    /// Characters of a long text area.
    pub(crate) const LONG_TEXT: u32 = LONG_TEXT;

    /// What the contract's `types` says: `Text(80)`.
    fn declared(text: &str) -> Option<Self> {
        let (word, numbers) = text.split_once('(').unwrap_or((text, ""));
        let mut numbers = numbers.trim_end_matches(')').split(',').map(str::trim);
        match word {
            "Checkbox" => Some(Self::Checkbox),
            "Number" => Some(Self::Number {
                precision: numbers.next()?.parse().unwrap_or(NUMBER_DIGITS),
                scale: numbers.next().map_or(Ok(0), str::parse).ok()?,
            }),
            "Text" => Some(Self::Text { length: numbers.next()?.parse().ok()? }),
            "LongTextArea" => Some(Self::LongTextArea { length: numbers.next()?.parse().ok()? }),
            "Email" => Some(Self::Email),
            "Date" => Some(Self::Date),
            "DateTime" => Some(Self::DateTime),
            _ => None,
        }
    }

    /// Or why Salesforce has no such field.
    pub(crate) fn of(field: &FieldSpec) -> Result<Self, &'static str> {
        let declared = field.terms.types.salesforce.as_deref().and_then(Self::declared);
        if let Some(declared) = declared {
            return Ok(declared);
        }
        Self::of_type(&field.ty, field.format.as_deref() == Some("email"))
    }

    /// What follows from the type; `email` says whether its texts are addresses.
    pub(crate) fn of_type(ty: &LogicalType, email: bool) -> Result<Self, &'static str> {
        match ty {
            LogicalType::Bool => Ok(Self::Checkbox),
            LogicalType::Int32 => Ok(Self::Number { precision: 10, scale: 0 }),
            LogicalType::Int64 => Ok(Self::Number { precision: NUMBER_DIGITS, scale: 0 }),
            LogicalType::Decimal { precision, scale } if *precision <= NUMBER_DIGITS => {
                Ok(Self::Number { precision: *precision, scale: *scale })
            }
            LogicalType::Decimal { .. } => Err("Salesforce numbers have 18 digits"),
            LogicalType::String { max_chars: Some(max) } if email && *max <= EMAIL_MAX => {
                Ok(Self::Email)
            }
            LogicalType::String { max_chars: Some(max) } if *max <= TEXT_MAX => {
                Ok(Self::Text { length: *max })
            }
            LogicalType::String { .. } | LogicalType::Json => {
                Ok(Self::LongTextArea { length: LONG_TEXT })
            }
            LogicalType::Uuid => Ok(Self::Text { length: UUID_CHARS }),
            LogicalType::Date => Ok(Self::Date),
            LogicalType::Timestamp => Ok(Self::DateTime),
            LogicalType::Enum { symbols } => Ok(Self::Picklist { symbols: symbols.clone() }),
            LogicalType::Bytes => Err("Salesforce has no field type for bytes"),
        }
    }

    /// `Text`
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Checkbox => "Checkbox",
            Self::Number { .. } => "Number",
            Self::Text { .. } => "Text",
            Self::LongTextArea { .. } => "LongTextArea",
            Self::Email => "Email",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Picklist { .. } => "Picklist",
        }
    }
}

impl std::fmt::Display for FieldType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Number { precision, scale } => write!(f, "({precision},{scale})"),
            Self::Text { length } | Self::LongTextArea { length } => write!(f, "({length})"),
            Self::Checkbox | Self::Email | Self::Date | Self::DateTime | Self::Picklist { .. } => {
                Ok(())
            }
        }
    }
}

/// A custom field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct CustomField {
    /// `Status__c`
    pub(super) name: String,
    pub(super) label: String,
    pub(super) description: String,
    /// `Text`
    pub(super) ty: &'static str,
    pub(super) length: Option<u32>,
    pub(super) precision: Option<u8>,
    pub(super) scale: Option<u8>,
    /// Symbols of a picklist, in rank order.
    pub(super) symbols: Vec<String>,
    /// Whether the picklist takes its symbols only.
    pub(super) restricted: bool,
    pub(super) external_id: bool,
    pub(super) parent: Option<Parent>,
    /// Whether the pipeline writes it; else Salesforce's people do, and the pipeline only reads it.
    pub(super) delivered: bool,
    /// Whether Salesforce refuses a record without it.
    pub(super) required: bool,
}

/// Where a lookup leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Parent {
    /// `Account`
    pub(super) object: String,
    /// Name of the parent's list of children: `Orders`.
    pub(super) relationship: String,
}

impl CustomField {
    fn new(name: &str, ty: &'static str, description: String) -> Self {
        Self {
            name: name.to_owned(),
            label: label(name),
            description,
            ty,
            length: None,
            precision: None,
            scale: None,
            symbols: Vec::new(),
            restricted: true,
            external_id: false,
            parent: None,
            delivered: true,
            required: false,
        }
    }

    /// A contract's field.
    pub(super) fn of(name: &str, field: &FieldSpec, what: &str) -> Result<Self, EmitError> {
        let ty = typed(field, what)?;
        let description = field.about.clone().unwrap_or_default();
        let plain = Self::new(name, ty.word(), description.trim().to_owned());
        Ok(match ty {
            FieldType::Checkbox | FieldType::Email | FieldType::Date | FieldType::DateTime => plain,
            FieldType::Number { precision, scale } => {
                Self { precision: Some(precision), scale: Some(scale), ..plain }
            }
            FieldType::Text { length } | FieldType::LongTextArea { length } => {
                Self { length: Some(length), ..plain }
            }
            FieldType::Picklist { symbols } => {
                Self { symbols, restricted: !field.evolution.open, ..plain }
            }
        })
    }

    /// The external id: the key's fields joined by `|`.
    pub(super) fn external_id(name: &str, key: &[&FieldSpec]) -> Self {
        let fields: Vec<&str> = key.iter().map(|field| field.name.as_str()).collect();
        let about = format!("Key of the record: {}. Written by Covenant.", fields.join("|"));
        Self { length: Some(key_chars(key)), external_id: true, ..Self::new(name, "Text", about) }
    }

    /// A lookup that travels by the parent's external id.
    pub(super) fn lookup(name: &str, parent: &str, children: &str) -> Self {
        let parent = Parent { object: parent.to_owned(), relationship: children.to_owned() };
        Self { parent: Some(parent), ..Self::new(name, "Lookup", String::new()) }
    }

    /// The delivery revision.
    pub(super) fn revision(name: &str) -> Self {
        let about = "Delivery revision of Covenant. A validation rule refuses a lower one.";
        Self {
            precision: Some(NUMBER_DIGITS),
            scale: Some(0),
            ..Self::new(name, "Number", about.to_owned())
        }
    }

    /// Set where the row was deleted at its source.
    pub(super) fn deleted(name: &str) -> Self {
        Self::new(name, "Checkbox", "Deleted at its source. Written by Covenant.".to_owned())
    }
}

/// What a field is in Salesforce; `what` names it in the contracts.
///
/// # Errors
/// Where Salesforce has no such type.
pub(super) fn typed(field: &FieldSpec, what: &str) -> Result<FieldType, EmitError> {
    FieldType::of(field).map_err(|why| EmitError::Inexpressible {
        target: TARGET,
        what: what.to_owned(),
        why: format!("{why}: leave the field out of sinks.salesforce.fields"),
    })
}

/// Characters of an external id that holds such keys, joined by `|`: as many as a text field has, at most.
pub(crate) fn key_chars(key: &[&FieldSpec]) -> u32 {
    let chars: u32 = key.iter().map(|field| part_chars(&field.ty)).sum();
    let bars = u32::try_from(key.len().saturating_sub(1)).unwrap_or(0);
    chars.saturating_add(bars).clamp(1, TEXT_MAX)
}

fn part_chars(ty: &LogicalType) -> u32 {
    match ty {
        LogicalType::Uuid => UUID_CHARS,
        LogicalType::String { max_chars: Some(max) } => *max,
        LogicalType::Int32 => INT32_CHARS,
        LogicalType::Int64 => INT64_CHARS,
        LogicalType::Date => DATE_CHARS,
        LogicalType::Enum { symbols } => symbols
            .iter()
            .filter_map(|symbol| u32::try_from(symbol.chars().count()).ok())
            .max()
            .unwrap_or(TEXT_MAX),
        LogicalType::Bool
        | LogicalType::Decimal { .. }
        | LogicalType::String { max_chars: None }
        | LogicalType::Timestamp
        | LogicalType::Json
        | LogicalType::Bytes => TEXT_MAX,
    }
}

/// `Order_Number__c` is `Order Number`.
pub(super) fn label(name: &str) -> String {
    name.trim_end_matches("__c").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_like_words() {
        assert_eq!(label("Order_Number__c"), "Order Number");
        assert_eq!(label("Account"), "Account");
    }
}
