//! Patterns that the whole text must match. The compiler turns the common ones (a fixed number of characters, each of a
//! class) into a [`Piece`] table; the others are compiled once, when they are first needed.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// A pattern.
pub struct Pattern<'c> {
    /// As written in the contract.
    text: &'c str,
    pieces: Option<&'c [Piece<'c>]>,
    regex: OnceLock<Option<Regex>>,
}

/// So many characters of a class.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'c> {
    /// Ranges, both ends included.
    pub ranges: &'c [(char, char)],
    /// Number of characters.
    pub count: u32,
}

impl<'c> Pattern<'c> {
    /// A regular expression.
    pub const fn regex(text: &'c str) -> Self {
        Self { text, pieces: None, regex: OnceLock::new() }
    }

    /// A sequence of pieces that means the same as the regular expression `text`.
    pub const fn fixed(text: &'c str, pieces: &'c [Piece<'c>]) -> Self {
        Self { text, pieces: Some(pieces), regex: OnceLock::new() }
    }

    /// As written in the contract.
    pub fn text(&self) -> &'c str {
        self.text
    }

    /// Whether the whole of `text` matches. A pattern that does not compile matches nothing; the compiler refuses it.
    pub fn matches(&self, text: &str) -> bool {
        if let Some(pieces) = self.pieces {
            return matches_pieces(pieces, text);
        }
        let regex = self.regex.get_or_init(|| Regex::new(&whole(self.text)).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// The pattern as one that must match the whole text.
pub fn whole(pattern: &str) -> String {
    format!("\\A(?:{pattern})\\z")
}

fn matches_pieces(pieces: &[Piece<'_>], text: &str) -> bool {
    let mut chars = text.chars();
    for piece in pieces {
        for _ in 0..piece.count {
            let Some(found) = chars.next() else { return false };
            if !piece.ranges.iter().any(|(low, high)| (*low..=*high).contains(&found)) {
                return false;
            }
        }
    }
    chars.next().is_none()
}

impl fmt::Debug for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_regex_agree() {
        const PIECES: &[Piece] =
            &[Piece { ranges: &[('C', 'C')], count: 1 }, Piece { ranges: &[('0', '9')], count: 3 }];
        let fixed = Pattern::fixed("^C[0-9]{3}$", PIECES);
        let regex = Pattern::regex("^C[0-9]{3}$");
        for text in ["C123", "C12", "C1234", "c123", "", "C12a", "C123\n", "C12٣"] {
            assert_eq!(fixed.matches(text), regex.matches(text), "{text}");
        }
        assert!(fixed.matches("C123") && !fixed.matches("C1234"));
    }

    #[test]
    fn the_whole_text_must_match() {
        assert!(!Pattern::regex("a|b").matches("ab"));
        assert!(Pattern::regex("a|b").matches("b"));
    }
}
