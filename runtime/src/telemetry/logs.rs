//! JSON logs on standard error. Values of records cannot get here by type: records, values and keys hide themselves in `Debug`.
//! As a second line, what still looks like an e-mail address or a password in a URL is cut out of every line.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What stands in place of something that must not be logged.
const REDACTED: &str = "<redacted>";

/// Starts logging; `COVENANT_LOG` sets the filter (default `info`). Called once, by the binary.
pub fn init() {
    let filter = EnvFilter::try_from_env("COVENANT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(Redacting)
        .try_init();
    if started.is_err() {
        // A test or an embedding program has set a logger already; ours would only double its lines.
        tracing::debug!("logging was already set up");
    }
}

#[derive(Clone, Copy)]
struct Redacting;

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = RedactingWriter;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter
    }
}

struct RedactingWriter;

impl Write for RedactingWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().lock().write_all(redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Cuts out e-mail addresses and passwords in URLs.
pub fn redact(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let boundary =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '(' | ')' | '<' | '>');
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(boundary) {
        let word = piece.trim_end_matches(boundary);
        let rest = piece.get(word.len()..).unwrap_or("");
        match (word.rfind('@'), word.find("://")) {
            (Some(at), Some(scheme)) if scheme < at => {
                out.push_str(word.get(..scheme + 3).unwrap_or(""));
                out.push_str(REDACTED);
                out.push_str(word.get(at..).unwrap_or(""));
            }
            (Some(_), _) => out.push_str(REDACTED),
            (None, _) => out.push_str(word),
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_passwords_are_cut_out() {
        assert_eq!(redact("no address"), "no address");
        assert_eq!(redact("to ann@example.com, again"), "to <redacted>, again");
        assert_eq!(
            redact("\"postgres://covenant:s3cret@127.0.0.1:5432/acme\""),
            "\"postgres://<redacted>@127.0.0.1:5432/acme\""
        );
    }
}
