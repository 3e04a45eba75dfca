//! LIKE patterns.

/// Whether `text` matches `pattern`, where `%` is any text, `_` one character, and a backslash takes either literally.
/// Case does not count. Runs in time proportional to the product of the lengths at worst.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern = atoms(&pattern.to_lowercase());
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(Atom::Any) => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(Atom::One) => true,
            Some(Atom::Exactly(c)) => *c == text[t],
            None => false,
        };
        if step {
            t += 1;
            p += 1;
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            p = after;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|atom| matches!(atom, Atom::Any))
}

enum Atom {
    Any,
    One,
    Exactly(char),
}

fn atoms(pattern: &str) -> Vec<Atom> {
    let mut out = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '%' => Atom::Any,
            '_' => Atom::One,
            '\\' => Atom::Exactly(chars.next().unwrap_or('\\')),
            c => Atom::Exactly(c),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        for (text, pattern, yes) in [
            ("Acme Retail", "acme%", true),
            ("Acme", "%m_", true),
            ("Acme", "%x%", false),
            ("50%", "50\\%", true),
            ("500", "50\\%", false),
            ("", "%", true),
            ("abcabc", "%abc", true),
            ("a_b", "a\\_b", true),
            ("axb", "a\\_b", false),
        ] {
            assert_eq!(matches(text, pattern), yes, "{text} LIKE {pattern}");
        }
        assert!(!matches(&"a".repeat(5_000), &format!("{}b", "a%".repeat(50))));
    }
}
