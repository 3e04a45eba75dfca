//! dbt exposures: who reads the warehouse's tables outside dbt. These are the contracts' own models. (Delivery to
//! Salesforce does not read the warehouse, so it is none.)

use covenant_model::spec::{ModelSpec, WarehouseSink};

use crate::emit::schemas::doc::Doc;
use crate::plan::Plan;

/// `exposures.yml`: one exposure per model.
pub(super) fn exposures(plan: &Plan) -> Doc {
    let all = plan.models.iter().map(|model| exposure(plan, model));
    Doc::map().with("version", 2i64).with("exposures", Doc::list(all))
}

fn exposure(plan: &Plan, model: &ModelSpec) -> Doc {
    let reads = model.inputs.iter().filter_map(|name| {
        let entity = plan.entity(name).and_then(|entity| entity.warehouse.as_ref());
        let other = || plan.models.iter().find(|one| one.name == *name).map(|one| &one.warehouse);
        entity.or_else(other).map(source)
    });
    // dbt takes an e-mail only where it is one.
    let email = model.owner.contains('@').then_some(&model.owner);
    Doc::map()
        .with("name", model.name.replace('.', "_"))
        .with("label", &model.name)
        .with("type", "application")
        .with("maturity", "high")
        .with("description", model.purpose.trim())
        .with("depends_on", Doc::list(reads))
        .with("owner", Doc::map().with("name", &model.owner).with_some("email", email))
}

/// As `sources.yml` names it.
fn source(sink: &WarehouseSink) -> String {
    format!("source('{}', '{}')", sink.schema.to_ascii_lowercase(), sink.table)
}
