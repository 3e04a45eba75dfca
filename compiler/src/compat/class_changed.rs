//! Classes of personal data and purposes changed.

use std::collections::BTreeSet;

use covenant_model::spec::{Compatibility, PiiClass, PiiSpec, Protection};

use super::pii_lowered::strength;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCP302",
    slug: "class-removed",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCP318", "a class that nobody uses yet protects nobody"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None(
        "the words of a class: what it does to a record is shown where a field changes its class",
    ),
    what: "A class of personal data is gone.",
    why: "What was agreed about it (how it is protected, who never gets it) is gone with it.",
    how: "Keep it as long as any version that is alive uses it.",
    cases: cases!("DCP302-class-removed"),
    check: Check::Sides(check),
};

pub(super) static BANS: Rule = Rule {
    code: "DCP307",
    slug: "ban-lifted",
    direction: Direction::Loosens,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[People, SalesforceMapping],
    migration: Migration::None,
    witness: WitnessKind::None(
        "who may see what: policies and grants, which a record does not show",
    ),
    what: "A class of personal data may go to a system, be stored in a region or be seen by a role \
          that it was kept from, or the other way round.",
    why: "Every field of the class, and of those above it, can go there from now on, without another word. \
          (A new ban hurts nobody: what breaks it is an error of the contract.)",
    how: "Ask whoever answers for personal data, and land the waiver before the change.",
    cases: cases!("DCP307-ban-lifted"),
    check: Check::Sides(check_bans),
};

pub(super) static LOWERED: Rule = Rule {
    code: "DCP308",
    slug: "protection-lowered",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCP313", "what was hidden is seen at once"),
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::None(
        "the words of a class: what it does to a record is shown where a field changes its class",
    ),
    what: "A class of personal data is protected less.",
    why: "Every field of the class is shown to more people than was agreed.",
    how: "Make another class for the fields that need less, and let the owner of the data \
          agree.",
    cases: cases!("DCP308-protection-lowered"),
    check: Check::Sides(check_lowered),
};

pub(super) static RAISED: Rule = Rule {
    code: "DCP313",
    slug: "protection-changed",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCP308", "what was hidden is seen at once"),
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::None(
        "the words of a class: what it does to a record is shown where a field changes its class",
    ),
    what: "A class of personal data is protected in another, stronger way.",
    why: "Rows stored before are not; tokens and keys of the old way no longer join.",
    how: "Replay landing under a higher revision, and drop old files.",
    cases: cases!("DCP313-protection-changed"),
    check: Check::Sides(check_raised),
};

pub(super) static ADDED: Rule = Rule {
    code: "DCP318",
    slug: "class-added",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCP302", "what was agreed is gone with a class"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None(
        "the words of a class: what it does to a record is shown where a field changes its class",
    ),
    what: "A class of personal data is new, or is explained in other words.",
    why: "Nobody.",
    how: "Nothing.",
    cases: cases!("DCP318-class-added"),
    check: Check::Sides(check_added),
};

pub(super) static PURPOSES: Rule = Rule {
    code: "DCP312",
    slug: "purpose-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping, People],
    migration: Migration::None,
    witness: WitnessKind::None(
        "who may see what: policies and grants, which a record does not show",
    ),
    what: "A purpose for which plaintext is shown came, went or changed, at a sink or in the \
          project.",
    why: "Plaintext was agreed for that purpose and no other.",
    how: "Ask whoever answers for personal data, and land the waiver before the change.",
    cases: cases!("DCP312-purpose-changed"),
    check: Check::Sides(check_purposes),
};

fn about(sides: Sides<'_>, rule: &'static Rule, path: String, headline: String) -> Finding {
    let who = people(Side::New, path.clone(), &sides.new.plan.project.owner, "must agree");
    Finding::new(rule, Compatibility::Full, path.clone(), headline, vec![who], rule.how)
        .claiming([path])
}

fn classes(sides: Sides<'_>) -> impl Iterator<Item = (&str, &PiiClass, &PiiClass)> {
    sides.old.plan.project.pii_classes.iter().filter_map(move |(name, old)| {
        let new = sides.new.plan.project.pii_classes.get(name)?;
        Some((name.as_str(), old, new))
    })
}

fn path(class: &str, below: &str) -> String {
    format!("project/pii_classes/{class}{below}")
}

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let new = &sides.new.plan.project.pii_classes;
    for class in sides.old.plan.project.pii_classes.keys().filter(|one| !new.contains_key(*one)) {
        let headline = format!("class {class} of personal data is gone");
        let finding = about(sides, &RULE, path(class, ""), headline);
        findings.push(finding.new_at(Some("project/pii".to_owned())));
    }
}

fn check_bans(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let (before, after) = (&sides.old.plan.project, &sides.new.plan.project);
    for (class, old, new) in classes(sides) {
        let leaves = ban_leaves(class, old, new);
        // A class below that forbids less lets this one through, too: said there.
        if leaves.is_empty() {
            continue;
        }
        let (old, new) = (before.bans(class), after.bans(class));
        let systems = old.systems.difference(&new.systems).map(|system| format!("go to {system}"));
        let regions = old.regions.difference(&new.regions).map(|one| format!("be stored in {one}"));
        let roles = old.roles.difference(&new.roles);
        let roles = roles.map(|role| format!("be seen by {}", role.word()));
        let (headline, grade) = match systems.chain(regions).chain(roles).next() {
            Some(lifted) => (format!("class {class} may {lifted} from now on"), Grade::Error),
            None if old == new => (
                format!("class {class} stands above other classes, and forbids the same"),
                Grade::Info,
            ),
            None => (format!("class {class} is forbidden more"), Grade::Info),
        };
        let at = leaves.first().cloned().unwrap_or_default();
        let mut finding = about(sides, &BANS, at, headline).claiming(leaves);
        finding.grade = grade;
        findings.push(finding);
    }
}

/// The words of a class by which it forbids, as far as they changed.
fn ban_leaves(class: &str, old: &PiiClass, new: &PiiClass) -> Vec<String> {
    let (mine, theirs) = (&old.terms, &new.terms);
    let all = [
        ("/forbid", old.forbid != new.forbid),
        ("/terms/above", mine.above != theirs.above),
        ("/terms/forbid_regions", mine.forbid_regions != theirs.forbid_regions),
        ("/terms/forbid_roles", mine.forbid_roles != theirs.forbid_roles),
    ];
    all.into_iter().filter(|(_, changed)| *changed).map(|(below, _)| path(class, below)).collect()
}

fn hides(protect: Protection) -> u8 {
    strength(Some(&PiiSpec { class: String::new(), protect }))
}

fn check_lowered(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for (class, old, new) in classes(sides) {
        if hides(new.protect) < hides(old.protect) {
            findings.push(protection(sides, &LOWERED, class, "is protected less"));
        }
    }
}

fn check_raised(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for (class, old, new) in classes(sides) {
        if hides(new.protect) > hides(old.protect) {
            findings.push(protection(sides, &RAISED, class, "is protected in another way"));
        }
    }
}

/// Every field of the class follows: their findings hang under this one.
fn protection(sides: Sides<'_>, rule: &'static Rule, class: &str, what: &str) -> Finding {
    let headline = format!("class {class} of personal data {what}");
    let of_class = |pii: Option<&PiiSpec>| pii.is_some_and(|pii| pii.class == class);
    let mut leaves = Vec::new();
    let mut broken = Vec::new();
    for entity in &sides.new.plan.entities {
        let bound = consumers::Bound { view: sides.new, entity };
        for field in entity.fields.iter().filter(|field| of_class(field.pii.as_ref())) {
            leaves.push(leaf_of_field(&entity.name, field.id, "pii"));
            broken.extend(bound.column(field, "is protected in another way"));
        }
    }
    for model in &sides.new.plan.models {
        for field in model.fields.iter().filter(|field| of_class(field.pii.as_ref())) {
            leaves.push(leaf_of_field(&model.name, field.id, "pii"));
            let how = "is protected in another way";
            broken.push(consumers::model_table(sides.new, model, Some(&field.name), how));
        }
    }
    let mut finding = about(sides, rule, path(class, "/protect"), headline).cascading(leaves);
    finding.consumers.extend(broken);
    finding
}

fn check_added(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let old = &sides.old.plan.project.pii_classes;
    for class in sides.new.plan.project.pii_classes.keys().filter(|one| !old.contains_key(*one)) {
        let headline = format!("class {class} of personal data is new");
        let mut finding = about(sides, &ADDED, path(class, ""), headline);
        finding.consumers.clear();
        findings.push(finding.old_at(Some("project/pii".to_owned())));
    }
    for (class, _, _) in classes(sides).filter(|(_, old, new)| old.about != new.about) {
        let headline = format!("class {class} of personal data is explained in other words");
        let mut finding = about(sides, &ADDED, path(class, "/about"), headline);
        finding.consumers.clear();
        findings.push(finding);
    }
}

fn check_purposes(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (&sides.old.plan.project.purposes, &sides.new.plan.project.purposes);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let what = match (old.get(name), new.get(name)) {
            (None, _) => "is new",
            (_, None) => "is gone",
            (Some(_), Some(_)) => "is another one",
        };
        let headline = format!("purpose {name} {what}");
        findings.push(about(sides, &PURPOSES, format!("project/purposes/{name}"), headline));
    }
    for pair in sides.entities() {
        let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { continue };
        if old.reveal == new.reveal {
            continue;
        }
        let show = |purpose: &Option<String>| purpose.clone().unwrap_or_else(|| "none".to_owned());
        let headline = format!(
            "{} shows plaintext for purpose {}, no longer {}",
            new.object,
            show(&new.reveal),
            show(&old.reveal)
        );
        let below = format!("sinks/{}/reveal", new.system);
        let broken = pair.after().object("shows plaintext for another purpose");
        let broken = broken.into_iter().collect();
        let leaf = pair.leaf("salesforce/reveal");
        let finding = pair.finding(&PURPOSES, &below, headline, broken, PURPOSES.how);
        findings.push(finding.claiming([leaf]));
    }
}
