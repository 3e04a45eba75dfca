//! `covenant import`: contracts made from what others wrote.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::output::{remark, unreadable};
use super::{Context, Format, Outcome};
use crate::driver;
use crate::interop::salesforce;

/// What contracts can be made from.
#[derive(Debug, Subcommand)]
pub(super) enum From {
    /// A Salesforce org's describes of its objects: the answers of `GET sobjects/<Object>/describe`.
    Salesforce {
        /// An answer, or a recording of it; several make one project.
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        describe: Vec<PathBuf>,
        /// The folder that the contracts go to; files that are there are not touched.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Writes the contracts, all of them or none.
pub(super) fn import(context: &Context, from: &From) -> Outcome {
    match from {
        From::Salesforce { describe, out } => describes(context, describe, out),
    }
}

fn describes(context: &Context, files: &[PathBuf], out: &Path) -> Outcome {
    let mut read = Vec::with_capacity(files.len());
    for path in files {
        match driver::read_there(path) {
            Ok(text) => read.push((path.display().to_string(), text)),
            Err(error) => return unreadable(context, &error),
        }
    }
    let tree = match salesforce::import(&read) {
        Ok(tree) => tree,
        Err(error) => {
            remark(&format!("error: {error}"));
            remark(
                "nothing was written; give the answer of `GET /services/data/v<version>/sobjects/<Object>/describe`",
            );
            return Outcome::Unreadable;
        }
    };
    let files: Vec<_> = tree.iter().map(|(path, text)| (out.join(path), text.to_owned())).collect();
    match driver::write_new(&files) {
        Ok(()) => {
            if context.format == Format::Human {
                remark(&format!("{} files written into {}", files.len(), out.display()));
                remark(&format!(
                    "look at what is marked as a guess, then: covenant check --contracts {}",
                    out.display()
                ));
            }
            Outcome::Fine
        }
        Err(error) => unreadable(context, &error),
    }
}
