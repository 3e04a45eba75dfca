//! What Salesforce's refusals mean. One function for rows, one for calls (codes and texts: Salesforce's REST error reference and
//! recorded answers of real orgs).

use std::time::Duration;

use serde::Deserialize;

use super::RowErrorClass;
use crate::error::{ErrorKind, RuntimeError};

/// Part of the text of the generated validation rule that guards the delivery revision.
pub const REVISION_RULE_TEXT: &str = "delivery revision";
/// How long the breaker stays open once the org's daily calls are used up: the window rolls over 24 hours, so that a part of
/// it comes back within the hour.
const DAILY_LIMIT_WAIT: Duration = Duration::from_secs(15 * 60);
/// How long to back off where too many long calls run at once.
const CONCURRENT_LIMIT_WAIT: Duration = Duration::from_secs(20);

/// An error as Salesforce writes it; rows call the code `statusCode`, calls `errorCode`.
#[derive(Clone, Debug, Deserialize)]
pub struct ApiError {
    /// `UNABLE_TO_LOCK_ROW`
    #[serde(alias = "statusCode", alias = "errorCode")]
    pub code: String,
    /// For people; may quote values.
    #[serde(default)]
    pub message: String,
}

/// What a row's refusal means.
pub fn row_class(error: &ApiError) -> RowErrorClass {
    let says = |text: &str| error.message.to_lowercase().contains(text);
    match error.code.as_str() {
        "UNABLE_TO_LOCK_ROW" => RowErrorClass::Lock,
        // A trigger's failure can wrap a lock.
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if says("unable_to_lock_row") => RowErrorClass::Lock,
        "INVALID_FIELD" if says("foreign key external id") => RowErrorClass::ParentMissing,
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" if says(REVISION_RULE_TEXT) => {
            RowErrorClass::AlreadyNewer
        }
        "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" | "NOT_FOUND" => RowErrorClass::Gone,
        "SERVER_UNAVAILABLE"
        | "UNKNOWN_EXCEPTION"
        | "QUERY_TIMEOUT"
        | "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        | "PROCESSING_HALTED"
        | "REQUEST_LIMIT_EXCEEDED" => RowErrorClass::Transient,
        // Validation, length, picklist, required, duplicate rules, and every code that is new to us: a human must look. The
        // row waits in quarantine, others flow.
        _ => RowErrorClass::Invalid,
    }
}

/// What a failed call means. `body` may be an array of errors, one error, HTML of an edge server, or nothing.
pub fn call_error(status: u16, body: &[u8]) -> RuntimeError {
    let errors: Vec<ApiError> = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(body).map(|one| vec![one]))
        .unwrap_or_default();
    let code = errors.first().map_or("", |error| error.code.as_str());
    let message = errors.first().map(|error| scrub(&error.message)).unwrap_or_default();
    let what = if code.is_empty() {
        format!("HTTP {status} without an error that could be read")
    } else {
        format!("HTTP {status} {code}: {message}")
    };
    let error = |kind, advice: &str| RuntimeError::new(kind, "salesforce", &what, advice);
    match (status, code) {
        (401, _) => error(
            ErrorKind::Credentials,
            "Check the connected app's consumer key and secret, and that its user may log in.",
        ),
        (_, "REQUEST_LIMIT_EXCEEDED") => {
            let daily = message.contains("TotalRequests");
            let wait = if daily { DAILY_LIMIT_WAIT } else { CONCURRENT_LIMIT_WAIT };
            let mut throttled = error(
                ErrorKind::Throttled,
                "Delivery waits and goes on by itself; raise the org's limit if this stays.",
            );
            throttled.retry_after = Some(wait);
            throttled
        }
        (403, _) => error(
            ErrorKind::Credentials,
            "The user lacks a permission: assign the generated permission set to it.",
        ),
        (408 | 420 | 429 | 500..=599, _) | (_, "QUERY_TIMEOUT" | "SERVER_UNAVAILABLE") => {
            error(ErrorKind::Unavailable, "It is tried again by itself.")
        }
        (404, _) | (_, "INVALID_FIELD" | "INVALID_TYPE" | "NOT_FOUND") => error(
            ErrorKind::SchemaMismatch,
            "Deploy the generated metadata (generated/salesforce) to the org.",
        ),
        _ => error(ErrorKind::Rejected, "This is a bug of the mapping: please report it."),
    }
}

/// Longest message that is kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// A message without anything that could be a value: what is quoted, what follows a colon in the messages that quote bare values,
/// and every word with a digit or an @ in it.
pub fn scrub(message: &str) -> String {
    let mut out = String::new();
    let mut quoted = None;
    for word in message.split_whitespace() {
        let opens = word.starts_with(['"', '\'']);
        if quoted.is_none() && opens {
            quoted = word.chars().next();
        }
        let secret =
            quoted.is_some() || word.contains('@') || word.chars().any(|c| c.is_ascii_digit());
        let kept = if secret { "…" } else { word };
        if !(kept == "…" && out.ends_with('…')) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(kept);
        }
        if let Some(quote) = quoted
            && word.trim_end_matches(['.', ',', ';', ':']).ends_with(quote)
            && (!opens || word.len() > 1)
        {
            quoted = None;
        }
    }
    for marker in
        ["data value too large:", "bad value for restricted picklist field:", "external ID:"]
    {
        if let Some(at) = out.find(marker) {
            out.truncate(at + marker.len());
            out.push_str(" …");
        }
    }
    out.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(code: &str, message: &str) -> RowErrorClass {
        row_class(&ApiError { code: code.into(), message: message.into() })
    }

    #[test]
    fn rows_are_told_apart() {
        let cases = [
            ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", RowErrorClass::Lock),
            (
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "X: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW",
                RowErrorClass::Lock,
            ),
            (
                "INVALID_FIELD",
                "Foreign key external ID: 0116 not found for field Invoice__c in entity blng__Invoice__c",
                RowErrorClass::ParentMissing,
            ),
            (
                "INVALID_FIELD",
                "No such column 'X' on sobject of type Account",
                RowErrorClass::Invalid,
            ),
            (
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "Refused: the delivery revision is lower than the record's",
                RowErrorClass::AlreadyNewer,
            ),
            (
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "Close date is in the past",
                RowErrorClass::Invalid,
            ),
            ("STRING_TOO_LONG", "", RowErrorClass::Invalid),
            ("SOMETHING_NEW", "", RowErrorClass::Invalid),
            ("UNKNOWN_EXCEPTION", "", RowErrorClass::Transient),
            ("ENTITY_IS_DELETED", "entity is deleted", RowErrorClass::Gone),
        ];
        for (code, message, class) in cases {
            assert_eq!(row(code, message), class, "{code} {message}");
        }
    }

    #[test]
    fn calls_are_told_apart() {
        let body = |code: &str, message: &str| {
            format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#).into_bytes()
        };
        let of = |status, body: &[u8]| call_error(status, body);
        let limit = body("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
        assert_eq!(of(403, &limit).retry_after, Some(DAILY_LIMIT_WAIT));
        let busy = body("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.");
        assert_eq!(of(403, &busy).retry_after, Some(CONCURRENT_LIMIT_WAIT));
        assert_eq!(of(503, b"<html>busy</html>").kind, ErrorKind::Unavailable);
        assert_eq!(of(500, b"").kind, ErrorKind::Unavailable);
        assert_eq!(of(401, &body("INVALID_SESSION_ID", "x")).kind, ErrorKind::Credentials);
        assert_eq!(of(404, &body("NOT_FOUND", "x")).kind, ErrorKind::SchemaMismatch);
        assert_eq!(of(400, &body("JSON_PARSER_ERROR", "x")).kind, ErrorKind::Rejected);
    }

    #[test]
    fn messages_lose_their_values() {
        let cases = [
            ("Account Name: data value too large: Ann Smith of Ulm (max length=255)", "Ann"),
            ("bad value: \"Ann Smith\" is not known", "Smith"),
            ("duplicate value found: Email__c duplicates ann@example.com", "ann@"),
            ("Status: bad value for restricted picklist field: Gone Fishing", "Fishing"),
            ("Foreign key external ID: C000000017 not found", "C000000017"),
        ];
        for (message, value) in cases {
            let scrubbed = scrub(message);
            assert!(!scrubbed.contains(value), "{scrubbed}");
            assert!(scrubbed.len() > 5, "{scrubbed}");
        }
        assert_eq!(scrub("unable to obtain exclusive access"), "unable to obtain exclusive access");
    }
}
