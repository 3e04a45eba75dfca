//! Files that could not be read: a finding each, in the same run as those about the others.

use crate::diagnostic::{Diagnostic, codes};
use crate::source::{FileId, Flaw, SourceFile, Span};

/// With what UTF-16 texts begin, in either order of bytes.
const UTF_16_MARKS: [u8; 2] = [0xFE, 0xFF];
/// From here on a byte of Latin-1 is a letter or sign, and the same number in Unicode.
const LATIN_1_SIGNS: u8 = 0xA0;

pub(super) fn finding(file: FileId, source: &SourceFile, flaw: &Flaw) -> Diagnostic {
    match flaw {
        Flaw::Unread { why, help } => {
            let headline = format!("{} cannot be read: {why}", source.path);
            Diagnostic::new(&codes::UNREADABLE, Span::file_start(file), headline).help(*help)
        }
        Flaw::NotText { at, byte } => {
            let end = at + char::REPLACEMENT_CHARACTER.len_utf8();
            let headline = format!("{} is not UTF-8 text", source.path);
            let found = Diagnostic::new(&codes::NOT_TEXT, Span { file, start: *at, end }, headline)
                .at(format!("byte {at} of the file is 0x{byte:02X}"));
            if *at == 0 && UTF_16_MARKS.contains(byte) {
                return found.help("it looks like UTF-16: save it as UTF-8");
            }
            if *byte >= LATIN_1_SIGNS {
                let sign = char::from(*byte);
                return found.help(format!("in Latin-1 the byte is `{sign}`: save it as UTF-8"));
            }
            found.help("save it as UTF-8")
        }
    }
}
