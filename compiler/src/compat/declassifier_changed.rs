//! What makes a column of a model less personal changed.

use covenant_model::terms::Declassify;

use super::prelude::*;

pub(super) static WEAKER: Rule = Rule {
    code: "DCP306",
    slug: "declassifier-weakened",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCP319", "what hides more hurts nobody's privacy"),
    modes: Modes::BOTH,
    consumers: &[People, SnowflakeTable, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::None(
        "what the query gives is another finding's: this is what is said of its columns",
    ),
    what: "A column of a model is made less personal by something weaker: smaller groups, fewer \
           characters cut, no digest any more.",
    why: "Whoever reads it can tell more about single persons than was agreed.",
    how: "Ask whoever answers for personal data, and land the waiver before the change.",
    cases: cases!("DCP306-declassifier-weakened"),
    check: Check::Model(check_weaker),
};

pub(super) static STRONGER: Rule = Rule {
    code: "DCP319",
    slug: "declassifier-strengthened",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCP306", "what hides less tells about single persons"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Backfill,
    witness: WitnessKind::None(
        "what the query gives is another finding's: this is what is said of its columns",
    ),
    what: "A column of a model is made less personal from now on, or by something stronger.",
    why: "Nobody. (What readers lose is told with the query.)",
    how: "Nothing.",
    cases: cases!("DCP319-declassifier-strengthened"),
    check: Check::Model(check_stronger),
};

/// How much is hidden: none, cut short, bucket, digest, count; larger groups hide more.
fn hides(declared: Option<Declassify>) -> (u8, u32) {
    let Some(declared) = declared else { return (0, 0) };
    let by = match declared.by {
        covenant_model::terms::Declassifier::Truncate => 1,
        covenant_model::terms::Declassifier::Bucket => 2,
        covenant_model::terms::Declassifier::Hash => 3,
        covenant_model::terms::Declassifier::Count => 4,
    };
    (by, declared.min_group.unwrap_or(0))
}

fn told(declared: Option<Declassify>) -> String {
    match declared {
        None => "nothing".to_owned(),
        Some(Declassify { by, min_group: None }) => by.word().to_owned(),
        Some(Declassify { by, min_group: Some(least) }) => format!("{} of {least}", by.word()),
    }
}

fn check_weaker(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for (old, new) in pair.columns() {
        if hides(new.declassify) < hides(old.declassify) {
            const HOW: &str = "tells more about single persons";
            let owner = &pair.sides.new.plan.project.owner;
            let path = format!("{}/fields/{}/declassify", pair.old.name, old.name);
            let mut broken = vec![people(Side::Old, path, owner, "must agree")];
            broken.push(consumers::model_table(pair.sides.new, pair.new, Some(&new.name), HOW));
            broken.extend(consumers::models(pair.sides.new, &pair.new.name, &new.name, HOW));
            push(pair, &WEAKER, (old.declassify, new.declassify), new, broken, findings);
        }
    }
}

fn check_stronger(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for (old, new) in pair.columns() {
        if hides(new.declassify) > hides(old.declassify) {
            push(pair, &STRONGER, (old.declassify, new.declassify), new, Vec::new(), findings);
        }
    }
}

fn push(
    pair: ModelPair<'_>,
    rule: &'static Rule,
    (old, new): (Option<Declassify>, Option<Declassify>),
    column: &covenant_model::spec::ModelField,
    broken: Vec<Consumer>,
    findings: &mut Vec<Finding>,
) {
    let headline = format!(
        "{}.{} is made less personal by {}, no longer by {}",
        pair.new.name,
        column.name,
        told(new),
        told(old)
    );
    let below = format!("fields/{}/declassify", column.name);
    let finding = pair.finding(rule, &below, headline, broken, rule.how);
    findings.push(finding.claiming([leaf_of_field(&pair.new.name, column.id, "declassify")]));
}
