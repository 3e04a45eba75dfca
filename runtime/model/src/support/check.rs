//! Reading and checking one record: every violation is noted, and reading goes on. No message holds a value.

use std::borrow::Cow;

use crate::record::{Violation, Violations};
use crate::spec::FieldIx;
use crate::support::email;
use crate::support::patch::Patch;
use crate::support::raw::Raw;
use crate::support::scalar::Scalar;
use crate::support::table::{Entity, Field, Ty};
use crate::support::time::Spelling;
use crate::value::Value;

/// Violations of one record as they are found.
#[derive(Debug)]
pub struct Check<'c> {
    entity: &'c Entity<'c>,
    /// The field that is being read.
    field: FieldIx,
    spelling: Spelling,
    /// With the place to sort by: 0 for the whole record, fields from 1, quality rules behind all fields.
    found: Vec<(usize, Violation)>,
}

impl<'c> Check<'c> {
    /// Nothing found yet.
    pub fn new(entity: &'c Entity<'c>, spelling: Spelling) -> Self {
        Self { entity, field: 0, spelling, found: Vec::new() }
    }

    /// How instants are spelled here.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// The next violations are the field's.
    pub fn at(&mut self, field: FieldIx) {
        self.field = field;
    }

    /// Whether nothing was found.
    pub fn passed(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether the field has broken a rule.
    pub fn broken(&self, field: FieldIx) -> bool {
        self.found.iter().any(|(place, _)| *place == field + 1)
    }

    /// Every violation, in field order, quality rules last.
    pub fn finish(mut self, key: Option<Vec<Value>>) -> Violations {
        self.found.sort_by_key(|(place, _)| *place);
        Violations { key, all: self.found.into_iter().map(|(_, violation)| violation).collect() }
    }

    /// The contract's row of the field that is being read.
    pub fn spec(&self) -> Option<&'c Field<'c>> {
        self.entity.fields.get(self.field)
    }

    /// Notes a violation of the field that is being read.
    #[cold]
    pub fn note(&mut self, rule: &str, message: impl Into<String>) {
        let field = self.spec().map(|field| field.name.to_owned());
        let violation = Violation { field, rule: rule.to_owned(), message: message.into() };
        self.found.push((self.field + 1, violation));
    }

    /// Notes a violation that is about no field of the entity, or about a member that is none.
    #[cold]
    pub fn note_whole(&mut self, field: Option<&str>, rule: &str, message: &str) {
        let violation = Violation {
            field: field.map(str::to_owned),
            rule: rule.to_owned(),
            message: message.to_owned(),
        };
        self.found.push((0, violation));
    }

    /// Notes that the field's quality rule does not hold.
    #[cold]
    pub fn quality(&mut self, rule: usize) {
        let Some(quality) = self.entity.quality.get(rule) else { return };
        let violation = Violation {
            field: None,
            rule: quality.rule.to_owned(),
            message: format!("does not hold: {}", quality.text),
        };
        self.found.push((self.entity.fields.len() + 1 + rule, violation));
    }

    /// Notes that the value is of another kind.
    #[cold]
    pub fn wrong_type(&mut self, raw: Raw<'_>) {
        let Some(field) = self.spec() else { return };
        let found = found(field.ty, raw);
        self.note("type", format!("expected {}, found {found}", field.ty));
    }

    /// Notes that the field is missing or null.
    #[cold]
    pub fn missing(&mut self, what: &str) {
        self.note("required", format!("is required, found {what}"));
    }

    /// Checks a number against the field's bounds.
    pub fn number(&mut self, number: i128) {
        let Some(field) = self.spec() else { return };
        if field.min.is_some_and(|min| number < min) {
            self.note("min", format!("expected at least {}, found less", bound(field, field.min)));
        }
        if field.max.is_some_and(|max| number > max) {
            self.note("max", format!("expected at most {}, found more", bound(field, field.max)));
        }
    }

    /// Checks a text against the field's length, pattern and format.
    pub fn text(&mut self, text: &str) {
        let Some(field) = self.spec() else { return };
        if let Ty::String { max_chars } = field.ty {
            let most = max_chars as usize;
            // A text never has more characters than bytes.
            if max_chars > 0 && text.len() > most && text.chars().nth(most).is_some() {
                self.note("max_chars", format!("expected at most {most} characters, found more"));
            }
        }
        if let Some(pattern) = field.pattern
            && !pattern.matches(text)
        {
            self.note("pattern", format!("expected text of the form {}", pattern.text()));
        }
        if field.email && !email::is_email(text) {
            self.note("format", "expected an e-mail address");
        }
    }

    /// Place of a symbol in the declared order.
    pub fn symbol(&mut self, raw: Raw<'_>) -> Option<usize> {
        let Some(Ty::Enum { symbols }) = self.spec().map(|field| field.ty) else { return None };
        let Some(text) = raw.text() else {
            self.wrong_type(raw);
            return None;
        };
        let known = |name: &str| symbols.iter().position(|symbol| *symbol == name);
        let renamed = || {
            let names = self.spec().map(|field| field.renamed).unwrap_or_default();
            names.iter().find(|(old, _)| *old == text).and_then(|(_, now)| known(now))
        };
        let place = known(&text).or_else(renamed);
        if place.is_none() {
            self.note("symbol", format!("expected one of {}, found another", symbols.join(", ")));
        }
        place
    }

    /// The text of a string, unchecked but for its kind.
    pub fn string<'a>(&mut self, raw: Raw<'a>) -> Option<Cow<'a, str>> {
        let text = raw.text();
        if text.is_none() {
            self.wrong_type(raw);
        }
        text
    }
}

/// Reads a field; a null where none is allowed is a violation.
pub fn take<'a, T: Scalar<'a>>(raw: Raw<'a>, check: &mut Check<'_>) -> Patch<T> {
    if let Raw::Null = raw {
        if check.spec().is_some_and(|field| field.nullable) {
            return Patch::Null;
        }
        check.missing("null");
        return Patch::Absent;
    }
    T::read(raw, check).map_or(Patch::Absent, Patch::Set)
}

/// Reads a field of the key, which is never null. After a violation the record is refused, and the default never seen.
pub fn take_key<'a, T: Scalar<'a> + Default>(raw: Raw<'a>, check: &mut Check<'_>) -> T {
    if let Raw::Null = raw {
        check.missing("null");
        return T::default();
    }
    T::read(raw, check).unwrap_or_default()
}

/// What kind of thing was found instead of the type.
fn found(ty: Ty<'_>, raw: Raw<'_>) -> &'static str {
    let Some(text) = raw.text() else { return raw.kind() };
    let lower = text.trim_start_matches('-').to_ascii_lowercase();
    match ty {
        Ty::Decimal { .. } | Ty::Int32 | Ty::Int64 if lower == "nan" => "not a number",
        Ty::Decimal { .. } | Ty::Int32 | Ty::Int64 | Ty::Date | Ty::Timestamp
            if lower.starts_with("infinity") =>
        {
            "infinity"
        }
        Ty::Date | Ty::Timestamp if lower.ends_with(" bc") => "a year before Christ",
        Ty::Timestamp if raw_is_local(&lower) => "a time without its offset from UTC",
        Ty::Bool
        | Ty::Int32
        | Ty::Int64
        | Ty::Decimal { .. }
        | Ty::String { .. }
        | Ty::Uuid
        | Ty::Date
        | Ty::Timestamp
        | Ty::Enum { .. }
        | Ty::Json
        | Ty::Bytes => "other text",
    }
}

/// Whether a text would be an instant if it had an offset.
fn raw_is_local(text: &str) -> bool {
    use crate::support::time::timestamp;
    timestamp(format!("{text}+00").as_bytes(), Spelling::Postgres).is_some()
        || timestamp(format!("{text}Z").as_bytes(), Spelling::Rfc3339).is_some()
}

/// A bound as the contract would write it; dates and times as their number.
fn bound(field: &Field<'_>, bound: Option<i128>) -> String {
    let number = bound.unwrap_or_default();
    match field.ty {
        Ty::Decimal { scale, .. } => crate::value::decimal_to_text(number, scale),
        Ty::Date => format!("day {number} since 1970"),
        Ty::Timestamp => format!("{number} microseconds since 1970"),
        Ty::Bool
        | Ty::Int32
        | Ty::Int64
        | Ty::String { .. }
        | Ty::Uuid
        | Ty::Enum { .. }
        | Ty::Json
        | Ty::Bytes => number.to_string(),
    }
}
