//! The search for a witness: records are composed from both contracts and told to both, until one accepts what the other refuses, or
//! until the two fold the same records to different rows. What does not confirm is no witness.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::record::{Record, Violation};
use covenant_model::spec::EntitySpec;

use super::compose::{Choice, Roles, Sheet, ids, omittable, plain_sheet};
use super::fold::{self, Difference, Outcome};
use super::interpret::Interpreter;
use super::told::{Form, Told};
use super::{Direction, Row, Verdicts};

/// Most values of a field that are put into pairs.
const PAIRED_MAX: usize = 8;

/// Most values of a ranked field, and of the one that counts its corrections, that are put into pairs.
const CORRECTED_MAX: usize = 3;

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The entity as a whole, its key or its sources: any difference counts.
    Entity,
    /// A field, by its stable id: only what concerns it counts.
    Field(u32),
    /// A field that the new contract does not have: that its values are lost counts too.
    Lost(u32),
    /// A quality rule, by name.
    Quality(String),
}

impl Focus {
    /// The field, by its stable id.
    pub fn field(&self) -> Option<u32> {
        match self {
            Self::Field(id) | Self::Lost(id) => Some(*id),
            Self::Entity | Self::Quality(_) => None,
        }
    }
}

/// Two contracts of one entity.
#[derive(Clone, Copy)]
pub struct Pair<'c> {
    /// What was promised.
    pub old: Interpreter<'c>,
    /// What is proposed.
    pub new: Interpreter<'c>,
}

/// Looks for records that the writer of the direction takes and on which the two sides part.
pub fn search(pair: Pair<'_>, direction: Direction, focus: &Focus) -> Option<Row> {
    search_on(pair, direction, focus, &sheets(pair, direction, &[]))
}

pub(super) fn roles(pair: Pair<'_>, direction: Direction) -> Roles<'_> {
    match direction {
        Direction::Backward => Roles { writer: pair.old, reader: pair.new },
        Direction::Forward => Roles { writer: pair.new, reader: pair.old },
    }
}

/// What every source of the writer can tell. The same for every focus.
pub(super) fn sheets(pair: Pair<'_>, direction: Direction, known: &[Sheet]) -> Vec<Sheet> {
    let roles = roles(pair, direction);
    let sources = roles.writer.spec().sources.keys();
    sources.filter_map(|source| plain_sheet(roles, source, known)).collect()
}

/// [`search`] over sheets that are there already.
pub(super) fn search_on(
    pair: Pair<'_>,
    direction: Direction,
    focus: &Focus,
    sheets: &[Sheet],
) -> Option<Row> {
    let search = Search { pair, direction, roles: roles(pair, direction), focus };
    let told = |id: &u32| sheets.iter().any(|sheet| sheet.slot_of(*id).is_some());
    let field = focus.field().filter(told);
    let found = field.and_then(|id| {
        search
            .values(sheets, id)
            .or_else(|| search.by_old_names(sheets, id))
            .or_else(|| search.pairs(sheets, id))
            .or_else(|| search.corrections(sheets, id))
    });
    found
        .or_else(|| search.plain(sheets))
        .or_else(|| search.rule(sheets))
        .or_else(|| search.neighbours(sheets))
}

/// One member of a record alone: what is left where no record passes on both sides.
pub(super) fn search_alone(pair: Pair<'_>, direction: Direction, focus: &Focus) -> Option<Row> {
    let search = Search { pair, direction, roles: roles(pair, direction), focus };
    search.alone(&sheets(pair, direction, &[]), focus.field()?)
}

struct Search<'s, 'c> {
    pair: Pair<'c>,
    direction: Direction,
    roles: Roles<'c>,
    focus: &'s Focus,
}

impl Search<'_, '_> {
    /// One record with every value of the field that is worth trying.
    fn values(&self, sheets: &[Sheet], id: u32) -> Option<Row> {
        for sheet in sheets {
            let Some(place) = sheet.slot_of(id) else { continue };
            // What the writer takes can prove something; short texts before long ones.
            for choice in sheet.valid(self.roles, place).iter() {
                let told = self.compose(sheet, &[(place, choice)], 1);
                if let Some(row) = self.confirm(vec![told]) {
                    return Some(row);
                }
            }
        }
        None
    }

    /// One record that calls the field by one of its old names, as those before a rename do.
    fn by_old_names(&self, sheets: &[Sheet], id: u32) -> Option<Row> {
        let mut fields = self.roles.writer.spec().fields.iter();
        let aliases = &fields.find(|field| field.id == id)?.evolution.aliases;
        for sheet in sheets.iter().filter(|_| !aliases.is_empty()) {
            let Some(place) = sheet.slot_of(id) else { continue };
            for choice in sheet.valid(self.roles, place).iter().take(PAIRED_MAX) {
                let told = self.compose(sheet, &[(place, choice)], 1);
                for told in aliases.iter().filter_map(|alias| sheet.calling(&told, place, alias)) {
                    if let Some(row) = self.confirm(vec![told]) {
                        return Some(row);
                    }
                }
            }
        }
        None
    }

    /// Two records of one row, from any two sources that tell the field, with any two of its values.
    fn pairs(&self, sheets: &[Sheet], id: u32) -> Option<Row> {
        let tellers: Vec<(&Sheet, usize)> =
            sheets.iter().filter_map(|sheet| Some((sheet, sheet.slot_of(id)?))).collect();
        let few = |sheet: &Sheet, place: usize| -> Vec<Choice> {
            sheet.valid(self.roles, place).iter().take(PAIRED_MAX).cloned().collect()
        };
        for (first, first_place) in &tellers {
            for (second, second_place) in &tellers {
                for a in few(first, *first_place) {
                    for b in few(second, *second_place) {
                        let told = vec![
                            self.compose(first, &[(*first_place, &a)], 1),
                            self.compose(second, &[(*second_place, &b)], 2),
                        ];
                        if let Some(row) = self.confirm(told) {
                            return Some(row);
                        }
                    }
                }
            }
        }
        None
    }

    /// Two records of a ranked field: its values against those of the field that counts its corrections.
    fn corrections(&self, sheets: &[Sheet], id: u32) -> Option<Row> {
        let counter = |spec: &EntitySpec| {
            let field = spec.fields.iter().find(|field| field.id == id)?;
            spec.fields.get(field.generation?).map(|field| field.id)
        };
        let counters = [self.pair.old.spec(), self.pair.new.spec()].map(counter);
        for sheet in sheets {
            for counter in counters.into_iter().flatten() {
                let (Some(state), Some(count)) = (sheet.slot_of(id), sheet.slot_of(counter)) else {
                    continue;
                };
                let few = |place: usize| -> Vec<Choice> {
                    let valid = sheet.valid(self.roles, place);
                    valid.iter().take(CORRECTED_MAX).cloned().collect()
                };
                let (states, counts) = (few(state), few(count));
                let one = |at, nth: usize| {
                    let state_choice = states.get(nth % states.len())?;
                    let count_choice = counts.get(nth / states.len())?;
                    Some(self.compose(sheet, &[(state, state_choice), (count, count_choice)], at))
                };
                let all = states.len() * counts.len();
                for nth in 0..all * all {
                    let told = [one(1, nth % all), one(2, nth / all)];
                    let told: Vec<Told> = told.into_iter().flatten().collect();
                    if let Some(row) = self.confirm(told) {
                        return Some(row);
                    }
                }
            }
        }
        None
    }

    /// The plainest record of each source; inserted, deleted after, and moved to another key.
    fn plain(&self, sheets: &[Sheet]) -> Option<Row> {
        for sheet in sheets {
            let told = self.compose(sheet, &[], 1);
            let mut found = self.confirm(vec![told.clone()]);
            if found.is_none() && sheet.form == Form::Row {
                found = self.confirm(vec![told.clone(), told.deleted(2)]);
                found = found.or_else(|| self.moves(sheet, &told));
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The row gets another key: each part of it another value.
    fn moves(&self, sheet: &Sheet, told: &Told) -> Option<Row> {
        let spec = self.roles.writer.spec();
        ids(spec, &spec.key).into_iter().find_map(|id| {
            let place = sheet.slot_of(id)?;
            let other = sheet.valid(self.roles, place).get(1).cloned()?;
            let moved = self.compose(sheet, &[(place, &other)], 2).moving(told);
            self.confirm(vec![told.clone(), moved])
        })
    }

    /// Records that break the reader's rule of that name: every combination of a few values of its fields.
    fn rule(&self, sheets: &[Sheet]) -> Option<Row> {
        let Focus::Quality(name) = self.focus else { return None };
        let spec = self.roles.reader.spec();
        let rule = spec.quality.iter().find(|rule| rule.name == *name)?;
        let fields = ids(spec, &rule.expect.fields());
        for sheet in sheets {
            let places: Vec<usize> = fields.iter().filter_map(|id| sheet.slot_of(*id)).collect();
            let found = each_combination(self.roles, sheet, &places, |chosen| {
                let chosen: Vec<(usize, &Choice)> =
                    chosen.iter().map(|(place, choice)| (*place, choice)).collect();
                self.confirm(vec![self.compose(sheet, &chosen, 1)])
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Two records that differ in one member: other keys make other rows.
    fn neighbours(&self, sheets: &[Sheet]) -> Option<Row> {
        if *self.focus != Focus::Entity {
            return None;
        }
        for sheet in sheets {
            for place in 0..sheet.slots.len() {
                let valid = sheet.valid(self.roles, place);
                let Some(other) = valid.get(1) else { continue };
                let told =
                    vec![self.compose(sheet, &[], 1), self.compose(sheet, &[(place, other)], 2)];
                if let Some(row) = self.confirm(told) {
                    return Some(row);
                }
            }
        }
        None
    }

    /// The member alone, where no whole record passes on both sides: other changes stand in the way.
    fn alone(&self, sheets: &[Sheet], id: u32) -> Option<Row> {
        for sheet in sheets {
            let Some(place) = sheet.slot_of(id) else { continue };
            let Some(name) = sheet.slots.get(place).map(|slot| slot.name.as_str()) else {
                continue;
            };
            for choice in sheet.valid(self.roles, place).iter() {
                let Some(token) = choice else { continue };
                let members = BTreeMap::from([(name.to_owned(), token.clone())]);
                let told = Told::upsert(&sheet.source, sheet.form, 1, members);
                if let Some(verdicts) = self.parted_alone(&told, name, id) {
                    return Some(Row { direction: self.direction, told: vec![told], verdicts });
                }
            }
        }
        None
    }

    fn parted_alone(&self, told: &Told, name: &str, id: u32) -> Option<Verdicts> {
        let read = |interpreter: Interpreter<'_>| {
            interpreter.alone(&told.source, name, |alone| fold::read(alone, told))
        };
        let value = |interpreter: Interpreter<'_>, record: &Record| {
            let spec = interpreter.spec();
            let (ix, field) = spec.fields.iter().enumerate().find(|(_, field)| field.id == id)?;
            Some(fold::Typed::of(field, record.get(ix)?.clone()))
        };
        let about = |violations: &[Violation]| -> Vec<Violation> {
            violations
                .iter()
                .filter(|one| one.field.is_some() && self.concerns(one))
                .cloned()
                .collect()
        };
        let written = match read(self.roles.writer) {
            Ok(record) => value(self.roles.writer, &record)?,
            Err(_) => return None,
        };
        match read(self.roles.reader) {
            Err(violations) => {
                let reasons = about(&violations);
                let state = super::shown::alone(self.roles.writer.spec(), id, &written);
                (!reasons.is_empty()).then_some(Verdicts::Refused { reasons, state })
            }
            Ok(record) => {
                let read = value(self.roles.reader, &record)?;
                let (old, new) = match self.direction {
                    Direction::Backward => (written, read),
                    Direction::Forward => (read, written),
                };
                (!old.same(&new)).then(|| super::shown::apart(self.pair.new.spec(), id, &old, &new))
            }
        }
    }

    fn compose(&self, sheet: &Sheet, fixed: &[(usize, &Choice)], at: u32) -> Told {
        let fixed: BTreeMap<usize, Choice> =
            fixed.iter().map(|(place, choice)| (*place, (*choice).clone())).collect();
        let about = |violation: &Violation| self.concerns(violation);
        sheet.compose(self.roles, &fixed, at, &about)
    }

    /// Runs both sides. The witness is smaller where it can be.
    fn confirm(&self, told: Vec<Told>) -> Option<Row> {
        self.parted(&told)?;
        let told = self.smaller(told);
        let verdicts = self.parted(&told)?;
        Some(Row { direction: self.direction, told, verdicts })
    }

    /// How the two sides part over these records, where it concerns the focus.
    fn parted(&self, told: &[Told]) -> Option<Verdicts> {
        let written = fold::run(self.roles.writer, told);
        if !written.accepted() {
            return None;
        }
        let read = fold::run(self.roles.reader, told);
        if !read.accepted() {
            let refusals: Vec<Violation> = read
                .verdicts
                .iter()
                .flat_map(|verdict| match verdict {
                    fold::Verdict::Accepted => Vec::new(),
                    fold::Verdict::Refused(violations) => violations.clone(),
                })
                .collect();
            let concerned = refusals.iter().any(|violation| self.concerns(violation));
            let state = || super::shown::state(self.roles.writer.spec(), &written);
            return concerned.then(|| Verdicts::Refused { reasons: refusals, state: state() });
        }
        self.disagreement(&written, &read)
    }

    fn disagreement(&self, written: &Outcome, read: &Outcome) -> Option<Verdicts> {
        let (old, new) = match self.direction {
            Direction::Backward => (written, read),
            Direction::Forward => (read, written),
        };
        let (old_spec, new_spec) = (self.pair.old.spec(), self.pair.new.spec());
        if let Focus::Lost(id) = self.focus
            && let Some(lost) = super::shown::lost(*id, (old_spec, old))
        {
            return Some(lost);
        }
        let difference = fold::difference((old_spec, old), (new_spec, new))?;
        let concerned = match (&difference, self.focus.field()) {
            (_, None) => *self.focus == Focus::Entity,
            (Difference::Fields(ids), Some(id)) => ids.contains(&id),
            // Who owns the key says whether a row is there.
            (Difference::Keys | Difference::Alive, Some(id)) => {
                [old_spec, new_spec].iter().any(|spec| ids(spec, &spec.key).contains(&id))
            }
        };
        concerned.then(|| super::shown::differing(&difference, (old_spec, old), (new_spec, new)))
    }

    /// Whether a refusal is about the focus.
    fn concerns(&self, violation: &Violation) -> bool {
        let quality = violation.rule.strip_prefix("quality:");
        match self.focus {
            Focus::Entity => true,
            Focus::Quality(name) => quality == Some(name),
            Focus::Field(id) | Focus::Lost(id) => {
                let spec = self.roles.reader.spec();
                let rule = spec.quality.iter().find(|rule| quality == Some(&rule.name));
                let named = violation.field.as_ref().is_some_and(|name| {
                    names(self.pair.old.spec(), *id).contains(name.as_str())
                        || names(self.pair.new.spec(), *id).contains(name.as_str())
                });
                named || rule.is_some_and(|rule| ids(spec, &rule.expect.fields()).contains(id))
            }
        }
    }

    /// Leaves out records and members as long as the sides still part.
    fn smaller(&self, mut told: Vec<Told>) -> Vec<Told> {
        for at in (0..told.len()).rev() {
            let mut fewer = told.clone();
            fewer.remove(at);
            if !fewer.is_empty() && self.parted(&fewer).is_some() {
                told = fewer;
            }
        }
        for at in 0..told.len() {
            for name in told.get(at).map(|one| spare(self.roles.writer, one)).unwrap_or_default() {
                let mut less = told.clone();
                if let Some(one) = less.get_mut(at) {
                    one.members.remove(&name);
                }
                if self.parted(&less).is_some() {
                    told = less;
                }
            }
        }
        told
    }
}

/// Members that the writer may leave out.
pub(super) fn spare(writer: Interpreter<'_>, told: &Told) -> Vec<String> {
    let Some(source) = writer.source(&told.source) else { return Vec::new() };
    let members = told.members.keys().filter(|name| {
        let known = source.members.iter().find(|member| member.name == name.as_str());
        known.is_none_or(|member| omittable(writer, &told.source, member))
    });
    members.cloned().collect()
}

/// What a field is called: in the contract, and by its sources.
fn names(spec: &EntitySpec, id: u32) -> BTreeSet<&str> {
    let field = spec.fields.iter().find(|field| field.id == id);
    field
        .iter()
        .flat_map(|field| {
            std::iter::once(field.name.as_str()).chain(field.from.values().map(String::as_str))
        })
        .collect()
}

/// Most combinations of a rule's values.
const COMBINATIONS_MAX: usize = 4_096;

/// Values of each of so many fields, so that all their combinations are tried.
fn values_each(fields: usize) -> usize {
    match fields {
        0 | 1 => COMBINATIONS_MAX,
        2 => 64,
        3 => 16,
        4 => 8,
        _ => 4,
    }
}

fn each_combination<R>(
    roles: Roles<'_>,
    sheet: &Sheet,
    places: &[usize],
    mut then: impl FnMut(&[(usize, Choice)]) -> Option<R>,
) -> Option<R> {
    let most = values_each(places.len());
    let few = |place: usize| sheet.valid(roles, place).iter().take(most).cloned().collect();
    let options: Vec<(usize, Vec<Choice>)> =
        places.iter().map(|place| (*place, few(*place))).collect();
    let total = options.iter().map(|(_, all)| all.len()).product::<usize>().min(COMBINATIONS_MAX);
    for number in 0..total {
        let mut rest = number;
        let mut chosen = Vec::with_capacity(options.len());
        for (place, all) in &options {
            let size = all.len().max(1);
            chosen.extend(all.get(rest % size).map(|choice| (*place, choice.clone())));
            rest /= size;
        }
        if let Some(found) = then(&chosen) {
            return Some(found);
        }
    }
    None
}
