//! A field's type changed: wider, narrower, another scale, or something else altogether.

use covenant_model::value::LogicalType;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

/// Longest text that a Salesforce text field takes; longer contract fields are cut there already, so widening beyond it hurts.
const SALESFORCE_TEXT_MAX: u32 = 255;
/// Most digits of a Salesforce number field.
const SALESFORCE_PRECISION_MAX: u8 = 18;

pub(super) static UNRELATED: Rule = Rule {
    code: "DCW030",
    slug: "type-changed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Rebuild,
    explain: "A field got a type that has nothing to do with the old one.\n\nStored rows, landed files and events in flight are \
              of the old type; Snowflake cannot ALTER between them.\n\nAdd a new field with a new id, feed both, move the \
              consumers, remove the old one.",
    check: Check::Field(unrelated),
};

pub(super) static WIDENED: Rule = Rule {
    code: "DCW031",
    slug: "type-widened",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::Inplace,
    explain: "A field's type takes more values than before.\n\nThe table follows by one ALTER and the validator is generated \
              anew, so this hurts only a consumer with a limit of its own: a Salesforce field that is shorter than the new \
              length, a model's column that is declared narrower.",
    check: Check::Field(widened),
};

pub(super) static NARROWED: Rule = Rule {
    code: "DCW032",
    slug: "type-narrowed",
    modes: Modes { backward: Grade::Error, forward: Grade::Info },
    migration: Migration::Precheck,
    explain: "A field's type takes fewer values than before.\n\nThe new validator rejects old records; Snowflake refuses to \
              shorten a VARCHAR, and to lower a precision unless every value fits.\n\nAdd a quality rule with the new limit \
              first, and narrow when nothing breaks it any more.",
    check: Check::Field(narrowed),
};

pub(super) static RESCALED: Rule = Rule {
    code: "DCW033",
    slug: "scale-changed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Rebuild,
    explain: "A decimal got another number of digits behind the point.\n\nValues would be rounded silently, and Snowflake cannot \
              change a scale in place.\n\nAdd a new field, feed both, move the consumers.",
    check: Check::Field(rescaled),
};

/// How two types of one field relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Same,
    Wider,
    Narrower,
    Rescaled,
    /// Both enums: judged symbol by symbol elsewhere.
    Enums,
    Unrelated,
}

fn relation(old: &LogicalType, new: &LogicalType) -> Relation {
    use LogicalType::{
        Bool, Bytes, Date, Decimal, Enum, Int32, Int64, Json, String, Timestamp, Uuid,
    };
    match (old, new) {
        (old, new) if old == new => Relation::Same,
        (Enum { .. }, Enum { .. }) => Relation::Enums,
        (Int32, Int64) => Relation::Wider,
        (Int64, Int32) => Relation::Narrower,
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

fn judge(pair: FieldPair<'_>, findings: &mut Vec<Finding>, wanted: Relation, rule: &'static Rule) {
    if relation(&pair.old.ty, &pair.new.ty) != wanted {
        return;
    }
    let (old, new) = (pair.entity.old, pair.entity.new);
    let broken = if wanted == Relation::Wider { limited(pair) } else { everyone(pair) };
    let help = match wanted {
        Relation::Wider => "nothing, unless a consumer is named",
        Relation::Narrower => "prove with a quality rule that every value fits, then narrow",
        Relation::Same | Relation::Rescaled | Relation::Enums | Relation::Unrelated => {
            "add a new field with a new id, feed both, move the consumers, remove the old one"
        }
    };
    findings.push(Finding::new(
        rule,
        old.compatibility,
        format!("{}/fields/{}/type", new.name, pair.new.name),
        format!("{}.{} changed from {} to {}", new.name, pair.new.name, pair.old.ty, pair.new.ty),
        broken,
        help.into(),
    ));
}

fn everyone(pair: FieldPair<'_>) -> Vec<super::Consumer> {
    let new = pair.entity.new;
    let mut broken = vec![consumers::validator(new, "rejects or misreads old records")];
    broken.extend(consumers::column(new, pair.new, "cannot be altered in place"));
    broken.extend(consumers::mappings(new, pair.new, "gets values of another type"));
    let how = "computes with another type";
    broken.extend(consumers::models(pair.entity.sides.new, &new.name, &pair.new.name, how));
    broken
}

/// Consumers with a limit of their own that the wider type passes.
fn limited(pair: FieldPair<'_>) -> Vec<super::Consumer> {
    let new = pair.entity.new;
    let beyond_salesforce = match &pair.new.ty {
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
    };
    let mut broken = Vec::new();
    if beyond_salesforce {
        broken.extend(consumers::mappings(new, pair.new, "is too small for the new values"));
    }
    for model in &pair.entity.sides.new.models {
        let narrower = model.fields.iter().any(|column| {
            let direct = column.lineage == [(new.name.clone(), pair.new.name.clone())];
            direct && relation(&pair.new.ty, &column.ty) == Relation::Narrower
        });
        if narrower {
            let how = "declares a narrower column";
            broken.extend(
                consumers::models(pair.entity.sides.new, &new.name, &pair.new.name, how)
                    .into_iter()
                    .filter(|consumer| consumer.name == model.name),
            );
        }
    }
    broken
}
