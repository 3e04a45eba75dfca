//! A symbol is gone.

use super::enum_value_renamed;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW040",
    slug: "enum-value-removed",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCW041"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Precheck,
    witness: WitnessKind::Record,
    what: "A closed enum lost a symbol.",
    why: "The new validator rejects records that hold it: landed changes that are replayed, \
          events in flight. Stored rows keep it, models that compare with it find nothing new, \
          a Salesforce picklist value stays behind.",
    how: "Stop producing it first, correct the rows that hold it, then remove it.",
    cases: cases!("DCW040-enum-value-removed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let Some((old, new)) = enum_value_renamed::symbols(pair) else { return };
    let after = pair.entity.after();
    let judged = !pair.new.evolution.open;
    for symbol in old.iter().filter(|symbol| judged && !new.contains(symbol)) {
        let mut broken = vec![after.validator("rejects records that hold it")];
        broken.extend(after.column(pair.new, "still holds it"));
        broken.extend(after.mappings(pair.new, "keeps it as a picklist value"));
        broken.extend(listing(pair, std::slice::from_ref(symbol), "compares with it"));
        let headline = format!("{} lost the value {symbol}", pair.shown());
        let help = "stop producing it, correct the rows that hold it, then remove it";
        let mut finding = pair.finding(&RULE, "type", headline, broken, help);
        finding.claims = claims(pair, &old, new, symbol);
        finding.claims.push(pair.leaf(&format!("transitions/{symbol}")));
        findings.push(finding);
    }
}

/// The leaf of a symbol; the order too, unless the symbols that stay stand in another one.
pub(super) fn claims(
    pair: FieldPair<'_>,
    old: &[String],
    new: &[String],
    symbol: &str,
) -> Vec<String> {
    let mut claims = vec![pair.leaf(&format!("type/symbols/{symbol}"))];
    if !reordered(old, new) {
        claims.push(pair.leaf("type/order"));
    }
    claims
}

/// Whether symbols that both sides have stand in another order.
pub(super) fn reordered(old: &[String], new: &[String]) -> bool {
    let kept = |all: &[String], other: &[String]| -> Vec<String> {
        all.iter().filter(|symbol| other.contains(symbol)).cloned().collect()
    };
    kept(old, new) != kept(new, old)
}

/// Models that read the field and name any of the symbols.
pub(super) fn listing(pair: FieldPair<'_>, symbols: &[String], how: &str) -> Vec<Consumer> {
    let view = pair.entity.sides.new;
    let names = |query: &str| symbols.iter().any(|known| query.contains(&format!("'{known}'")));
    let listed = |one: &Consumer| view.model(&one.name).is_some_and(|model| names(&model.query));
    pair.entity.after().models(&pair.new.name, how).into_iter().filter(listed).collect()
}
