//! Whether the values of a contract's field and of a field of the org are values of each other.

use covenant_model::spec::FieldSpec;
use covenant_model::value::LogicalType;

use crate::describe::{Field, Kind};
use crate::diagnostic::{Code, codes};
use crate::emit::salesforce::FieldType;

/// Characters of a hyphenated UUID.
const UUID_CHARS: u32 = 36;
/// Longest text that is not a long text area.
const SHORT_TEXT_MAX: u32 = 255;
/// Digits of the numbers that are sent: Salesforce has no more.
const NUMBER_DIGITS: u32 = 18;
/// Digits of every 32-bit integer.
const INT32_DIGITS: u32 = 10;
/// Digits of which all are 32-bit integers.
const INT32_SURE_DIGITS: u32 = 9;
/// Characters of a record's id.
const ID_CHARS: u32 = 18;

/// Why values do not fit.
pub(super) struct Misfit {
    pub(super) code: &'static Code,
    /// The attribute of the describe that says so.
    pub(super) attribute: &'static str,
    /// Behind `` `total` of the contract …``: what it may be.
    pub(super) ours: String,
    /// What the org's field is.
    pub(super) theirs: String,
    pub(super) help: String,
}

/// Whether every value of the contract's field can be written there.
pub(super) fn written(field: &FieldSpec, there: &Field) -> Option<Misfit> {
    match &field.ty {
        LogicalType::Bool => kind(field, there, there.kind == Kind::Boolean, "boolean"),
        LogicalType::Date => kind(field, there, there.kind == Kind::Date, "date"),
        LogicalType::Timestamp => kind(field, there, there.kind == Kind::DateTime, "datetime"),
        LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
            kind(field, there, there.kind.is_number(), "double, currency, percent or int")
                .or_else(|| digits(field, there))
        }
        LogicalType::Enum { symbols } => symbol(field, there, symbols),
        LogicalType::String { .. } | LogicalType::Uuid | LogicalType::Json => {
            let email = there.kind == Kind::Email && field.format.as_deref() != Some("email");
            let free = matches!(there.kind, Kind::Picklist | Kind::MultiPicklist);
            let free = free && !there.restricted;
            kind(field, there, !email && (there.kind.is_text() || free), "string or textarea")
                .or_else(|| characters(field, there))
        }
        LogicalType::Bytes => kind(field, there, false, "none: Salesforce has no type for bytes"),
    }
}

/// Whether the field that the metadata generates is of the same type and takes the values: deploying it widens the org's.
pub(super) fn widened(field: &FieldSpec, there: &Field, code: &Code) -> bool {
    let same = match FieldType::of(field) {
        Ok(FieldType::Number { .. }) => there.kind == Kind::Double,
        Ok(FieldType::Text { .. }) => there.kind == Kind::String,
        Ok(FieldType::LongTextArea { .. }) => there.kind == Kind::TextArea,
        Ok(FieldType::Picklist { .. }) => there.kind == Kind::Picklist,
        Ok(FieldType::Checkbox | FieldType::Email | FieldType::Date | FieldType::DateTime)
        | Err(_) => false,
    };
    same && code.number != codes::ORG_TYPE.number
}

fn kind(field: &FieldSpec, there: &Field, fits: bool, wanted: &str) -> Option<Misfit> {
    (!fits).then(|| Misfit {
        code: &codes::ORG_TYPE,
        attribute: "type",
        ours: format!("is {}", field.ty),
        theirs: format!("is {}", there.shown()),
        help: format!("map a field of the org whose type is {wanted}"),
    })
}

/// Most characters of a field's values; none: without bound.
fn chars(ty: &LogicalType) -> Option<u32> {
    match ty {
        LogicalType::String { max_chars } => *max_chars,
        LogicalType::Uuid => Some(UUID_CHARS),
        LogicalType::Enum { symbols } => {
            symbols.iter().filter_map(|one| u32::try_from(one.chars().count()).ok()).max()
        }
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Json
        | LogicalType::Bytes => None,
    }
}

fn characters(field: &FieldSpec, there: &Field) -> Option<Misfit> {
    let ours = chars(&field.ty);
    // a text without bound goes into a long text area, whatever its length
    let fits = ours.map_or(there.length > SHORT_TEXT_MAX, |chars| chars <= there.length);
    (!fits).then(|| Misfit {
        code: &codes::ORG_SMALLER,
        attribute: "length",
        ours: match ours {
            Some(chars) => format!("may have {chars}"),
            None => "may be of any length".to_owned(),
        },
        theirs: format!("holds {} characters", there.length),
        help: if there.kind == Kind::Email {
            "Salesforce's e-mail fields hold 80: map a text field, or bound the field".to_owned()
        } else {
            let length = there.length;
            format!(
                "bound the field (`string({length})`), map a longer one, or widen it in the org"
            )
        },
    })
}

/// Digits before and behind the point that a field's values need.
fn need(field: &FieldSpec) -> (u32, u32) {
    let bounded = || {
        let digits = |bound: &Option<String>| {
            let bound = bound.as_deref()?;
            let whole = bound.split('.').next()?.trim_start_matches(['-', '+', '0']);
            u32::try_from(whole.len()).ok()
        };
        Some(digits(&field.min)?.max(digits(&field.max)?).max(1))
    };
    match &field.ty {
        LogicalType::Int32 => (bounded().unwrap_or(INT32_DIGITS), 0),
        LogicalType::Int64 => (bounded().unwrap_or(NUMBER_DIGITS).min(NUMBER_DIGITS), 0),
        LogicalType::Decimal { precision, scale } => {
            let whole = u32::from(precision.saturating_sub(*scale));
            (bounded().unwrap_or(whole).min(whole), u32::from(*scale))
        }
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => (0, 0),
    }
}

/// Digits before and behind the point that a number of the org holds.
fn room(there: &Field) -> (u32, u32) {
    if there.kind == Kind::Int {
        (there.digits, 0)
    } else {
        (there.precision.saturating_sub(there.scale), there.scale)
    }
}

fn digits(field: &FieldSpec, there: &Field) -> Option<Misfit> {
    let ((whole, behind), (room, decimals)) = (need(field), room(there));
    let misfit = |attribute, ours: String, theirs: String, help: &str| Misfit {
        code: &codes::ORG_SMALLER,
        attribute,
        ours,
        theirs,
        help: help.to_owned(),
    };
    if behind > decimals {
        return Some(misfit(
            if there.kind == Kind::Int { "type" } else { "scale" },
            format!("has {behind}"),
            format!("keeps {decimals} decimals"),
            "map a field with as many decimals, or give it more in the org",
        ));
    }
    (whole > room).then(|| {
        misfit(
            if there.kind == Kind::Int { "digits" } else { "precision" },
            format!("may have {whole}"),
            format!("holds {room} digits before the point"),
            "bound the field with `min` and `max`, map a larger one, or widen it in the org",
        )
    })
}

fn symbol(field: &FieldSpec, there: &Field, symbols: &[String]) -> Option<Misfit> {
    match there.kind {
        Kind::Picklist | Kind::MultiPicklist if there.restricted => {
            let missing: Vec<String> = symbols
                .iter()
                .filter(|symbol| !there.values.contains(symbol))
                .map(|symbol| format!("`{symbol}`"))
                .collect();
            let open = field.evolution.open;
            (!missing.is_empty() || open).then(|| Misfit {
                code: &codes::ORG_PICKLIST,
                attribute: if missing.is_empty() { "restrictedPicklist" } else { "picklistValues" },
                ours: if missing.is_empty() {
                    "is open: it may be any word".to_owned()
                } else {
                    format!("may be {}", missing.join(", "))
                },
                theirs: format!("takes only {}", listed(&there.values)),
                help: "add the value to the picklist in the org (active), or map a text field"
                    .to_owned(),
            })
        }
        Kind::Picklist | Kind::MultiPicklist => None,
        Kind::Boolean
        | Kind::Int
        | Kind::Double
        | Kind::Currency
        | Kind::Percent
        | Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::EncryptedString
        | Kind::Combobox
        | Kind::Id
        | Kind::Reference
        | Kind::Date
        | Kind::DateTime
        | Kind::Time
        | Kind::Binary
        | Kind::Compound
        | Kind::Other => {
            let text = there.kind.is_text() && there.kind != Kind::Email;
            kind(field, there, text, "picklist, string or textarea")
                .or_else(|| characters(field, there))
        }
    }
}

/// Values that are named in a finding.
const VALUES_SHOWN: usize = 8;

fn listed(values: &[String]) -> String {
    let shown: Vec<String> =
        values.iter().take(VALUES_SHOWN).map(|value| format!("`{value}`")).collect();
    match values.len().checked_sub(VALUES_SHOWN) {
        None | Some(0) if shown.is_empty() => "nothing".to_owned(),
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Whether everything that people may write there is a value of the contract's field.
pub(super) fn told(field: &FieldSpec, there: &Field) -> Option<Misfit> {
    match &field.ty {
        LogicalType::Bool => kind(field, there, there.kind == Kind::Boolean, "boolean"),
        LogicalType::Date => kind(field, there, there.kind == Kind::Date, "date"),
        LogicalType::Timestamp => kind(field, there, there.kind == Kind::DateTime, "datetime"),
        LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
            kind(field, there, there.kind.is_number(), "double, currency, percent or int")
                .or_else(|| told_digits(field, there))
        }
        LogicalType::String { .. } | LogicalType::Uuid | LogicalType::Json => {
            kind(field, there, has_text(there.kind), "a text, picklist or reference")
                .or_else(|| told_characters(field, there))
        }
        LogicalType::Enum { symbols } => kind(field, there, has_text(there.kind), "picklist")
            .or_else(|| told_symbols(field, there, symbols)),
        LogicalType::Bytes => kind(field, there, false, "none: Salesforce has no type for bytes"),
    }
}

/// Whether the values are texts, whoever chooses them.
fn has_text(kind: Kind) -> bool {
    let chosen = matches!(kind, Kind::Picklist | Kind::MultiPicklist | Kind::Id | Kind::Reference);
    kind.is_text() || chosen
}

fn more(attribute: &'static str, ours: String, theirs: String, help: String) -> Misfit {
    Misfit { code: &codes::ORG_TELLS_MORE, attribute, ours, theirs, help }
}

fn told_characters(field: &FieldSpec, there: &Field) -> Option<Misfit> {
    let ours = chars(&field.ty)?;
    let longest =
        || there.values.iter().filter_map(|one| u32::try_from(one.chars().count()).ok()).max();
    let theirs = if there.kind == Kind::Picklist && there.restricted {
        longest().unwrap_or(0)
    } else if matches!(there.kind, Kind::Id | Kind::Reference) {
        ID_CHARS
    } else {
        there.length
    };
    (theirs > ours).then(|| {
        more(
            "length",
            format!("takes {ours} characters"),
            format!("may hold {theirs}"),
            format!("declare `string({theirs})`, or shorten the field in the org"),
        )
    })
}

fn told_digits(field: &FieldSpec, there: &Field) -> Option<Misfit> {
    let (whole, behind) = room(there);
    let (ours, decimals) = match &field.ty {
        LogicalType::Int32 => (INT32_SURE_DIGITS, 0),
        LogicalType::Int64 => (NUMBER_DIGITS, 0),
        LogicalType::Decimal { precision, scale } => {
            (u32::from(precision.saturating_sub(*scale)), u32::from(*scale))
        }
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => return None,
    };
    // Salesforce's own whole numbers are 32-bit integers
    let fits = whole <= ours || (there.kind == Kind::Int && field.ty == LogicalType::Int32);
    (!fits || behind > decimals).then(|| {
        more(
            if fits { "scale" } else { "precision" },
            format!("takes {ours} digits and {decimals} decimals"),
            format!("may have {whole} and {behind}"),
            format!(
                "declare `decimal({},{behind})`, or narrow the field in the org",
                whole + behind
            ),
        )
    })
}

fn told_symbols(field: &FieldSpec, there: &Field, symbols: &[String]) -> Option<Misfit> {
    if field.evolution.open {
        return None;
    }
    let chosen = there.kind == Kind::Picklist && there.restricted;
    if !chosen {
        return Some(more(
            if there.kind == Kind::Picklist { "restrictedPicklist" } else { "type" },
            format!("takes only {}", listed(symbols)),
            "may be any word".to_owned(),
            "restrict the picklist to its values in the org, or declare the enum `open`".to_owned(),
        ));
    }
    let known = |value: &&String| {
        symbols.contains(value) || field.evolution.renamed.contains_key(value.as_str())
    };
    let others: Vec<String> = there.values.iter().filter(|value| !known(value)).cloned().collect();
    (!others.is_empty()).then(|| {
        more(
            "picklistValues",
            format!("takes only {}", listed(symbols)),
            format!("may also be {}", listed(&others)),
            "add the value to the enum, declare it `open`, or deactivate it in the org".to_owned(),
        )
    })
}
