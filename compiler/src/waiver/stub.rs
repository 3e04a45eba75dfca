//! Writing a waiver: text in, text out.

use jiff::civil::Date;

/// What `covenant waive` writes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// Twelve hexadecimal digits.
    pub fingerprint: String,
    /// Of the finding.
    pub code: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day.
    pub expires: Date,
}

/// Why a waiver cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StubError {
    /// One finding, one waiver.
    #[error("there is a waiver of this finding already")]
    AlreadyThere,
    /// The end would be the beginning.
    #[error("the last day is over: give a day that is still to come")]
    Past,
    /// Nobody could review it.
    #[error("a waiver needs a reason and an owner")]
    Unreasoned,
}

const HEAD: &str = "# Findings about changes that are accepted, each for a reason and until a day.\n\
                    # `covenant diff` names those that accept nothing any more.\nwaivers:\n";

/// The file with one waiver more; `before` is its text, empty where there is none yet.
///
/// # Errors
/// Where the waiver would be refused or is there already.
pub fn add(before: &str, stub: &Stub, today: Date) -> Result<String, StubError> {
    if stub.expires < today {
        return Err(StubError::Past);
    }
    if stub.reason.trim().is_empty() || stub.owner.trim().is_empty() {
        return Err(StubError::Unreasoned);
    }
    if before.lines().any(|line| line.contains("fingerprint:") && line.contains(&stub.fingerprint))
    {
        return Err(StubError::AlreadyThere);
    }
    let mut text = if before.trim().is_empty() { HEAD.to_owned() } else { before.to_owned() };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!(
        "  - fingerprint: {}\n    code: {}\n    reason: {}\n    owner: {}\n    expires: {}\n",
        quoted(&stub.fingerprint),
        stub.code,
        quoted(stub.reason.trim()),
        quoted(stub.owner.trim()),
        stub.expires,
    ));
    Ok(text)
}

/// Double quotes read alike in JSON and YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub() -> Stub {
        Stub {
            fingerprint: "0123456789ab".into(),
            code: "DCW010".into(),
            reason: "nobody: \"reads\" it".into(),
            owner: "orders@shop.example".into(),
            expires: jiff::civil::date(2027, 3, 31),
        }
    }

    #[test]
    fn a_second_waiver_stands_behind_the_first() {
        let today = jiff::civil::date(2027, 3, 31);
        let first = add("", &stub(), today).unwrap();
        assert!(first.contains("reason: \"nobody: \\\"reads\\\" it\""), "{first}");
        assert_eq!(add(&first, &stub(), today), Err(StubError::AlreadyThere));
        let other = Stub { fingerprint: "ba9876543210".into(), ..stub() };
        let second = add(&first, &other, today).unwrap();
        assert!(second.starts_with(&first) && second.matches("- fingerprint").count() == 2);
    }

    #[test]
    fn a_day_that_is_over_is_refused() {
        let late = jiff::civil::date(2027, 4, 1);
        assert_eq!(add("", &stub(), late), Err(StubError::Past));
        let silent = Stub { reason: " ".into(), ..stub() };
        assert_eq!(add("", &silent, stub().expires), Err(StubError::Unreasoned));
    }
}
