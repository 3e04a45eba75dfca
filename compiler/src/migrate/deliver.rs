//! What Salesforce has to be told again: delivery sends a row when it changes, so a mapping that changed reaches the rows
//! that stand still only when their landed changes are derived again. What a record holds already is not sent.

use covenant_model::spec::{EntitySpec, SalesforceField, SalesforceSink};

use super::{Phase, Step, Target};

/// Why the records of an entity are delivered again.
struct Why {
    code: &'static str,
    /// Below the entity.
    below: String,
    text: String,
}

/// One job for each reason; the same command serves them all.
pub(super) fn again(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    let Some(sink) = &new.salesforce else { return Vec::new() };
    let reasons = match &old.salesforce {
        None => vec![Why {
            code: "DCS120",
            below: format!("sinks/{}", sink.system),
            text: format!("nothing has been delivered to {} yet", sink.object),
        }],
        Some(was) => reasons(old, was, new, sink),
    };
    reasons.into_iter().map(|why| job(new, why)).collect()
}

fn job(entity: &EntitySpec, why: Why) -> Step {
    let what = format!(
        "redeliver {} to Salesforce: {}; records that are as they should be are not sent",
        entity.name, why.text
    );
    let subject = format!("{}/{}", entity.name, why.below);
    Step::new(Target::Jobs, Phase::After, why.code, &subject, what)
        .sql(command(&entity.name))
        .undo("nothing to take back: the old contracts deliver their own fields again")
}

/// Every landed change once more, by the contract of today.
pub(super) fn command(entity: &str) -> String {
    format!("covenant-runtime replay --from 1 --rederive --entity {entity}")
}

fn reasons(
    old: &EntitySpec,
    was: &SalesforceSink,
    new: &EntitySpec,
    is: &SalesforceSink,
) -> Vec<Why> {
    let sink = format!("sinks/{}", is.system);
    let id = |entity: &EntitySpec, ix: usize| entity.fields.get(ix).map(|field| field.id);
    let mut all = Vec::new();
    let mut push = |code, below: String, text: String| all.push(Why { code, below, text });
    let filter = |entity: &EntitySpec, sink: &SalesforceSink| {
        sink.filter.as_ref().map(|filter| (id(entity, filter.field), filter.keep_days))
    };
    if filter(old, was) != filter(new, is) {
        let text = "other rows pass its filter, and others leave it".to_owned();
        push("DCM211", format!("{sink}/where"), text);
    }
    if was.on_delete != is.on_delete {
        let text = "the records of deleted rows are treated otherwise".to_owned();
        push("DCS106", format!("{sink}/on_delete"), text);
    }
    if was.on_leave != is.on_leave && is.filter.is_some() {
        let text = "the records of rows that left its filter are treated otherwise".to_owned();
        push("DCS106", format!("{sink}/on_leave"), text);
    }
    if was.external_id != is.external_id || was.object != is.object {
        let text = "its records are known by another id".to_owned();
        push("DCS134", format!("{sink}/external_id"), text);
    }
    for mapped in &is.fields {
        let below = format!("{sink}/fields/{}", mapped.target);
        let source = |entity: &EntitySpec, mapped: &SalesforceField| id(entity, mapped.source);
        let Some(before) = was.fields.iter().find(|one| one.target == mapped.target) else {
            let formerly = was.fields.iter().find(|one| {
                source(old, one) == source(new, mapped)
                    && is.fields.iter().all(|other| other.target != one.target)
            });
            let text = match formerly {
                Some(one) => format!(
                    "what {} got goes to {} from now on, which is empty until then",
                    one.target, mapped.target
                ),
                None => format!("{} is fed from now on, and is empty until then", mapped.target),
            };
            push("DCS121", below, text);
            continue;
        };
        if source(old, before) != source(new, mapped) {
            push("DCS131", below, format!("{} holds another field's values", mapped.target));
        } else if before.parent_external_id != mapped.parent_external_id
            || before.parent_object != mapped.parent_object
        {
            push("DCS138", below, format!("{} refers to another object", mapped.target));
        } else if !before.required && mapped.required {
            let text = format!("{} must be filled in every record", mapped.target);
            push("DCS135", format!("{below}/required"), text);
        }
        let field = new.fields.get(mapped.source);
        if let Some(field) = field.filter(|field| renames(old, field)) {
            let text = format!("{} holds symbols by their former names", mapped.target);
            push("DCW043", format!("fields/{}/type", field.name), text);
        }
    }
    all
}

/// Whether a stored symbol of the field has another name now.
fn renames(old: &EntitySpec, field: &covenant_model::spec::FieldSpec) -> bool {
    use covenant_model::value::LogicalType;
    let before = old.fields.iter().find(|before| before.id == field.id);
    let Some(LogicalType::Enum { symbols }) = before.map(|before| &before.ty) else {
        return false;
    };
    field.evolution.renamed.keys().any(|was| symbols.contains(was))
}
