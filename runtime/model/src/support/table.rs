//! A contract as tables. Generated code fills these in as constants, interpreters build them from a specification;
//! everything that need not be fast reads them. `'c` is as long as the contract is known: `'static` in generated code.

use std::fmt;

use crate::spec::FieldIx;
use crate::support::pattern::Pattern;

/// An entity.
#[derive(Debug)]
pub struct Entity<'c> {
    /// `sales.order`
    pub name: &'c str,
    /// SHA-256 of the contract's meaning, hexadecimal.
    pub contract_hash: &'c str,
    /// In the contract's order.
    pub fields: &'c [Field<'c>],
    /// In key order.
    pub key: &'c [FieldIx],
    /// Number of merge groups.
    pub groups: usize,
    /// Where its changes come from.
    pub sources: &'c [Source<'c>],
    /// Quality rules that are checked at capture.
    pub quality: &'c [Quality<'c>],
}

/// A field and its rules.
#[derive(Debug)]
pub struct Field<'c> {
    /// Name in the contract.
    pub name: &'c str,
    /// Logical type.
    pub ty: Ty<'c>,
    /// Whether NULL is a value of it.
    pub nullable: bool,
    /// Whether a change may leave it out.
    pub optional: bool,
    /// Smallest allowed number: integers as they are, decimals unscaled, dates in days, timestamps in microseconds.
    pub min: Option<i128>,
    /// Largest allowed number.
    pub max: Option<i128>,
    /// Form that the whole text must have.
    pub pattern: Option<&'c Pattern<'c>>,
    /// Whether the text must be an e-mail address.
    pub email: bool,
    /// What a record gets that leaves the field out, in the text of the type.
    pub default: Option<&'c str>,
    /// Of an enum: symbols as they were called before, and what they are called now.
    pub renamed: &'c [(&'c str, &'c str)],
}

impl<'c> Field<'c> {
    /// A required field without rules.
    pub const fn new(name: &'c str, ty: Ty<'c>) -> Self {
        Self {
            name,
            ty,
            nullable: false,
            optional: false,
            min: None,
            max: None,
            pattern: None,
            email: false,
            default: None,
            renamed: &[],
        }
    }

    /// NULL is a value of it.
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// A change may leave it out.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Sets the smallest allowed number.
    pub const fn min(mut self, min: i128) -> Self {
        self.min = Some(min);
        self
    }

    /// Sets the largest allowed number.
    pub const fn max(mut self, max: i128) -> Self {
        self.max = Some(max);
        self
    }

    /// Sets the form of the text.
    pub const fn pattern(mut self, pattern: &'c Pattern<'c>) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// The text must be an e-mail address.
    pub const fn email(mut self) -> Self {
        self.email = true;
        self
    }

    /// Sets what a record gets that leaves the field out.
    pub const fn default(mut self, text: &'c str) -> Self {
        self.default = Some(text);
        self
    }

    /// Sets what symbols were called before.
    pub const fn renamed(mut self, renamed: &'c [(&'c str, &'c str)]) -> Self {
        self.renamed = renamed;
        self
    }
}

/// [`crate::value::LogicalType`] as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty<'c> {
    /// True or false.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// Fixed-point number.
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// Unicode text of at most so many characters; 0: no limit.
    String {
        /// Most characters; 0: no limit.
        max_chars: u32,
    },
    /// UUID.
    Uuid,
    /// Calendar day.
    Date,
    /// Instant.
    Timestamp,
    /// One of the symbols.
    Enum {
        /// In declared order.
        symbols: &'c [&'c str],
    },
    /// JSON document.
    Json,
    /// Bytes.
    Bytes,
}

impl<'c> Ty<'c> {
    /// Fixed-point number.
    pub const fn decimal(precision: u8, scale: u8) -> Self {
        Self::Decimal { precision, scale }
    }

    /// Text of at most so many characters; 0: no limit.
    pub const fn text(max_chars: u32) -> Self {
        Self::String { max_chars }
    }

    /// One of the symbols.
    pub const fn one_of(symbols: &'c [&'c str]) -> Self {
        Self::Enum { symbols }
    }
}

impl fmt::Display for Ty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("a boolean"),
            Self::Int32 => f.write_str("a 32-bit integer"),
            Self::Int64 => f.write_str("a 64-bit integer"),
            Self::Decimal { precision, scale } => {
                write!(f, "a number of at most {precision} digits, {scale} of them decimals")
            }
            Self::String { .. } => f.write_str("text"),
            Self::Uuid => f.write_str("a UUID"),
            Self::Date => f.write_str("a date from 0001-01-01 to 9999-12-31"),
            Self::Timestamp => f.write_str("a time with its offset from UTC, in years 1 to 9999"),
            Self::Enum { .. } => f.write_str("a symbol"),
            Self::Json => f.write_str("JSON"),
            Self::Bytes => f.write_str("bytes"),
        }
    }
}

/// A source, and by what names it tells which fields.
#[derive(Debug)]
pub struct Source<'c> {
    /// Name in the contract.
    pub name: &'c str,
    /// Its form.
    pub kind: Kind,
    /// Columns or JSON members, in the order in which they are expected.
    pub members: &'c [Member<'c>],
    /// Whether a record with other members is refused.
    pub closed: bool,
}

impl<'c> Source<'c> {
    /// A source that ignores members that the contract does not know.
    pub const fn new(name: &'c str, kind: Kind, members: &'c [Member<'c>]) -> Self {
        Self { name, kind, members, closed: false }
    }

    /// Records with other members are refused.
    pub const fn closed(mut self) -> Self {
        self.closed = true;
        self
    }
}

/// The form of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rows of a table.
    Postgres,
    /// JSON events; without a sequence the event time orders them.
    Stream {
        /// Whether a member holds a sequence.
        sequenced: bool,
    },
    /// JSON records that leave out what they do not tell.
    Salesforce,
}

/// A column or JSON member.
#[derive(Debug)]
pub struct Member<'c> {
    /// Its name there.
    pub name: &'c str,
    /// The fields that it tells.
    pub fields: &'c [FieldIx],
    /// What else it says of an event.
    pub role: Role,
    /// Names that it had before; read where its own is not there.
    pub aliases: &'c [&'c str],
}

impl<'c> Member<'c> {
    /// A member that tells fields and nothing else.
    pub const fn new(name: &'c str, fields: &'c [FieldIx]) -> Self {
        Self { name, fields, role: Role::Plain, aliases: &[] }
    }

    /// The same member, with names that it had before.
    pub const fn aliases(mut self, aliases: &'c [&'c str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// The same member, of the envelope.
    pub const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }
}

/// What a member says of an event, beside the fields that it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Plain,
    /// The event's unique id.
    EventId,
    /// The sequence.
    Order,
    /// The event time.
    OccurredAt,
}

/// A quality rule.
#[derive(Debug)]
pub struct Quality<'c> {
    /// `quality:` and the rule's name.
    pub rule: &'c str,
    /// As written in the contract.
    pub text: &'c str,
}

impl<'c> Entity<'c> {
    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<&'c Source<'c>> {
        self.sources.iter().find(|source| source.name == name)
    }
}
