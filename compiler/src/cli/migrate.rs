//! `covenant migrate`: from released contracts to these, with data in the tables.

use std::path::Path;

use clap::Args;

use super::commands::stopped;
use super::output::{internal, remark, result, unreadable};
use super::{Context, Format, Outcome};
use crate::migrate::{self, Target};
use crate::{InternalError, compile, driver};

/// What `covenant migrate` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The contracts that the stored data was written under: a folder, or a git revision.
    #[arg(long, value_name = "REF")]
    from: String,
    /// Only these systems.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SYSTEM")]
    platform: Vec<Target>,
    /// Writes the destructive steps, too.
    #[arg(long)]
    allow_destructive: bool,
}

pub(super) fn migrate(context: &Context, arguments: &Arguments) -> Outcome {
    let old = match driver::read_base(&arguments.from, &context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    let new = match driver::read_contracts(&context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    let (Some(before), Some(after)) = (&old.plan, &new.plan) else {
        // Old contracts that do not hold together do not say what is stored.
        let broken = if new.plan.is_none() { &new } else { &old };
        return stopped(context, broken);
    };
    let targets =
        if arguments.platform.is_empty() { &Target::ALL[..] } else { &arguments.platform[..] };
    let migration = match migrate::migrate(before, after, targets) {
        Ok(migration) => migration,
        Err(error) => return internal(&InternalError(error.to_string())),
    };
    if let Some(folder) = &context.output {
        return write(context, folder, &migration, arguments.allow_destructive);
    }
    if context.format == Format::Json {
        return match migrate::json(&migration) {
            Ok(text) => {
                result(&format!("{text}\n"));
                Outcome::Fine
            }
            Err(error) => internal(&InternalError(error.to_string())),
        };
    }
    result(&migrate::markdown(&migration, arguments.allow_destructive));
    Outcome::Fine
}

fn write(
    context: &Context,
    folder: &Path,
    migration: &migrate::Migration,
    allowed: bool,
) -> Outcome {
    let tree = match migrate::tree(migration, allowed) {
        Ok(tree) => tree,
        Err(error) => return internal(&InternalError(error)),
    };
    let written = driver::compare(folder, &tree)
        .and_then(|changes| driver::write(folder, &tree, &changes).map(|()| changes.write.len()));
    match written {
        Ok(files) => {
            if context.format == Format::Human {
                let steps = migration.steps.len();
                remark(&format!("{steps} steps, {files} files written: read plan.md first"));
            }
            Outcome::Fine
        }
        Err(error) => unreadable(context, &error),
    }
}
