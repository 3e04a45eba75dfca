//! A sink's table or object changed, or the sink is gone.

use covenant_model::spec::WarehouseSink;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS110",
    slug: "sink-moved",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::FORWARD,
    consumers: &[SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Rebuild,
    witness: WitnessKind::Statement,
    what: "Rows are written to another table or object, or nowhere.",
    why: "Whoever reads the old one sees it stand still, and grants do not move along.",
    how: "Clone the table, point a view of the old name at it, and move readers before the \
          view goes.",
    cases: cases!("DCS110-sink-moved"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        warehouse(pair, findings);
        salesforce(pair, findings);
    }
    for pair in sides.models() {
        let (old, new) = (&pair.old.warehouse, &pair.new.warehouse);
        let claims = moved(&pair.leaf("warehouse"), old, new);
        if !claims.is_empty() {
            let broken = vec![consumers::model_table(sides.old, pair.old, None, "stands still")];
            let (was, is) = (consumers::place(old), consumers::place(new));
            let headline = format!("{} moved from {was} to {is}", pair.new.name);
            let below = format!("sinks/{}", new.system);
            findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming(claims));
        }
    }
}

/// Leaves of a table's place that changed.
fn moved(leaf: &str, old: &WarehouseSink, new: &WarehouseSink) -> Vec<String> {
    let parts = [
        ("system", old.system != new.system),
        ("database", old.database != new.database),
        ("schema", old.schema != new.schema),
        ("table", old.table != new.table),
    ];
    parts.iter().filter(|(_, is)| *is).map(|(part, _)| format!("{leaf}/{part}")).collect()
}

fn warehouse(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let Some(old) = &pair.old.warehouse else { return };
    let leaf = pair.leaf("warehouse");
    let claims = match &pair.new.warehouse {
        Some(new) => moved(&leaf, old, new),
        None => vec![leaf],
    };
    if claims.is_empty() {
        return;
    }
    let mut broken: Vec<Consumer> = pair.before().table("stands still").into_iter().collect();
    if pair.new.warehouse.is_none() {
        broken.extend(pair.before().readers("reads it"));
    }
    let to = pair.new.warehouse.as_ref().map(consumers::place);
    push(pair, findings, &old.system, &consumers::place(old), to, broken, claims);
}

fn salesforce(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let Some(old) = &pair.old.salesforce else { return };
    let leaf = pair.leaf("salesforce");
    let claims = match &pair.new.salesforce {
        Some(new) => {
            let parts =
                [("system", old.system != new.system), ("object", old.object != new.object)];
            parts.iter().filter(|(_, is)| *is).map(|(part, _)| format!("{leaf}/{part}")).collect()
        }
        None => vec![leaf],
    };
    if claims.is_empty() {
        return;
    }
    let fed = |field| pair.before().mappings(field, "stands still");
    let broken = pair.old.fields.iter().flat_map(fed).collect();
    let to = pair.new.salesforce.as_ref().map(|sink| sink.object.clone());
    push(pair, findings, &old.system, &old.object, to, broken, claims);
}

fn push(
    pair: EntityPair<'_>,
    findings: &mut Vec<Finding>,
    system: &str,
    old: &str,
    new: Option<String>,
    broken: Vec<Consumer>,
    claims: Vec<String>,
) {
    let headline = match &new {
        Some(new) => format!("{} moved from {old} to {new}", pair.old.name),
        None => format!("{} is no longer written to {old}", pair.old.name),
    };
    let below = format!("sinks/{system}");
    let path = if new.is_some() { pair.leaf(&below) } else { pair.new.name.clone() };
    let finding = pair.finding(&RULE, &below, headline, broken, RULE.how).claiming(claims);
    let promises = pair.leaf(&format!("expect/freshness_s/{system}"));
    let cascade = new.is_none().then_some(promises);
    findings.push(finding.new_at(Some(path)).cascading(cascade));
}
