//! `adopt`: asks the running runtime, waits while it reads or stamps, and prints where the adoption stands.

use std::time::Duration;

use super::{Adopt, client};
use crate::app::config::Config;
use crate::deliver::adopt::AdoptCommand;
use crate::deliver::adopt::desk::{Standing, State};
use crate::deliver::adopt::plan::Shown;
use crate::error::{ErrorKind, Result, RuntimeError};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);
const PATH: &str = "/api/adopt";
/// Lines of one kind that a table shows; `--json` has more.
const LINES: usize = 50;

/// Runs the command; gives whether no person has anything to do.
///
/// # Errors
/// Where the runtime cannot be asked, or refuses the command.
pub(super) async fn run(config: &Config, command: Adopt) -> Result<bool> {
    let (entity, json, ask) = match command {
        Adopt::Show { entity, json } => (entity, json, None),
        Adopt::Plan { entity, json } => {
            (Some(entity.clone()), json, Some(AdoptCommand::Plan { entity }))
        }
        Adopt::Apply { entity, plan, by } => {
            (Some(entity.clone()), false, Some(AdoptCommand::Apply { entity, plan, by }))
        }
        Adopt::Pick { entity, row, record, new: _, by } => {
            (Some(entity.clone()), false, Some(AdoptCommand::Pick { entity, row, record, by }))
        }
        Adopt::Create { entity, by } => {
            (Some(entity.clone()), false, Some(AdoptCommand::Create { entity, by }))
        }
    };
    let asked = ask.is_some();
    let mut all = match ask {
        Some(command) => read(client::post(config, PATH, &command).await?)?,
        None => read(client::get(config, PATH).await?)?,
    };
    let mut told = String::new();
    let busy = |all: &[Standing]| {
        let ours = all.iter().find(|it| entity.as_ref().is_none_or(|name| *name == it.entity));
        let busy = ours.filter(|it| matches!(it.state, State::Planning | State::Applying));
        busy.map(Standing::in_words)
    };
    while let Some(doing) = busy(&all).filter(|_| asked) {
        if doing != told {
            eprintln!("{doing}");
            told = doing;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        all = read(client::get(config, PATH).await?)?;
    }
    all.retain(|it| entity.as_ref().is_none_or(|name| *name == it.entity));
    if let (Some(name), true) = (&entity, all.is_empty()) {
        let advice = "Name an entity whose Salesforce sink declares `adopt`.";
        let what = format!("nothing of {name} is adopted");
        return Err(RuntimeError::new(ErrorKind::Rejected, "adopt", what, advice));
    }
    if json {
        client::print(&serde_json::json!(all))?;
    } else {
        for standing in &all {
            print!("{}", table(standing));
        }
    }
    Ok(!all.iter().any(Standing::waits_for_a_person))
}

fn read(value: serde_json::Value) -> Result<Vec<Standing>> {
    serde_json::from_value(value).map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, "answer", error, "Do both have the same version?")
    })
}

fn table(standing: &Standing) -> String {
    let Standing { entity, object, .. } = standing;
    let mut text = format!("{entity} -> {object}: {}\n", standing.in_words());
    if let Some(applied) = &standing.applied {
        text += &format!(
            "  applied: plan {} by {}; {} records stamped, {} refused, {} rows held then\n",
            applied.plan, applied.by, applied.stamped, applied.refused, applied.held
        );
        for refusal in applied.refusals.iter().take(LINES) {
            text +=
                &format!("    refused {} <- {}: {}\n", refusal.record, refusal.row, refusal.why);
        }
    }
    match &standing.plan {
        Some(plan) => text + &plan_table(entity, plan, standing.state),
        None => text + "  no plan yet\n",
    }
}

fn plan_table(entity: &str, plan: &Shown, state: State) -> String {
    let mut text = format!(
        "  plan {}: {} records without an external id, {} rows of ours (landing commit {})\n",
        plan.plan, plan.org_records, plan.rows, plan.landing_commit
    );
    text += &format!("    {:>9} matched one to one\n", plan.matched);
    for pair in plan.matched_pairs.iter().take(LINES) {
        let picked = if pair.picked { " (picked)" } else { "" };
        text += &format!("              {} <- {}{picked}\n", pair.record, pair.row);
    }
    text += &format!(
        "    {:>9} ambiguous: a person decides with `adopt pick`, or mends the org\n",
        plan.ambiguous
    );
    for group in plan.ambiguous_groups.iter().take(LINES) {
        text +=
            &format!("              {} <-> {}\n", group.records.join(", "), group.rows.join(", "));
    }
    text += &format!("    {:>9} doubles of records that are ours already\n", plan.twins);
    for twin in plan.twin_records.iter().take(LINES) {
        text += &format!("              {} = {}\n", twin.record, twin.rows.join(", "));
    }
    for (few, what) in [
        (&plan.unmatched_in_org, "records that match no row: they stay as they are"),
        (&plan.unmatched_in_ours, "rows that match no record"),
    ] {
        text += &format!("    {:>9} {what}\n", few.count);
        if !few.shown.is_empty() {
            let more = if few.count > few.shown.len() as u64 { ", ..." } else { "" };
            text += &format!("              {}{more}\n", few.shown.join(", "));
        }
    }
    if state == State::WaitsForReview {
        text +=
            &format!("  to apply it: covenant-runtime adopt apply {entity} --plan {}\n", plan.plan);
    }
    text
}
