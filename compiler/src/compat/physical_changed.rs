//! What a field is on a platform changed, by the contract's `types`, while its values stayed what they are.

use covenant_model::terms::DeclaredTypes;
use covenant_model::value::LogicalType;

use super::prelude::*;
use crate::physical::{self, Alter, Column, PhysicalType, Platform, Relation, alter, relation};

pub(super) static SPELLED: Rule = Rule {
    code: "DCW034",
    slug: "type-synonym",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("two names of one type take the same values"),
    what: "A platform's type is called by another name.",
    why: "Nobody is hurt: `VARCHAR` and `STRING` are one type, and nothing is altered.",
    how: "Nothing to do.",
    cases: cases!("DCW034-type-synonym"),
    check: Check::Sides(spelled),
};

pub(super) static UNREACHABLE: Rule = Rule {
    code: "DCS112",
    slug: "column-type-out-of-reach",
    direction: Direction::Changes,
    mirror: Mirror::Uneven(
        "DCS113",
        "a longer text is altered in place, a shorter one is a new column",
    ),
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable],
    migration: Migration::Rebuild,
    witness: WitnessKind::None("no account of the platform is at hand to refuse the statement"),
    what: "A column gets a type that no ALTER reaches.",
    why: "The platform refuses the statement: Snowflake shortens no VARCHAR, and changes no scale.",
    how: "Keep the type, or let `covenant migrate` build a new column beside the old one.",
    cases: cases!("DCS112-column-type-out-of-reach"),
    check: Check::Sides(unreachable),
};

pub(super) static REACHED: Rule = Rule {
    code: "DCS113",
    slug: "column-type-altered",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCS112", "the way back is a shorter text, which no ALTER reaches"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None("every value is taken before and after"),
    what: "A column or a Salesforce field gets a type that the platform changes to in place.",
    why: "Nobody is hurt: every value of the contract fits before and after.",
    how: "Run the steps of `covenant migrate`.",
    cases: cases!("DCS113-column-type-altered"),
    check: Check::Sides(reached),
};

pub(super) static TOO_SMALL: Rule = Rule {
    code: "DCS132",
    slug: "salesforce-field-shrunk",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven(
        "DCS113",
        "a longer field is a deployment, a shorter one cuts what is stored",
    ),
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Impossible,
    witness: WitnessKind::None("no org is at hand to cut what it holds"),
    what: "A Salesforce field takes fewer values than before, or is of another type.",
    why: "Salesforce cuts what is stored, or loses it; people's own values were not bound by the \
          contract.",
    how: "Deliver to a new Salesforce field, move its readers, then remove the old one.",
    cases: cases!("DCS132-salesforce-field-shrunk"),
    check: Check::Sides(too_small),
};

fn spelled(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    judge(sides, findings, &SPELLED);
}

fn unreachable(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    judge(sides, findings, &UNREACHABLE);
}

fn reached(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    judge(sides, findings, &REACHED);
}

fn too_small(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    judge(sides, findings, &TOO_SMALL);
}

/// A platform whose type is said otherwise, by the word of the contract.
const PLATFORMS: [Platform; 3] = [Platform::Snowflake, Platform::DuckDb, Platform::Salesforce];

fn word(platform: Platform, types: &DeclaredTypes) -> Option<&str> {
    match platform {
        Platform::Snowflake => types.snowflake.as_deref(),
        Platform::DuckDb => types.duckdb.as_deref(),
        Platform::Salesforce => types.salesforce.as_deref(),
        Platform::Postgres | Platform::Json | Platform::Rust => None,
    }
}

/// The rule that a change belongs to.
fn verdict(platform: Platform, old: &PhysicalType, new: &PhysicalType) -> &'static Rule {
    if matches!(relation(old, new), Relation::Same | Relation::Synonym) {
        return &SPELLED;
    }
    match alter(platform, &Column { table: "t", column: "c" }, old, new) {
        Alter::Nothing => &SPELLED,
        Alter::InPlace { .. } | Alter::Precheck { .. } => &REACHED,
        Alter::Rebuild { .. } | Alter::Impossible { .. } if platform == Platform::Salesforce => {
            &TOO_SMALL
        }
        Alter::Rebuild { .. } | Alter::Impossible { .. } => &UNREACHABLE,
    }
}

fn headline(shown: &str, platform: Platform, old: &PhysicalType, new: &PhysicalType) -> String {
    if old.name == new.name {
        return format!("{shown} stays {new} in {platform}");
    }
    format!("{shown} is {new} in {platform}, no longer {old}")
}

/// Plaintext there, whatever stands for it: what is protected is judged by its class.
fn of_field(platform: Platform, field: &FieldSpec) -> Option<PhysicalType> {
    physical::of(platform, field).into_iter().next().map(|(_, ty)| ty)
}

fn judge(sides: Sides<'_>, findings: &mut Vec<Finding>, rule: &'static Rule) {
    for entity in sides.entities() {
        for pair in entity.fields() {
            let (was, is) = (&pair.old.terms.types, &pair.new.terms.types);
            for platform in PLATFORMS.into_iter().filter(|one| word(*one, was) != word(*one, is)) {
                let types = of_field(platform, pair.old).zip(of_field(platform, pair.new));
                // Where there was or will be nothing, nothing is altered.
                let found =
                    types.as_ref().map_or(&SPELLED, |(old, new)| verdict(platform, old, new));
                if found == rule {
                    findings.push(field(pair, platform, rule, types));
                }
            }
        }
    }
    for pair in sides.models() {
        for (old, new) in pair.columns() {
            let (was, is) = (&old.terms.types, &new.terms.types);
            for platform in PLATFORMS.into_iter().filter(|one| word(*one, was) != word(*one, is)) {
                let ty = |ty: &LogicalType, terms| physical::of_column(platform, ty, terms);
                let (before, after) = (ty(&old.ty, &old.terms), ty(&new.ty, &new.terms));
                if verdict(platform, &before, &after) != rule {
                    continue;
                }
                let name = &pair.new.name;
                let shown = format!("{name}.{}", new.name);
                let broken = consumers::model_table(
                    pair.sides.new,
                    pair.new,
                    Some(&new.name),
                    "refuses the ALTER",
                );
                let broken = if rule == &UNREACHABLE { vec![broken] } else { Vec::new() };
                let below = format!("fields/{}/types/{platform}", new.name);
                let told = headline(&shown, platform, &before, &after);
                let finding = pair.finding(rule, &below, told, broken, rule.how);
                let leaf = leaf_of_field(name, new.id, &format!("terms/types/{platform}"));
                findings.push(finding.explaining(leaf));
            }
        }
    }
}

fn field(
    pair: FieldPair<'_>,
    platform: Platform,
    rule: &'static Rule,
    types: Option<(PhysicalType, PhysicalType)>,
) -> Finding {
    let after = pair.entity.after();
    let broken = if rule == &UNREACHABLE {
        after.column(pair.new, "refuses the ALTER").into_iter().collect()
    } else if rule == &TOO_SMALL {
        after.mappings(pair.new, "cuts or loses what it holds")
    } else {
        Vec::new()
    };
    let told = match types {
        Some((old, new)) => headline(&pair.shown(), platform, &old, &new),
        None => format!("{} is not in {platform}", pair.shown()),
    };
    let leaf = pair.leaf(&format!("terms/types/{platform}"));
    pair.finding(rule, &format!("types/{platform}"), told, broken, rule.how).explaining(leaf)
}
