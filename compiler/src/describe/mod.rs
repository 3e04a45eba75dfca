//! What a Salesforce org says of its objects: the answer of `GET sobjects/<Object>/describe`, committed beside the contracts
//! as `<Object>.describe.json`. The compiler holds every mapping against it, so that what the org would refuse is refused
//! before anything is deployed. Attributes: the describe resource of the REST API; recorded answers of real orgs.

mod kind;
mod read;

use std::collections::BTreeMap;

pub use kind::Kind;
pub use read::{read, read_node};

use crate::source::{FileId, Span};

/// What the names of describe files end with.
pub const SUFFIX: &str = ".describe.json";
/// Largest describe, in bytes: an org allows 800 custom fields of about 2 KB each.
pub const DESCRIBE_BYTES_MAX: usize = 8 << 20;

/// Whether a file is a describe, by its name.
pub fn is_describe(path: &str) -> bool {
    path.ends_with(SUFFIX)
}

/// A describe file: what it says, where it says anything.
#[derive(Clone, Debug)]
pub struct Described {
    /// As in the source set, `/` between parts.
    pub path: String,
    /// The file.
    pub file: FileId,
    /// Name of the file without [`SUFFIX`]: the object that it should describe.
    pub stem: String,
    /// Nothing: it could not be read, which has been reported.
    pub object: Option<SObject>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SObject {
    /// `Account`
    pub name: String,
    /// Where the name stands.
    pub at: Span,
    /// `60.0`, from the object's own address, and where that stands.
    pub version: Option<(String, Span)>,
    /// `acme.my.salesforce.com`: whose pages show a record, and where that stands.
    pub host: Option<(String, Span)>,
    /// Whether records can be created.
    pub createable: bool,
    /// Whether records can be changed.
    pub updateable: bool,
    /// Whether records can be deleted.
    pub deletable: bool,
    /// Whether records can be read by a query.
    pub queryable: bool,
    /// Whether it holds settings and no data.
    pub custom_setting: bool,
    /// `Account`, for people.
    pub label: String,
    /// In the order of the answer.
    pub fields: Vec<Field>,
    spans: BTreeMap<&'static str, Span>,
}

impl SObject {
    /// The field of that API name; Salesforce does not look at upper and lower case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field behind a relationship name such as `Customer__r`.
    pub fn relationship(&self, name: &str) -> Option<&Field> {
        let named = |field: &&Field| {
            field.relationship.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        self.fields.iter().find(named)
    }

    /// Where an attribute stands, or the object's name.
    pub fn span(&self, attribute: &str) -> Span {
        self.spans.get(attribute).copied().unwrap_or(self.at)
    }
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `Phone`
    pub name: String,
    /// Where the name stands.
    pub at: Span,
    /// Position in `fields` of the answer, from 0.
    pub ix: usize,
    /// Its type.
    pub kind: Kind,
    /// The type's name in the answer.
    pub kind_name: String,
    /// For people.
    pub label: String,
    /// Characters of texts, else 0.
    pub length: u32,
    /// Digits of numbers with a point, else 0.
    pub precision: u32,
    /// Of them behind the point.
    pub scale: u32,
    /// Digits of whole numbers, else 0.
    pub digits: u32,
    /// Whether a new record may have a value of ours.
    pub createable: bool,
    /// Whether it may be changed.
    pub updateable: bool,
    /// Whether Salesforce computes it.
    pub calculated: bool,
    /// Whether it may be empty.
    pub nillable: bool,
    /// Whether Salesforce fills it in new records that lack it.
    pub defaulted: bool,
    /// Whether it is declared as key of other systems.
    pub external_id: bool,
    /// Whether records can be addressed by it.
    pub id_lookup: bool,
    /// Whether no two records share a value.
    pub unique: bool,
    /// Whether `a` and `A` are two values of a unique field.
    pub case_sensitive: bool,
    /// Whether a query may ask for its values.
    pub filterable: bool,
    /// Whether the API takes only values of the list.
    pub restricted: bool,
    /// Active values of a picklist.
    pub values: Vec<String>,
    /// Objects that a reference may lead to.
    pub refers_to: Vec<String>,
    /// `Customer__r`
    pub relationship: Option<String>,
    /// Whether permission sets can grant it.
    pub permissionable: bool,
    /// The field that permission sets name instead of a part: `BillingAddress`.
    pub compound: Option<String>,
    /// Numbered by Salesforce.
    pub auto_number: bool,
    spans: BTreeMap<&'static str, Span>,
}

impl Field {
    /// Where an attribute stands, or the field's name.
    pub fn span(&self, attribute: &str) -> Span {
        self.spans.get(attribute).copied().unwrap_or(self.at)
    }

    /// `fields[4].Name`: the way to it in the answer.
    pub fn place(&self) -> String {
        format!("fields[{}].{}", self.ix, self.name)
    }

    /// Whether Salesforce refuses a new record without it.
    pub fn demanded(&self) -> bool {
        self.createable && !self.nillable && !self.defaulted && self.kind != Kind::Boolean
    }

    /// `string(80)`, `double(18,2)`, `picklist`.
    pub fn shown(&self) -> String {
        let name = &self.kind_name;
        if self.kind.is_text() {
            return format!("{name}({})", self.length);
        }
        match self.kind {
            Kind::Int => format!("{name}({})", self.digits),
            Kind::Double | Kind::Currency | Kind::Percent => {
                format!("{name}({},{})", self.precision, self.scale)
            }
            Kind::Boolean
            | Kind::String
            | Kind::TextArea
            | Kind::Email
            | Kind::Phone
            | Kind::Url
            | Kind::EncryptedString
            | Kind::Combobox
            | Kind::Picklist
            | Kind::MultiPicklist
            | Kind::Id
            | Kind::Reference
            | Kind::Date
            | Kind::DateTime
            | Kind::Time
            | Kind::Binary
            | Kind::Compound
            | Kind::Other => name.clone(),
        }
    }
}
