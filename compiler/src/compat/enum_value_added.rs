//! A symbol is new.

use super::prelude::*;
use super::{enum_value_removed, enum_value_renamed};

pub(super) static RULE: Rule = Rule {
    code: "DCW041",
    slug: "enum-value-added",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCW040"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator, SalesforceMapping, Model],
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "A closed enum got a symbol.",
    why: "Old validators reject records that hold it, a restricted Salesforce picklist refuses \
          it until its metadata is deployed, and models that list the symbols miss it.",
    how: "Deploy validators and picklists first, let the producer use it afterwards, and look \
          at the models that are named.",
    cases: cases!("DCW041-enum-value-added"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let Some((old, new)) = enum_value_renamed::symbols(pair) else { return };
    let judged = !pair.old.evolution.open;
    for symbol in new.iter().filter(|symbol| judged && !old.contains(symbol)) {
        let mut broken = vec![pair.entity.before().validator("rejects records that hold it")];
        broken.extend(pair.entity.after().mappings(pair.new, "refuses it until deployed"));
        broken.extend(enum_value_removed::listing(pair, &old, "lists symbols and misses it"));
        let headline = format!("{} got the value {symbol}", pair.shown());
        let help = "deploy validators and picklists first, then let the producer use it";
        let mut finding = pair.finding(&RULE, "type", headline, broken, help);
        finding.claims = enum_value_removed::claims(pair, &old, new, symbol);
        finding.claims.push(pair.leaf(&format!("transitions/{symbol}")));
        findings.push(finding);
    }
}
