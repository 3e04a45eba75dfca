//! The `email` format: a dot-atom of RFC 5321 at a domain of at least two labels, in ASCII, at most 254 characters.

/// Most characters of an address (RFC 5321, 4.5.3.1.3).
pub const ADDRESS_CHARS_MAX: usize = 254;
/// Most characters before the `@` (RFC 5321, 4.5.3.1.1).
pub const LOCAL_CHARS_MAX: usize = 64;
/// Most characters of a domain label (RFC 1035, 2.3.4).
pub const LABEL_CHARS_MAX: usize = 63;

/// The same rule as a regular expression of JSON Schema (length aside).
pub const PATTERN: &str = "^(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\
@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$";

/// Whether a text is an address.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    text.len() <= ADDRESS_CHARS_MAX
        && local.len() <= LOCAL_CHARS_MAX
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn is_atom(atom: &str) -> bool {
    !atom.is_empty()
        && atom
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LABEL_CHARS_MAX
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn addresses() {
        for good in ["a@b.de", "ann.o'neil+shop@mail.example.com", "x_1@a-b.co"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@b.de", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b.de",
            "a@b",
            "a@@b.de",
            ".a@b.de",
            "a..b@c.de",
            "a@-b.de",
            "a@b..de",
            "ä@b.de",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
