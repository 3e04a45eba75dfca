//! Whether a Salesforce org has room for what is delivered: API calls in a day, data storage.

use super::{Cx, finding};
use crate::capacity::{Estimate, figure};
use crate::diagnostic::{Diagnostic, codes};
use crate::parse::PROJECT;

pub(super) fn check(cx: &Cx<'_>) {
    for estimate in Estimate::of(&cx.ir.project, cx.ir.entities.iter().map(|one| &one.spec)) {
        // A share that could not be read has been reported.
        if estimate.share() > 0 && estimate.calls() > estimate.share() {
            calls(cx, &estimate);
        }
        if let Some(mb) = estimate.storage_mb
            && estimate.mb() > mb
        {
            storage(cx, &estimate, mb);
        }
    }
}

fn calls(cx: &Cx<'_>, estimate: &Estimate) {
    let at = format!("{PROJECT}/systems/{}", estimate.system);
    let headline = format!(
        "{} needs {} calls a day, and {} % of {} are {}",
        estimate.system,
        figure(estimate.calls()),
        estimate.share_percent,
        figure(estimate.daily_calls),
        figure(estimate.share())
    );
    let mut found = finding(&codes::CALLS_BEYOND_SHARE, cx.value(&format!("{at}/share")), headline)
        .label(cx.value(&format!("{at}/daily_calls")), "what the org has");
    found = volumes(cx, estimate, found, "per_day");
    for line in estimate.calls_shown() {
        found = found.why(line);
    }
    cx.report(found.help(
        "deliver fewer rows (`where`, fewer objects), or let the pipeline have a larger share",
    ));
}

fn storage(cx: &Cx<'_>, estimate: &Estimate, mb: u64) {
    let at = format!("{PROJECT}/systems/{}/storage_mb", estimate.system);
    let headline = format!(
        "records of {} need {} MB of {}",
        estimate.system,
        figure(estimate.mb()),
        figure(mb)
    );
    let mut found = finding(&codes::STORAGE_BEYOND, cx.value(&at), headline);
    found = volumes(cx, estimate, found, "rows");
    for line in estimate.storage_shown() {
        found = found.why(line);
    }
    cx.report(found.help(
        "deliver fewer rows: a shorter `where` together with `on_leave: delete`; or declare more storage",
    ));
}

/// Where the volumes are declared.
fn volumes(cx: &Cx<'_>, estimate: &Estimate, found: Diagnostic, key: &str) -> Diagnostic {
    estimate.delivered.iter().fold(found, |found, one| {
        match cx.ir.spans.get(&format!("{}/expect/volume/{key}", one.entity)) {
            Some(spans) => found.label(spans.value, "declared here"),
            None => found,
        }
    })
}
