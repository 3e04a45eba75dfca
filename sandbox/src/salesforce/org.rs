//! What an org consists of, as data: objects, fields, validation rules, users. Everything else reads this.

use serde::{Deserialize, Serialize};

/// Longest text a plain text field holds.
pub const TEXT_MAX: u32 = 255;
/// Length of a custom object's name field.
pub const NAME_LENGTH: u32 = 80;

/// An org definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Org {
    /// Standard and custom objects.
    pub objects: Vec<ObjectDef>,
}

/// An sObject type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectDef {
    /// API name, `Account` or `Order_Sync__c`.
    pub name: String,
    /// Label.
    pub label: String,
    /// Plural label.
    pub label_plural: String,
    /// First three characters of its ids; assigned when absent.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// Fields beside the system fields.
    pub fields: Vec<FieldDef>,
    /// Rules that a write must not break.
    #[serde(default)]
    pub validation_rules: Vec<RuleDef>,
    /// False for objects that the API may only read.
    #[serde(default = "yes")]
    pub writable: bool,
}

/// A validation rule: the write is refused when the formula is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDef {
    /// API name.
    pub name: String,
    /// Inactive rules are kept and not run.
    #[serde(default = "yes")]
    pub active: bool,
    /// Formula that is true for what must be refused.
    pub formula: String,
    /// Text of the error.
    pub message: String,
    /// Field the error is shown at.
    #[serde(default)]
    pub field: Option<String>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDef {
    /// API name.
    pub name: String,
    /// Label; error messages use it.
    pub label: String,
    /// Type and its bounds.
    #[serde(flatten)]
    pub kind: FieldKind,
    /// A create without it is refused.
    #[serde(default)]
    pub required: bool,
    /// No two live records share a value.
    #[serde(default)]
    pub unique: bool,
    /// Marked as external id: usable as key of an upsert.
    #[serde(default)]
    pub external_id: bool,
    /// Whether uniqueness and lookups distinguish case.
    #[serde(default)]
    pub case_sensitive: bool,
    /// Usable as key of an upsert although not an external id (`Contact.Email`).
    #[serde(default)]
    pub id_lookup: bool,
    /// False for fields the API may not write.
    #[serde(default = "yes")]
    pub writable: bool,
}

/// Field types with their bounds. Lengths in characters, precision and scale in decimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldKind {
    /// The record id.
    Id,
    /// One line.
    Text { length: u32 },
    /// Several lines, at most 255 characters.
    TextArea { length: u32 },
    /// Several lines, up to 131,072 characters; cannot be filtered.
    LongText { length: u32 },
    /// Address with an at sign.
    Email { length: u32 },
    /// Telephone number.
    Phone { length: u32 },
    /// Web address.
    Url { length: u32 },
    /// Decimal number.
    Number { precision: u8, scale: u8 },
    /// Amount of money.
    Currency { precision: u8, scale: u8 },
    /// Percentage.
    Percent { precision: u8, scale: u8 },
    /// Whole number of a standard field.
    Int { digits: u8 },
    /// True or false, never null.
    Checkbox,
    /// Calendar day.
    Date,
    /// Instant, kept to the second.
    DateTime,
    /// One of a list; other values are refused only when restricted.
    Picklist { values: Vec<String>, restricted: bool },
    /// Several of a list, separated by semicolons.
    MultiPicklist { values: Vec<String>, restricted: bool },
    /// Record of another object.
    Reference {
        /// Object referred to.
        to: String,
        /// Name under which queries and upserts reach the parent.
        relationship: String,
        /// What deleting the parent does.
        on_delete: OnDelete,
    },
    /// Numbered by the org, such as `INV-{00000}`.
    AutoNumber { format: String },
}

/// What deleting a parent does to its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The reference is emptied.
    SetNull,
    /// The delete is refused.
    Restrict,
    /// Children go too.
    Cascade,
}

fn yes() -> bool {
    true
}

impl FieldDef {
    /// An optional field of this type that the API may write.
    #[must_use]
    pub fn new(name: &str, label: &str, kind: FieldKind) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            kind,
            required: false,
            unique: false,
            external_id: false,
            case_sensitive: false,
            id_lookup: false,
            writable: true,
        }
    }

    /// The field, required.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The field, readable only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    /// The field, an external id.
    #[must_use]
    pub fn external(mut self, unique: bool) -> Self {
        self.external_id = true;
        self.unique = unique;
        self
    }
}

impl FieldKind {
    /// A line of up to `length` characters.
    #[must_use]
    pub fn text(length: u32) -> Self {
        Self::Text { length }
    }

    /// Whether values are numbers.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Number { .. } | Self::Currency { .. } | Self::Percent { .. } | Self::Int { .. }
        )
    }
}

impl ObjectDef {
    /// An object without fields.
    #[must_use]
    pub fn new(name: &str, label: &str, label_plural: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            label_plural: label_plural.to_owned(),
            key_prefix: None,
            fields: Vec::new(),
            validation_rules: Vec::new(),
            writable: true,
        }
    }

    /// Adds the field, or replaces the one of that name.
    pub fn put_field(&mut self, field: FieldDef) {
        match self.fields.iter_mut().find(|f| f.name.eq_ignore_ascii_case(&field.name)) {
            Some(slot) => *slot = field,
            None => self.fields.push(field),
        }
    }
}

impl Org {
    /// The object of this name, case ignored.
    #[must_use]
    pub fn object_mut(&mut self, name: &str) -> Option<&mut ObjectDef> {
        self.objects.iter_mut().find(|o| o.name.eq_ignore_ascii_case(name))
    }
}
