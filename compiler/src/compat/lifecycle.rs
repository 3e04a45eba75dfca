//! Something goes: it is deprecated, gets a last day, is retired, or comes back.

use covenant_model::spec::Compatibility;
use covenant_model::terms::Status;

use super::consumers::ConsumerKind;
use super::prelude::*;

pub(super) static UNTIL_WHEN: Rule = Rule {
    code: "DCM250",
    slug: "deprecated-without-sunset",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCM270", "what comes back, or says until when, hurts nobody"),
    modes: Modes::LOOK,
    consumers: &[People, Model, Reference, SalesforceMapping],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "Something is deprecated, and nobody says until when it can be read.",
    why: "Readers who do not know the day do not plan for it, and break on it.",
    how: "Add `sunset`, the last day: `2027-06-30`.",
    cases: cases!("DCM250-deprecated-without-sunset"),
    check: Check::Sides(check_until_when),
};

pub(super) static RETIRED: Rule = Rule {
    code: "DCM251",
    slug: "retired-too-early",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCM270", "what comes back hurts nobody"),
    modes: Modes::BOTH,
    consumers: &[People, Model, Reference, SalesforceMapping],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "Something is retired before its last day, or while somebody still reads it.",
    why: "Whoever reads it was promised more time, or does not know.",
    how: "Deprecate it with a sunset, move its readers, and retire it after that day.",
    cases: cases!("DCM251-retired-too-early"),
    check: Check::Sides(check_retired),
};

pub(super) static SOONER: Rule = Rule {
    code: "DCM252",
    slug: "sunset-moved-earlier",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCM271", "more time hurts nobody"),
    modes: Modes::BOTH,
    consumers: &[People, Model, Reference, SalesforceMapping],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "The last day of something deprecated is sooner than was promised.",
    why: "Readers planned to be away by the day that they were told.",
    how: "Keep the day, or agree the new one with every reader.",
    cases: cases!("DCM252-sunset-moved-earlier"),
    check: Check::Sides(check_sooner),
};

pub(super) static STATUS: Rule = Rule {
    code: "DCM270",
    slug: "status-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "Something was deprecated with a last day, got one, was retired after it, or came back.",
    why: "Nobody: it was told in time.",
    how: "Nothing.",
    cases: cases!("DCM270-status-changed"),
    check: Check::Sides(check_status),
};

pub(super) static LATER: Rule = Rule {
    code: "DCM271",
    slug: "sunset-moved-later",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCM252", "less time hurts those who planned for more"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "The last day of something deprecated is later than was promised.",
    why: "Nobody: readers have more time.",
    how: "Nothing.",
    cases: cases!("DCM271-sunset-moved-later"),
    check: Check::Sides(check_later),
};

/// Status and last day on one side.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Life<'a> {
    status: Status,
    /// ISO days: their order is that of the texts.
    sunset: Option<&'a str>,
}

/// Something that both sides have, and whose life differs.
struct Place<'a> {
    promise: Compatibility,
    owner: &'a str,
    /// `sales.order.status`
    shown: String,
    old_path: String,
    path: String,
    /// What its leaves begin with.
    leaf: String,
    old: Life<'a>,
    new: Life<'a>,
    /// Who reads it in the new contracts, and stays.
    readers: Vec<Consumer>,
}

const HOW: &str = "reads what goes";

/// Words for a headline where what was removed had a last day, that day has come, and nobody has stayed; none otherwise.
/// Without a day nothing is said of days.
pub(super) fn announced(
    status: Status,
    sunset: Option<&str>,
    today: Option<jiff::civil::Date>,
    broken: &[Consumer],
) -> Option<String> {
    let day = sunset.filter(|_| status != Status::Active)?;
    let come = day <= today?.to_string().as_str();
    let stayed = broken.iter().any(|one| match one.kind {
        ConsumerKind::SalesforceMapping | ConsumerKind::Model | ConsumerKind::Reference => true,
        ConsumerKind::RustValidator | ConsumerKind::SnowflakeTable | ConsumerKind::People => false,
    });
    (come && !stayed).then(|| format!(", as announced: its last day was {day}"))
}

fn places<'a>(sides: Sides<'a>) -> Vec<Place<'a>> {
    let mut found = Vec::new();
    for pair in sides.entities() {
        let life = |spec: &'a covenant_model::spec::EntitySpec| Life {
            status: spec.terms.status,
            sunset: spec.terms.sunset.as_deref(),
        };
        let after = pair.after();
        let name = &pair.new.name;
        push(&mut found, sides, (life(pair.old), life(pair.new)), || {
            let mut readers = after.readers(HOW);
            readers.extend(after.references(HOW));
            readers.extend(after.object(HOW));
            let ends = (name.clone(), name.clone());
            (
                pair.old.compatibility,
                &*pair.new.owner,
                name.clone(),
                ends,
                format!("{name}/terms"),
                readers,
            )
        });
        for field in pair.fields() {
            let life = |spec: &'a covenant_model::spec::FieldSpec| Life {
                status: spec.terms.status,
                sunset: spec.terms.sunset.as_deref(),
            };
            push(&mut found, sides, (life(field.old), life(field.new)), || {
                let mut readers = after.models(&field.new.name, HOW);
                readers.extend(after.mappings(field.new, HOW));
                let ends = (
                    format!("{}/fields/{}", pair.old.name, field.old.name),
                    format!("{}/fields/{}", pair.new.name, field.new.name),
                );
                let leaf = field.leaf("terms");
                (pair.old.compatibility, &*pair.new.owner, field.shown(), ends, leaf, readers)
            });
        }
    }
    for pair in sides.models() {
        let life = |spec: &'a covenant_model::spec::ModelSpec| Life {
            status: spec.terms.status,
            sunset: spec.terms.sunset.as_deref(),
        };
        let name = &pair.new.name;
        push(&mut found, sides, (life(pair.old), life(pair.new)), || {
            let readers = consumers::readers(sides.new, name, HOW);
            let ends = (name.clone(), name.clone());
            (
                pair.old.compatibility,
                &*pair.new.owner,
                name.clone(),
                ends,
                format!("{name}/terms"),
                readers,
            )
        });
        for (old, new) in pair.columns() {
            let life = |spec: &'a covenant_model::spec::ModelField| Life {
                status: spec.terms.status,
                sunset: spec.terms.sunset.as_deref(),
            };
            push(&mut found, sides, (life(old), life(new)), || {
                let readers = consumers::models(sides.new, name, &new.name, HOW);
                let ends =
                    (format!("{name}/fields/{}", old.name), format!("{name}/fields/{}", new.name));
                let leaf = leaf_of_field(name, new.id, "terms");
                let shown = format!("{name}.{}", new.name);
                (pair.old.compatibility, &*pair.new.owner, shown, ends, leaf, readers)
            });
        }
    }
    found
}

type Told<'a> = (Compatibility, &'a str, String, (String, String), String, Vec<Consumer>);

fn push<'a>(
    found: &mut Vec<Place<'a>>,
    sides: Sides<'a>,
    (old, new): (Life<'a>, Life<'a>),
    tell: impl FnOnce() -> Told<'a>,
) {
    if old == new {
        return;
    }
    let (promise, owner, shown, (old_path, path), leaf, mut readers) = tell();
    let goes = |name: &str| {
        let model = sides.new.model(name).map(|model| model.terms.status);
        model.or(sides.new.entity(name).map(|entity| entity.terms.status)) == Some(Status::Retired)
    };
    readers.retain(|reader| !goes(reader.path.split('/').next().unwrap_or_default()));
    found.push(Place { promise, owner, shown, old_path, path, leaf, old, new, readers });
}

impl Place<'_> {
    fn finding(&self, rule: &'static Rule, what: &str, at: &str, broken: Vec<Consumer>) -> Finding {
        let headline = format!("{} {what}", self.shown);
        let path = format!("{}/{at}", self.path);
        Finding::new(rule, self.promise, path, headline, broken, rule.how)
            .old_at(Some(format!("{}/{at}", self.old_path)))
    }

    fn status(&self) -> String {
        format!("{}/status", self.leaf)
    }

    fn sunset(&self) -> String {
        format!("{}/sunset", self.leaf)
    }

    /// Deprecated from now on without a day, or no longer with one.
    fn open_ended(&self) -> bool {
        let open = |life: Life<'_>| life.status == Status::Deprecated && life.sunset.is_none();
        open(self.new) && !open(self.old)
    }

    /// It was deprecated without a day, and has one now.
    fn told_at_last(&self) -> bool {
        self.old.status == Status::Deprecated
            && self.old.sunset.is_none()
            && self.new.sunset.is_some()
    }

    fn sooner(&self) -> bool {
        matches!((self.old.sunset, self.new.sunset), (Some(old), Some(new)) if new < old)
    }

    fn retires(&self) -> bool {
        self.new.status == Status::Retired && self.old.status != Status::Retired
    }

    /// The promised day, where it has not come; or that there was none.
    fn early(&self, today: Option<jiff::civil::Date>) -> Option<String> {
        match (self.old.sunset, today) {
            (None, _) => Some("without having had a last day".to_owned()),
            (Some(day), Some(today)) if day > today.to_string().as_str() => {
                Some(format!("before {day}, its last day"))
            }
            (Some(_), Some(_) | None) => None,
        }
    }

    fn too_early(&self, today: Option<jiff::civil::Date>) -> bool {
        self.retires() && (self.early(today).is_some() || !self.readers.is_empty())
    }

    fn people(&self, how: &str) -> Consumer {
        people(Side::Old, self.old_path.clone(), self.owner, how)
    }
}

fn check_until_when(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for place in places(sides).iter().filter(|place| place.open_ended()) {
        let mut broken = vec![place.people("does not know how much time is left")];
        broken.extend(place.readers.iter().cloned());
        let what = "is deprecated, and nobody says until when it can be read";
        let finding = place.finding(&UNTIL_WHEN, what, "status", broken);
        findings.push(finding.claiming([place.status(), place.sunset()]));
    }
}

fn check_retired(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for place in places(sides).iter().filter(|place| place.too_early(sides.today)) {
        let mut broken: Vec<Consumer> = place.readers.clone();
        let early = place.early(sides.today);
        let told = match &early {
            Some(early) => format!("is retired {early}"),
            None => "is retired, and is still read".to_owned(),
        };
        if early.is_some() {
            let who = place.people("was promised more time");
            // Nobody was promised a day that was never told.
            broken.push(if place.old.sunset.is_none() { who.mildly() } else { who });
        }
        let finding = place.finding(&RETIRED, &told, "status", broken);
        findings.push(finding.claiming([place.status(), place.sunset()]));
    }
}

fn check_sooner(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for place in places(sides).iter().filter(|place| place.sooner()) {
        let mut broken = vec![place.people("was promised more time")];
        broken.extend(place.readers.iter().cloned());
        let (old, new) = (place.old.sunset.unwrap_or(""), place.new.sunset.unwrap_or(""));
        let what = format!("can be read until {new}, no longer until {old}");
        let finding = place.finding(&SOONER, &what, "sunset", broken);
        findings.push(finding.claiming([place.sunset()]));
    }
}

fn check_status(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let all = places(sides);
    let plain = |place: &&Place<'_>| {
        (place.old.status != place.new.status || place.told_at_last())
            && !place.open_ended()
            && !place.too_early(sides.today)
    };
    for place in all.iter().filter(plain) {
        let what = format!("is {} from now on", place.new.status.word());
        let mut claims = vec![place.status()];
        if !place.sooner() {
            claims.push(place.sunset());
        }
        findings.push(place.finding(&STATUS, &what, "status", Vec::new()).claiming(claims));
    }
}

fn check_later(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let all = places(sides);
    let plain = |place: &&Place<'_>| {
        place.old.status == place.new.status
            && !place.open_ended()
            && !place.sooner()
            && !place.told_at_last()
    };
    for place in all.iter().filter(plain) {
        let what = match place.new.sunset {
            Some(day) => format!("can be read until {day}"),
            None => "has no last day any more".to_owned(),
        };
        let finding = place.finding(&LATER, &what, "sunset", Vec::new());
        findings.push(finding.claiming([place.sunset()]));
    }
}
