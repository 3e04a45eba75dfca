//! What the org must have: files of metadata that are new, changed or gone.

use std::collections::BTreeMap;

use covenant_model::spec::{FieldSpec, SourceSpec};

use super::{Phase, Step, Target};
use crate::emit::{EmitError, salesforce};
use crate::physical::{Alter, Column, PhysicalType, Platform, alter, of, relation};
use crate::plan::Plan;
use crate::tree::OutputTree;

const OBJECTS: &str = "salesforce/force-app/main/default/objects/";
const METADATA: &str = "salesforce/force-app/main/default/";

/// # Errors
/// Where the emitter fails.
pub(super) fn steps(old: &Plan, new: &Plan) -> Result<Vec<Step>, EmitError> {
    let (mut before, mut after) = (OutputTree::default(), OutputTree::default());
    salesforce::emit(old, &mut before)?;
    salesforce::emit(new, &mut after)?;
    let (was, is) = (fields(old), fields(new));
    let mut steps = Vec::new();
    for (path, text) in after.iter().filter(|(path, _)| path.starts_with(METADATA)) {
        let Some(member) = member(path) else { continue };
        let step = match before.get(path) {
            Some(same) if same == text => continue,
            Some(_) => changed(&member, was.get(&member.name), is.get(&member.name)),
            None => step(&member, Phase::Change, code_of(&member, "DCW014"), "deploy", "new")
                .undo(format!("delete {} {}", member.kind, member.name)),
        };
        steps.push(step.because(places(old, &member)).because(places(new, &member)));
    }
    for (path, _) in before.iter().filter(|(path, _)| path.starts_with(METADATA)) {
        if after.get(path).is_none()
            && let Some(member) = member(path)
        {
            let why = "no contract delivers to it or reads it any more; its values go with it";
            let step = step(&member, Phase::Destructive, "DCS130", "delete", why);
            steps.push(step.because(places(old, &member)).because(places(new, &member)));
        }
    }
    Ok(steps)
}

/// A component of the Metadata API.
pub(super) struct Member {
    /// `CustomField`
    pub(super) kind: &'static str,
    /// `Order__c.Status__c`
    pub(super) name: String,
}

/// Where the contracts ask for a component.
fn places(plan: &Plan, member: &Member) -> Vec<String> {
    let (object, name) = member.name.split_once('.').unwrap_or((&member.name, ""));
    let mut all = Vec::new();
    for entity in &plan.entities {
        let sink = entity.salesforce.iter().filter(|sink| {
            // A permission set is about all of them.
            sink.object == object || member.kind == "PermissionSet"
        });
        for sink in sink {
            let at = format!("{}/sinks/{}", entity.name, sink.system);
            let stem = |target: &str| target.strip_suffix("__r").map(|stem| format!("{stem}__c"));
            let mapped = sink.fields.iter().find(|mapped| {
                mapped.target == name || stem(&mapped.target).as_deref() == Some(name)
            });
            if let Some(mapped) = mapped {
                all.push(format!("{at}/fields/{}", mapped.target));
                let field = entity.fields.get(mapped.source);
                all.extend(field.map(|field| format!("{}/fields/{}", entity.name, field.name)));
            } else {
                all.push(at);
            }
        }
        for (source, spec) in &entity.sources {
            let SourceSpec::Salesforce { object: read, .. } = spec else { continue };
            if read != object && member.kind != "PlatformEventChannelMember" {
                continue;
            }
            let told = entity
                .fields
                .iter()
                .filter(|field| field.from.get(source).is_some_and(|told| told == name));
            all.extend(told.map(|field| format!("{}/fields/{}", entity.name, field.name)));
            all.push(format!("{}/sources/{source}", entity.name));
        }
    }
    all
}

/// What a file of the SFDX source format holds [salesforce §3].
fn member(path: &str) -> Option<Member> {
    let file = path.rsplit('/').next()?;
    let name = file.split('.').next()?;
    let object = path.strip_prefix(OBJECTS).and_then(|rest| rest.split('/').next());
    let inside = |kind| object.map(|object| Member { kind, name: format!("{object}.{name}") });
    if file.ends_with(".field-meta.xml") {
        inside("CustomField")
    } else if file.ends_with(".validationRule-meta.xml") {
        inside("ValidationRule")
    } else if file.ends_with(".object-meta.xml") {
        Some(Member { kind: "CustomObject", name: name.to_owned() })
    } else if file.ends_with(".permissionset-meta.xml") {
        Some(Member { kind: "PermissionSet", name: name.to_owned() })
    } else if file.ends_with(".platformEventChannelMember-meta.xml") {
        Some(Member { kind: "PlatformEventChannelMember", name: name.to_owned() })
    } else {
        None
    }
}

/// The line of a package: kind and name. What `render` makes `package.xml` of.
fn step(member: &Member, phase: Phase, code: &'static str, verb: &str, why: &str) -> Step {
    let subject = format!("salesforce/{}", member.name);
    let what = format!("{verb} {} {}: {why}", member.kind, member.name);
    Step::new(Target::Salesforce, phase, code, &subject, what)
        .sql(format!("{} {}", member.kind, member.name))
}

fn code_of(member: &Member, field: &'static str) -> &'static str {
    match member.kind {
        "CustomField" => field,
        "CustomObject" => "DCW003",
        _ => "DCS130",
    }
}

fn changed(
    member: &Member,
    was: Option<&(String, PhysicalType)>,
    is: Option<&(String, PhysicalType)>,
) -> Step {
    let (Some((_, was)), Some((_, is))) = (was, is) else {
        let step = step(member, Phase::Change, code_of(member, "DCS130"), "deploy", "changed");
        return step.undo("deploy the file of the old contracts");
    };
    let (object, field) = member.name.split_once('.').unwrap_or((&member.name, ""));
    let code = match relation(was, is) {
        crate::physical::Relation::Wider => "DCW031",
        crate::physical::Relation::Narrower => "DCW032",
        crate::physical::Relation::Rescaled => "DCW033",
        crate::physical::Relation::Same
        | crate::physical::Relation::Synonym
        | crate::physical::Relation::Zone
        | crate::physical::Relation::Unrelated => "DCW030",
    };
    match alter(Platform::Salesforce, &Column { table: object, column: field }, was, is) {
        Alter::Nothing | Alter::InPlace { .. } => {
            let why = format!("{was} becomes {is}, in place");
            step(member, Phase::Change, code, "deploy", &why)
                .undo("deploy the file of the old contracts")
        }
        Alter::Precheck { .. } | Alter::Rebuild { .. } | Alter::Impossible { .. } => {
            let why = format!(
                "{was} becomes {is}, which cuts or loses what is stored; better: map the contract's \
                 field to a new Salesforce field, deliver, move the readers, then remove this one"
            );
            step(member, Phase::Destructive, code, "deploy", &why)
        }
    }
}

/// `Order__c.Status__c` -> the contract's field and its type there.
fn fields(plan: &Plan) -> BTreeMap<String, (String, PhysicalType)> {
    let mut all = BTreeMap::new();
    for entity in &plan.entities {
        let Some(sink) = &entity.salesforce else { continue };
        for mapped in sink.fields.iter().filter(|mapped| mapped.parent_object.is_none()) {
            let Some(field) = entity.fields.get(mapped.source) else { continue };
            if let Some(ty) = ty(field) {
                let name = format!("{}.{}", sink.object, mapped.target);
                all.insert(name, (field.name.clone(), ty));
            }
        }
    }
    all
}

fn ty(field: &FieldSpec) -> Option<PhysicalType> {
    of(Platform::Salesforce, field).into_iter().next().map(|(_, ty)| ty)
}
