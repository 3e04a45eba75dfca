//! What is unique besides the key.

use super::prelude::*;

pub(super) static ADDED: Rule = Rule {
    code: "DCM204",
    slug: "unique-added",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCM205"),
    modes: Modes::BACKWARD,
    consumers: &[SnowflakeTable],
    migration: Migration::Precheck,
    witness: WitnessKind::None(
        "a validator sees one record at a time: uniqueness is checked in the table",
    ),
    what: "Fields are unique from now on.",
    why: "Rows that are there may have the same values. Nothing is refused: two rows can be compared \
          only when both are there.",
    how: "Run the questions that `covenant migrate` writes: `0-ask.sql` on the table of now, \
          `4-check.sql` when the jobs have ended.",
    cases: cases!("DCM204-unique-added"),
    check: Check::Entity(check_added),
};

pub(super) static REMOVED: Rule = Rule {
    code: "DCM205",
    slug: "unique-removed",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCM204"),
    modes: Modes::FORWARD,
    consumers: &[Model, People],
    migration: Migration::None,
    witness: WitnessKind::None(
        "a validator sees one record at a time: uniqueness is checked in the table",
    ),
    what: "Fields are no longer unique.",
    why: "A join over them can meet several rows where there was one: sums count twice.",
    how: "Look at every join over them first.",
    cases: cases!("DCM205-unique-removed"),
    check: Check::Entity(check_removed),
};

fn only_in<'a>(these: &'a [Vec<u32>], those: &'a [Vec<u32>]) -> impl Iterator<Item = &'a Vec<u32>> {
    these.iter().filter(|ids| !those.contains(ids))
}

/// `#4+#7`: how the leaf names them.
pub(super) fn segment(ids: &[u32]) -> String {
    ids.iter().map(|id| format!("#{id}")).collect::<Vec<_>>().join("+")
}

fn names(entity: &covenant_model::spec::EntitySpec, ids: &[u32]) -> Vec<String> {
    ids.iter().filter_map(|id| Some(field_of_id(entity, *id)?.name.clone())).collect()
}

/// Where it is declared: the mark at the field, or the list.
fn below(names: &[String]) -> String {
    match names {
        [only] => format!("fields/{only}/unique"),
        _ => "unique".to_owned(),
    }
}

fn check_added(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for ids in only_in(&pair.new.unique, &pair.old.unique) {
        let names = names(pair.new, ids);
        let headline =
            format!("{} of {} is unique from now on", names.join(" and "), pair.new.name);
        let table = pair.after().table("may hold rows with the same values");
        let broken = mildly(table.into_iter().collect());
        let leaf = pair.leaf(&format!("unique/{}", segment(ids)));
        let finding = pair.finding(&ADDED, &below(&names), headline, broken, ADDED.how);
        findings.push(finding.claiming([leaf]));
    }
}

fn check_removed(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for ids in only_in(&pair.old.unique, &pair.new.unique) {
        let names = names(pair.old, ids);
        let headline = format!("{} of {} is no longer unique", names.join(" and "), pair.new.name);
        let reads = |name: &String| pair.after().models(name, "may meet several rows in a join");
        let broken = names.iter().flat_map(reads).collect();
        let leaf = pair.leaf(&format!("unique/{}", segment(ids)));
        let finding = pair.finding(&REMOVED, &below(&names), headline, broken, REMOVED.how);
        findings.push(finding.claiming([leaf]));
    }
}
