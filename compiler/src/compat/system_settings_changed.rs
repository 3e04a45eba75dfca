//! Settings of systems and of the project.

use covenant_model::spec::{Compatibility, SystemSpec};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS142",
    slug: "system-settings-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("words for the reader: nothing runs by them"),
    what: "Settings of a system or the project changed that no contract depends on: its \
          purpose, region, API version, call and storage budget, org and its describes, environments, monthly budget, extensions.",
    why: "Nobody who reads data.",
    how: "Nothing.",
    cases: cases!("DCS142-system-settings-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (&sides.old.plan.project, &sides.new.plan.project);
    if old == new {
        return;
    }
    let mut push = |path: String, what: &str| {
        let promise = Compatibility::Full;
        let headline = format!("{what} changed");
        findings.push(
            Finding::new(&RULE, promise, path.clone(), headline, Vec::new(), "nothing")
                .claiming([path]),
        );
    };
    let own = [
        ("name", old.name != new.name),
        ("version", old.version != new.version),
        ("owner", old.owner != new.owner),
        ("purpose", old.purpose != new.purpose),
        ("environments", old.environments != new.environments),
        ("monthly_usd", old.monthly_usd != new.monthly_usd),
        ("extensions", old.extensions != new.extensions),
    ];
    for (key, _) in own.iter().filter(|(_, changed)| *changed) {
        push(format!("project/{key}"), &format!("`{key}` of the project"));
    }
    for (name, before) in &old.systems {
        let Some(after) = new.systems.get(name) else { continue };
        for key in settings(before, after) {
            push(format!("project/systems/{name}/{key}"), &format!("`{key}` of system {name}"));
        }
    }
}

fn settings(old: &SystemSpec, new: &SystemSpec) -> Vec<&'static str> {
    let all: Vec<(&'static str, bool)> = match (old, new) {
        (
            SystemSpec::Postgres { purpose: p0, region: r0, .. },
            SystemSpec::Postgres { purpose, region, .. },
        )
        | (
            SystemSpec::Stream { purpose: p0, region: r0, .. },
            SystemSpec::Stream { purpose, region, .. },
        ) => {
            vec![("purpose", p0 != purpose), ("region", r0 != region)]
        }
        (
            SystemSpec::Salesforce {
                purpose: p0,
                api_version: a0,
                daily_calls: d0,
                share_percent: s0,
                org: o0,
                describe: f0,
                storage_mb: m0,
                region: r0,
            },
            SystemSpec::Salesforce {
                purpose,
                api_version,
                daily_calls,
                share_percent,
                org,
                describe,
                storage_mb,
                region,
            },
        ) => vec![
            ("purpose", p0 != purpose),
            ("api_version", a0 != api_version),
            ("daily_calls", d0 != daily_calls),
            ("share_percent", s0 != share_percent),
            ("org", o0 != org),
            ("describe", f0 != describe),
            ("storage_mb", m0 != storage_mb),
            ("region", r0 != region),
        ],
        (
            SystemSpec::Snowflake { purpose: p0, database: d0, region: r0 },
            SystemSpec::Snowflake { purpose, database, region },
        ) => {
            vec![("purpose", p0 != purpose), ("database", d0 != database), ("region", r0 != region)]
        }
        (
            SystemSpec::Postgres { .. }
            | SystemSpec::Stream { .. }
            | SystemSpec::Salesforce { .. }
            | SystemSpec::Snowflake { .. },
            _,
        ) => Vec::new(),
    };
    all.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}
