//! Error codes and the shapes in which Salesforce returns them.

use std::borrow::Cow;

use serde_json::{Value, json};

/// An error code such as `STRING_TOO_LONG`. Open, because fault scripts may inject any code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    /// A code known when this was written.
    #[must_use]
    pub const fn known(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// A code that a fault script named.
    #[must_use]
    pub fn scripted(code: String) -> Self {
        Self(Cow::Owned(code))
    }

    /// The code as clients see it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The codes this simulator returns by itself.
pub mod code {
    use super::ErrorCode;

    macro_rules! codes {
        ($($name:ident),* $(,)?) => {
            $(#[doc = concat!("`", stringify!($name), "`")]
            pub const $name: ErrorCode = ErrorCode::known(stringify!($name));)*
        };
    }
    codes!(
        ALL_OR_NONE_OPERATION_ROLLED_BACK,
        DELETE_FAILED,
        DUPLICATE_EXTERNAL_ID,
        DUPLICATE_VALUE,
        ENTITY_IS_DELETED,
        EXCEEDED_ID_LIMIT,
        FIELD_CUSTOM_VALIDATION_EXCEPTION,
        INVALIDJOBSTATE,
        INVALID_CROSS_REFERENCE_KEY,
        INVALID_FIELD,
        INVALID_FIELD_FOR_INSERT_UPDATE,
        INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST,
        INVALID_QUERY_FILTER_OPERATOR,
        INVALID_QUERY_LOCATOR,
        INVALID_REPLICATION_DATE,
        INVALID_SESSION_ID,
        INVALID_TYPE,
        INVALID_TYPE_ON_FIELD_IN_RECORD,
        JSON_PARSER_ERROR,
        MALFORMED_ID,
        MALFORMED_QUERY,
        METHOD_NOT_ALLOWED,
        MISSING_ARGUMENT,
        NOT_FOUND,
        NUMBER_OUTSIDE_VALID_RANGE,
        PROCESSING_HALTED,
        REQUEST_LIMIT_EXCEEDED,
        REQUIRED_FIELD_MISSING,
        SERVER_UNAVAILABLE,
        STRING_TOO_LONG,
        UNKNOWN_EXCEPTION,
        INVALID_EMAIL_ADDRESS,
        UNSUPPORTED_MEDIA_TYPE,
        CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY,
    );
}

/// Why one record was refused, or (in an array) why a call was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Machine-readable reason.
    pub code: ErrorCode,
    /// Text as Salesforce words it.
    pub message: String,
    /// API names of the fields concerned.
    pub fields: Vec<String>,
}

impl RowError {
    /// A reason that concerns no particular field.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// A reason that concerns one field.
    #[must_use]
    pub fn on(code: ErrorCode, message: impl Into<String>, field: &str) -> Self {
        Self { code, message: message.into(), fields: vec![field.to_owned()] }
    }

    /// The shape inside a collections answer.
    #[must_use]
    pub fn as_collection_error(&self) -> Value {
        json!({"statusCode": self.code.as_str(), "message": self.message, "fields": self.fields})
    }

    /// The `sf__Error` cell of a Bulk 2.0 result: `CODE:message:FIELD,… --`.
    #[must_use]
    pub fn as_bulk_cell(&self) -> String {
        let gap = if self.fields.is_empty() { "" } else { " " };
        format!("{}:{}:{}{gap}--", self.code.as_str(), self.message, self.fields.join(","))
    }
}

/// A refused call: HTTP status and the array of reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// At least one reason.
    pub errors: Vec<RowError>,
    /// Whether the answer carries `fields` (record errors do, others do not).
    pub with_fields: bool,
}

impl ApiError {
    /// A call that was refused for a reason that is not a record's.
    #[must_use]
    pub fn new(status: u16, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, errors: vec![RowError::new(code, message)], with_fields: false }
    }

    /// A single-record write that was refused: 400 with the record's reasons.
    #[must_use]
    pub fn row(errors: Vec<RowError>) -> Self {
        Self { status: 400, errors, with_fields: true }
    }

    /// 404 as the REST API words it.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(404, code::NOT_FOUND, "The requested resource does not exist")
    }

    /// 405 for a method that the resource does not have.
    #[must_use]
    pub fn method_not_allowed(method: &str, allowed: &str) -> Self {
        Self::new(
            405,
            code::METHOD_NOT_ALLOWED,
            format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
        )
    }

    /// 400 for a body that is not what the resource reads.
    #[must_use]
    pub fn bad_body(why: impl Into<String>) -> Self {
        Self::new(400, code::JSON_PARSER_ERROR, why)
    }

    /// The array that every REST error is.
    #[must_use]
    pub fn body(&self) -> Value {
        let one = |e: &RowError| {
            let mut out = json!({"message": e.message, "errorCode": e.code.as_str()});
            if let (true, Some(map)) = (self.with_fields, out.as_object_mut()) {
                map.insert("fields".to_owned(), json!(e.fields));
            }
            out
        };
        Value::Array(self.errors.iter().map(one).collect())
    }
}
