//! `covenant import`: contracts made from what others wrote.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::live::password;
use super::output::{remark, unreadable};
use super::{Context, Format, Outcome};
use crate::driver;
use crate::interop::import::{ImportError, Imported};
use crate::interop::{dbt_import, json_schema, odcs, salesforce};

/// What contracts can be made from.
#[derive(Debug, Subcommand)]
pub(super) enum From {
    /// Documents of the Open Data Contract Standard 3.0 to 3.2.
    Odcs {
        /// YAML or JSON; several make one project.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The folder that the contracts go to; files that are there are not touched.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Properties files of a dbt project: the tables of its sources, with their tests.
    Dbt {
        /// `sources.yml`, `schema.yml`; several make one project.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The folder that the contracts go to; files that are there are not touched.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// JSON Schemas of objects, as YAML or JSON.
    JsonSchema {
        /// Several make one project, with an entity each.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// A property that identifies a record; several together are one key. Without it the key is guessed from the names.
        #[arg(long, value_name = "PROPERTY")]
        key: Vec<String>,
        /// The folder that the contracts go to; files that are there are not touched.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Tables of a live PostgreSQL database. It is only asked; the password may stand in `PGPASSWORD`.
    Postgres {
        /// `postgres://user@host/database`; TLS with a verified certificate unless the host is this machine.
        #[arg(long, value_name = "URL")]
        url: String,
        /// A schema; several are one project.
        #[arg(long, default_value = "public", value_name = "NAME")]
        schema: Vec<String>,
        /// Only these tables: `orders` or `public.orders`.
        #[arg(long, value_name = "NAME")]
        table: Vec<String>,
        /// What the contracts call the database.
        #[arg(long, default_value = "store", value_name = "NAME")]
        system: String,
        /// The folder that the contracts go to; files that are there are not touched.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
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
        From::Odcs { files, out } => {
            let advice =
                "give documents of the Open Data Contract Standard 3.0 to 3.2, as YAML or JSON";
            imported(context, files, out, odcs::import, advice)
        }
        From::Dbt { files, out } => {
            let advice =
                "give properties files of a dbt project (`version: 2`) that describe its sources";
            imported(context, files, out, dbt_import::import, advice)
        }
        From::JsonSchema { files, key, out } => {
            let import = |read: &[(String, String)]| json_schema::import(read, key);
            imported(context, files, out, import, "give JSON Schemas of objects")
        }
        From::Postgres { url, schema, table, system, out } => {
            let password = password();
            let asked = driver::live::Tables { schemas: schema, only: table };
            let found = driver::live::import(system, url, password.as_deref(), &asked);
            match found {
                Ok(imported) => written(context, out, &imported),
                Err(why) => {
                    remark(&format!("error: {why}"));
                    remark("nothing was written");
                    Outcome::Unreadable
                }
            }
        }
        From::Salesforce { describe, out } => describes(context, describe, out),
    }
}

fn describes(context: &Context, files: &[PathBuf], out: &Path) -> Outcome {
    let import = |read: &[(String, String)]| {
        salesforce::import(read).map(|tree| Imported { tree, left: Vec::new() })
    };
    let advice = "give the answer of `GET /services/data/v<version>/sobjects/<Object>/describe`";
    imported(context, files, out, import, advice)
}

/// Reads the files, imports them, and writes what came of it: all of it or nothing.
fn imported(
    context: &Context,
    files: &[PathBuf],
    out: &Path,
    import: impl FnOnce(&[(String, String)]) -> Result<Imported, ImportError>,
    advice: &str,
) -> Outcome {
    let mut read = Vec::with_capacity(files.len());
    for path in files {
        match driver::read_there(path) {
            Ok(text) => read.push((path.display().to_string(), text)),
            Err(error) => return unreadable(context, &error),
        }
    }
    match import(&read) {
        Ok(imported) => written(context, out, &imported),
        Err(error) => {
            remark(&format!("error: {error}"));
            remark(&format!("nothing was written; {advice}"));
            Outcome::Unreadable
        }
    }
}

fn written(context: &Context, out: &Path, imported: &Imported) -> Outcome {
    let tree = &imported.tree;
    let files: Vec<_> = tree.iter().map(|(path, text)| (out.join(path), text.to_owned())).collect();
    if let Err(error) = driver::write_new(&files) {
        return unreadable(context, &error);
    }
    if context.format == Format::Human {
        for left in &imported.left {
            remark(&format!("not taken over: {left}"));
        }
        remark(&format!("{} files written into {}", files.len(), out.display()));
        remark(&format!(
            "look at what is marked as a guess, then: covenant check --contracts {}",
            out.display()
        ));
    }
    Outcome::Fine
}
