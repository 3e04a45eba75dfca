//! A field's type changed: wider, narrower, another scale, or something else altogether.

use std::collections::BTreeSet;

use covenant_model::columns::LandingType;
use covenant_model::spec::{FieldSpec, ModelField};
use covenant_model::value::LogicalType;

use super::prelude::*;
use crate::physical;

pub(super) static UNRELATED: Rule = Rule {
    code: "DCW030",
    slug: "type-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Rebuild,
    witness: WitnessKind::Record,
    what: "A field got a type that has nothing to do with the old one.",
    why: "Stored rows, landed files and events in flight are of the old type; Snowflake cannot \
          ALTER between them.",
    how: "Add a new field with a new id, feed both, move the consumers, remove the old one.",
    cases: cases!("DCW030-type-changed"),
    check: Check::Field(unrelated),
};

pub(super) static WIDENED: Rule = Rule {
    code: "DCW031",
    slug: "type-widened",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCW032"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator, SalesforceMapping, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::Limit,
    what: "A field's type takes more values than before.",
    why: "The table follows by one ALTER. Old validators reject the new values until they are \
          deployed; who has a limit of its own (a Salesforce field that is shorter than the \
          new length, a model's column that is declared narrower) breaks for good.",
    how: "Deploy before the producer uses it, and widen the consumers that are named as errors \
          first.",
    cases: cases!("DCW031-type-widened"),
    check: Check::Field(widened),
};

pub(super) static NARROWED: Rule = Rule {
    code: "DCW032",
    slug: "type-narrowed",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCW031"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Precheck,
    witness: WitnessKind::Record,
    what: "A field's type takes fewer values than before.",
    why: "The new validator rejects old records; Snowflake refuses to shorten a VARCHAR, and \
          to lower a precision unless every value fits.",
    how: "Add a quality rule with the new limit first, and narrow when nothing breaks it any \
          more.",
    cases: cases!("DCW032-type-narrowed"),
    check: Check::Field(narrowed),
};

pub(super) static RESCALED: Rule = Rule {
    code: "DCW033",
    slug: "scale-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Rebuild,
    witness: WitnessKind::Record,
    what: "A decimal got another number of digits behind the point.",
    why: "Values would be rounded silently, and Snowflake cannot change a scale in place.",
    how: "Add a new field, feed both, move the consumers.",
    cases: cases!("DCW033-scale-changed"),
    check: Check::Field(rescaled),
};

pub(super) static RENUMBERED: Rule = Rule {
    code: "DCW035",
    slug: "number-kind-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Rebuild,
    witness: WitnessKind::Record,
    what: "A whole number became a decimal, or the other way round.",
    why: "Digits behind the point come or go, guards and tokens are computed from another \
          form, and Snowflake cannot change a scale in place.",
    how: "Add a new field, feed both, move the consumers.",
    cases: cases!("DCW035-number-kind-changed"),
    check: Check::Field(renumbered),
};

pub(super) static REKEYED: Rule = Rule {
    code: "DCM203",
    slug: "key-type-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model, Reference],
    migration: Migration::Rebuild,
    witness: WitnessKind::Record,
    what: "A field of the key got another type.",
    why: "The same row gets another key: old rows are found no more and stay as duplicates, \
          references compare unlike things.",
    how: "Make a new entity with the new key, load it beside the old one, move the consumers.",
    cases: cases!("DCM203-key-type-changed"),
    check: Check::Field(rekeyed),
};

/// Longest text of a Salesforce text field; longer ones are long text areas, which take 131,072.
const SALESFORCE_TEXT_MAX: u32 = 255;
/// Most digits of a Salesforce number field.
const SALESFORCE_PRECISION_MAX: u8 = 18;

/// How two types of one field relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Same,
    Wider,
    Narrower,
    Rescaled,
    /// Whole number and decimal.
    Renumbered,
    /// Both enums: judged symbol by symbol elsewhere.
    Enums,
    Unrelated,
}

pub(super) fn relation(old: &LogicalType, new: &LogicalType) -> Relation {
    use LogicalType::{
        Bool, Bytes, Date, Decimal, Enum, Int32, Int64, Json, String, Timestamp, Uuid,
    };
    match (old, new) {
        (old, new) if old == new => Relation::Same,
        (Enum { .. }, Enum { .. }) => Relation::Enums,
        (Int32, Int64) => Relation::Wider,
        (Int64, Int32) => Relation::Narrower,
        (Int32 | Int64, Decimal { .. }) | (Decimal { .. }, Int32 | Int64) => Relation::Renumbered,
        (String { max_chars: old }, String { max_chars: new }) => {
            let limit = |max: &Option<u32>| max.unwrap_or(u32::MAX);
            if limit(new) > limit(old) { Relation::Wider } else { Relation::Narrower }
        }
        (Decimal { precision: p0, scale: s0 }, Decimal { precision: p1, scale: s1 }) => {
            if s0 != s1 {
                Relation::Rescaled
            } else if p1 > p0 {
                Relation::Wider
            } else {
                Relation::Narrower
            }
        }
        (
            Bool
            | Int32
            | Int64
            | Decimal { .. }
            | String { .. }
            | Uuid
            | Date
            | Timestamp
            | Enum { .. }
            | Json
            | Bytes,
            _,
        ) => Relation::Unrelated,
    }
}

/// Whether the values of the field are another kind of thing than before.
fn is_other_kind(pair: FieldPair<'_>) -> bool {
    match relation(&pair.old.ty, &pair.new.ty) {
        Relation::Rescaled | Relation::Renumbered | Relation::Unrelated => true,
        Relation::Same | Relation::Wider | Relation::Narrower | Relation::Enums => false,
    }
}

fn unrelated(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    judge(pair, findings, Relation::Unrelated, &UNRELATED);
}

fn widened(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    judge(pair, findings, Relation::Wider, &WIDENED);
}

fn narrowed(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    judge(pair, findings, Relation::Narrower, &NARROWED);
}

fn rescaled(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    judge(pair, findings, Relation::Rescaled, &RESCALED);
}

fn renumbered(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    judge(pair, findings, Relation::Renumbered, &RENUMBERED);
}

fn judge(pair: FieldPair<'_>, findings: &mut Vec<Finding>, wanted: Relation, rule: &'static Rule) {
    let key = pair.in_key() && is_other_kind(pair);
    if relation(&pair.old.ty, &pair.new.ty) != wanted || key {
        return;
    }
    let broken = if wanted == Relation::Wider {
        limited(pair)
    } else {
        pair.everyone("gets values of another type")
    };
    let help = match wanted {
        Relation::Wider => "deploy first, and widen the consumers that cannot take it",
        Relation::Narrower => "prove with a quality rule that every value fits, then narrow",
        Relation::Same
        | Relation::Rescaled
        | Relation::Renumbered
        | Relation::Enums
        | Relation::Unrelated => {
            "add a new field with a new id, feed both, move the consumers, remove the old one"
        }
    };
    let here = wanted == Relation::Wider && stored_alike(pair);
    findings.push(found(pair, rule, broken, help).untouched(here));
}

/// Whether no table and no Salesforce field shows that a type takes more: texts stand in VARCHAR without a length.
fn stored_alike(pair: FieldPair<'_>) -> bool {
    let tables = LandingType::of(&pair.old.ty) == LandingType::of(&pair.new.ty);
    let org = |field: &FieldSpec| physical::of(physical::Platform::Salesforce, field);
    let delivered = pair.entity.new.salesforce.iter().flat_map(|sink| &sink.fields);
    let mapped =
        delivered.filter(|one| id_of(pair.entity.new, one.source) == Some(pair.new.id)).count() > 0;
    tables && (!mapped || org(pair.old) == org(pair.new))
}

fn rekeyed(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if !pair.in_key() || !is_other_kind(pair) {
        return;
    }
    let mut broken = pair.everyone("knows rows by the old key");
    broken.extend(pair.entity.after().references("refers by the old key"));
    let help = "make a new entity with the new key, load it beside the old one, move the consumers";
    findings.push(found(pair, &REKEYED, broken, help));
}

fn found(pair: FieldPair<'_>, rule: &'static Rule, broken: Vec<Consumer>, help: &str) -> Finding {
    let headline = format!("{} changed from {} to {}", pair.shown(), pair.old.ty, pair.new.ty);
    let after = pair.entity.after();
    let mut finding = pair
        .finding(rule, "type", headline, broken, help)
        .cascading(shown_as_it_is(pair))
        .cascading([pair.leaf("terms/types")])
        .via(after.lineage(&pair.new.name));
    if is_other_kind(pair) {
        // Limits of the old type mean nothing for the new one: they go along.
        let limits = [
            "min",
            "max",
            "pattern",
            "format",
            "unit",
            "transitions",
            "merge",
            "evolution/default",
        ];
        finding = finding.claiming(limits.map(|limit| pair.leaf(limit)));
        finding = finding
            .claiming(["open", "renamed"].map(|word| pair.leaf(&format!("evolution/{word}"))));
    }
    finding
}

/// Types that must follow: fields that hold this one as a key, columns that show it as it is.
fn shown_as_it_is(pair: FieldPair<'_>) -> Vec<String> {
    let sides = pair.entity.sides;
    let mut leaves = Vec::new();
    if pair.in_key() {
        let holders = sides.old.referring(&pair.entity.old.name).iter();
        leaves.extend(holders.map(|(other, field)| leaf_of_field(&other.name, field.id, "type")));
    }
    let mut open = vec![(pair.entity.old.name.clone(), pair.old.name.clone())];
    let mut seen = BTreeSet::new();
    while let Some((dataset, name)) = open.pop() {
        for model in sides.old.readers(&dataset) {
            let shows = |one: &&ModelField| {
                one.lineage.iter().any(|(from, field)| *from == dataset && *field == name)
            };
            for column in model.fields.iter().filter(shows) {
                let leaf = leaf_of_field(&model.name, column.id, "type");
                if seen.insert(leaf.clone()) {
                    leaves.push(leaf);
                    open.push((model.name.clone(), column.name.clone()));
                }
            }
        }
    }
    leaves
}

/// Consumers of a wider type: those with a limit of their own break, the others wait.
fn limited(pair: FieldPair<'_>) -> Vec<Consumer> {
    let before = pair.entity.before();
    let after = pair.entity.after();
    let how = "rejects the new values until it is deployed";
    let mut broken = vec![before.validator(how).mildly()];
    // A length of its own, under `types`, was held against the new type by `check`.
    let declared = pair.new.terms.types.salesforce.is_some();
    if !declared && beyond_salesforce(&pair.new.ty) && !beyond_salesforce(&pair.old.ty) {
        broken.extend(after.mappings(pair.new, "is too small for the new values"));
    }
    for model in pair.entity.sides.new.readers(&pair.entity.new.name) {
        let narrower = model.fields.iter().any(|column| {
            column.lineage == [(pair.entity.new.name.clone(), pair.new.name.clone())]
                && relation(&pair.new.ty, &column.ty) == Relation::Narrower
        });
        if narrower {
            let readers = after.models(&pair.new.name, "declares a narrower column");
            broken.extend(readers.into_iter().filter(|one| one.name == model.name));
        }
    }
    broken
}

/// Whether values of a type do not fit the widest Salesforce field of their kind.
fn beyond_salesforce(ty: &LogicalType) -> bool {
    match ty {
        LogicalType::String { max_chars } => max_chars.is_none_or(|max| max > SALESFORCE_TEXT_MAX),
        LogicalType::Decimal { precision, .. } => *precision > SALESFORCE_PRECISION_MAX,
        LogicalType::Int64 => true,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => false,
    }
}
