//! Types of fields, as describes name them.

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words are Salesforce's own")]
pub enum Kind {
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    String,
    TextArea,
    Email,
    Phone,
    Url,
    EncryptedString,
    Combobox,
    Picklist,
    MultiPicklist,
    Id,
    Reference,
    Date,
    DateTime,
    Time,
    /// `base64`: files.
    Binary,
    /// `address`, `location`: several fields shown as one, read only.
    Compound,
    /// `anyType`, `complexvalue`, and words of later versions: nothing that a contract has a type for.
    Other,
}

impl Kind {
    /// By the word of the answer.
    pub fn of(word: &str) -> Self {
        match word {
            "boolean" => Self::Boolean,
            "int" | "integer" | "long" => Self::Int,
            "double" => Self::Double,
            "currency" => Self::Currency,
            "percent" => Self::Percent,
            "string" => Self::String,
            "textarea" => Self::TextArea,
            "email" => Self::Email,
            "phone" => Self::Phone,
            "url" => Self::Url,
            "encryptedstring" => Self::EncryptedString,
            "combobox" => Self::Combobox,
            "picklist" => Self::Picklist,
            "multipicklist" => Self::MultiPicklist,
            "id" => Self::Id,
            "reference" => Self::Reference,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "time" => Self::Time,
            "base64" => Self::Binary,
            "address" | "location" => Self::Compound,
            _ => Self::Other,
        }
    }

    /// Whether its values are texts that anybody may write, of a length.
    pub fn is_text(self) -> bool {
        match self {
            Self::String
            | Self::TextArea
            | Self::Email
            | Self::Phone
            | Self::Url
            | Self::EncryptedString
            | Self::Combobox => true,
            Self::Boolean
            | Self::Int
            | Self::Double
            | Self::Currency
            | Self::Percent
            | Self::Picklist
            | Self::MultiPicklist
            | Self::Id
            | Self::Reference
            | Self::Date
            | Self::DateTime
            | Self::Time
            | Self::Binary
            | Self::Compound
            | Self::Other => false,
        }
    }

    /// Whether its values are numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }
}
