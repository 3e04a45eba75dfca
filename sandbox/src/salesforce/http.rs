//! Calls and answers as the routes see them, apart from any web framework.

use std::borrow::Cow;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::errors::ApiError;

/// JSON's content type, to the letter that clients expect.
pub const JSON: &str = "application/json;charset=UTF-8";
/// CSV's content type.
pub const CSV: &str = "text/csv";
/// Content type of an edge page.
pub const HTML: &str = "text/html;charset=UTF-8";

/// A version of the API, by its number before the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(pub u16);

impl ApiVersion {
    /// The oldest version served.
    pub const OLDEST: Self = Self(31);
    /// The newest version served.
    pub const NEWEST: Self = Self(66);
    /// From here on an upsert that updates answers 200 and says `created`.
    pub const UPSERT_SAYS_CREATED: Self = Self(46);

    /// Reads `v60.0`.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        let digits = segment.strip_prefix(['v', 'V'])?.strip_suffix(".0")?;
        let version = Self(digits.parse().ok()?);
        (Self::OLDEST..=Self::NEWEST).contains(&version).then_some(version)
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.0", self.0)
    }
}

/// A call, read completely.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path segments, percent-decoded; a trailing slash leaves none.
    pub path: Vec<String>,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as sent.
    pub body: Bytes,
    /// Body as JSON, when it is.
    pub json: Option<Value>,
    /// Row faults that apply to this call.
    pub row_faults: Vec<usize>,
}

impl Call {
    /// Takes a request apart.
    #[must_use]
    pub fn new(method: Method, uri: &str, headers: HeaderMap, body: Bytes) -> Self {
        let json = serde_json::from_slice(&body).ok();
        let (path, query) = split_uri(uri);
        Self { method, path, query, headers, body, json, row_faults: Vec::new() }
    }

    /// A query parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A header in text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address the client used, for links in answers.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or("127.0.0.1"))
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn object(&self) -> Result<&Map<String, Value>, ApiError> {
        self.json.as_ref().and_then(Value::as_object).ok_or_else(|| {
            ApiError::bad_body("The HTTP entity body is required and must be a JSON object")
        })
    }
}

/// Splits a URI into decoded segments and parameters. `+` is a space in parameters and itself in the path.
#[must_use]
pub fn split_uri(uri: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut segments: Vec<String> =
        path.split('/').skip(1).map(|s| decode(s).into_owned()).collect();
    while segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decode(name), form_decode(value))
        })
        .collect();
    (segments, pairs)
}

fn form_decode(text: &str) -> String {
    decode(&text.replace('+', " ")).into_owned()
}

/// Decodes `%XX`; what is no valid escape stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escape
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The parameters of a form body.
#[must_use]
pub fn form(body: &[u8]) -> Vec<(String, String)> {
    split_uri(&format!("/?{}", String::from_utf8_lossy(body))).1
}

/// An answer's body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
    /// CSV.
    Csv(String),
    /// An edge page.
    Html(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Body,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), headers: Vec::new() }
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self { status: 204, body: Body::Empty, headers: Vec::new() }
    }

    /// A CSV answer.
    #[must_use]
    pub fn csv(body: String) -> Self {
        Self { status: 200, body: Body::Csv(body), headers: Vec::new() }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::json(error.status, error.body())
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiVersion, split_uri};

    #[test]
    fn paths_keep_plus_and_decoded_slashes() {
        let (path, query) =
            split_uri("/services/data/v60.0/sobjects/A/E__c/a%2Fb+c%20d/?q=a+b%2Bc");
        assert_eq!(path[5..], ["E__c", "a/b+c d"]);
        assert_eq!(query, [("q".to_owned(), "a b+c".to_owned())]);
        assert_eq!(split_uri("/x/%zz%").0, ["x", "%zz%"]);
    }

    #[test]
    fn versions_outside_the_range_are_unknown() {
        assert_eq!(ApiVersion::parse("v60.0"), Some(ApiVersion(60)));
        for bad in ["v30.0", "v67.0", "60.0", "v60", "v60.1"] {
            assert_eq!(ApiVersion::parse(bad), None, "{bad}");
        }
    }
}
