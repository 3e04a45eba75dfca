//! `covenant export`: contracts in the words of other standards.

use std::path::Path;

use super::commands::compiled;
use super::output::{internal, remark, unreadable};
use super::{Context, Format, Outcome};
use crate::interop::{self, Standard};
use crate::{InternalError, driver};

/// Writes the files of a standard into a folder. Other files there stay.
pub(super) fn export(context: &Context, standard: Standard, out: &Path) -> Outcome {
    compiled(context, |_, plan| {
        let tree = match interop::export(plan, standard, context.today) {
            Ok(tree) => tree,
            Err(error) => return internal(&InternalError(error.to_string())),
        };
        let files: Vec<_> =
            tree.iter().map(|(path, text)| (out.join(path), text.to_owned())).collect();
        match driver::write_texts(&files) {
            Ok(()) => {
                if context.format == Format::Human {
                    remark(&format!("{} files written into {}", files.len(), out.display()));
                }
                Outcome::Fine
            }
            Err(error) => unreadable(context, &error),
        }
    })
}
