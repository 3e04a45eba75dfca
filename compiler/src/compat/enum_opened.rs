//! Open enums: their known symbols change, or they open and close.

use covenant_model::value::LogicalType;

use super::prelude::*;
use super::{enum_value_removed, enum_value_renamed};

pub(super) static KNOWN: Rule = Rule {
    code: "DCW042",
    slug: "open-enum-value-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::FORWARD_LOOK,
    consumers: &[Model],
    migration: Migration::None,
    witness: WitnessKind::None("both sides do the same with every record"),
    what: "An open enum got or lost a declared symbol.",
    why: "Validators take unknown symbols, and Salesforce's picklist is not restricted: nobody \
          refuses anything. Models that list symbols miss the new one, or wait for the old one.",
    how: "Look at the models that are named.",
    cases: cases!("DCW042-open-enum-value-changed"),
    check: Check::Field(check_known),
};

pub(super) static RULE: Rule = Rule {
    code: "DCW044",
    slug: "enum-opened-or-closed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Precheck,
    witness: WitnessKind::Record,
    what: "An enum takes symbols that are not declared from now on, or no longer.",
    why: "Closed, the new validator refuses old records that hold other symbols. Opened, the old \
          validator and a restricted Salesforce picklist refuse what comes in now.",
    how: "Before closing, declare every symbol that is stored. Before using new symbols of an \
          opened one, deploy validators and picklists.",
    cases: cases!("DCW044-enum-opened-or-closed"),
    check: Check::Field(check),
};

fn check_known(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let Some((old, new)) = enum_value_renamed::symbols(pair) else { return };
    let gained = new.iter().filter(|one| pair.old.evolution.open && !old.contains(one));
    let lost = old.iter().filter(|one| pair.new.evolution.open && !new.contains(one));
    let gained = gained.map(|one| (one, "got", old.as_slice(), "lists symbols and misses it"));
    let lost = lost.map(|one| (one, "lost", std::slice::from_ref(one), "compares with it"));
    for (symbol, what, listed, how) in gained.chain(lost) {
        let broken = mildly(enum_value_removed::listing(pair, listed, how));
        let headline = format!("open {} {what} the value {symbol}", pair.shown());
        let mut finding = pair.finding(&KNOWN, "type", headline, broken, KNOWN.how);
        finding.claims = enum_value_removed::claims(pair, &old, new, symbol);
        findings.push(finding);
    }
}

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let both = matches!(
        (&pair.old.ty, &pair.new.ty),
        (LogicalType::Enum { .. }, LogicalType::Enum { .. })
    );
    if !both || pair.old.evolution.open == pair.new.evolution.open {
        return;
    }
    let promise = pair.entity.old.compatibility;
    let (before, after) = (pair.entity.before(), pair.entity.after());
    let (what, broken) = if pair.new.evolution.open {
        let mut broken = vec![before.validator("rejects symbols that it does not know")];
        broken.extend(mildly(after.mappings(pair.new, "refuses them until deployed")));
        broken.extend(mildly(after.models(&pair.new.name, "meets symbols that it does not list")));
        ("takes any symbol from now on", under(promise, Promised::Forward, broken))
    } else {
        let mut broken = vec![after.validator("rejects symbols that are not declared")];
        broken.extend(mildly(after.column(pair.new, "may hold others").into_iter().collect()));
        ("takes its declared symbols only", under(promise, Promised::Backward, broken))
    };
    let headline = format!("enum {} {what}", pair.shown());
    let finding = pair.finding(&RULE, "open", headline, broken, RULE.how);
    findings.push(finding.explaining(pair.leaf("evolution/open")));
}
