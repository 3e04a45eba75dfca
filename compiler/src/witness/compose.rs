//! Records made from contracts: every member gets the plainest value that both sides take, and quality rules are made to hold by
//! trying values of the fields that they read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use covenant_model::record::Violation;
use covenant_model::spec::{EntitySpec, FieldIx, FieldSpec, QualityRule};
use covenant_model::support::table::{Member, Role};
use covenant_model::value::Value;

use super::fold;
use super::interpret::{self, Interpreter};
use super::told::{Form, Token, Told, spellings};
use super::values::{Declared, candidates};
use crate::emit::rust::refusing;
use crate::plan;

/// Most combinations that are tried to make one quality rule hold.
const COMBINATIONS_MAX: usize = 4_096;
/// Most choices of a member in a combination.
const CHOICES_MAX: usize = 5;
/// Most rules that are repaired for one record.
const REPAIRS_MAX: usize = 16;

/// Who writes a record and who reads it.
#[derive(Clone, Copy)]
pub struct Roles<'c> {
    /// Makes valid records.
    pub writer: Interpreter<'c>,
    /// Is told them.
    pub reader: Interpreter<'c>,
}

/// What may stand in one member. `None`: left out.
pub type Choice = Option<Token>;

/// A column or member of a source, and what may stand in it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its name there.
    pub name: String,
    /// Stable ids of the fields that it tells.
    pub fields: Vec<u32>,
    /// What the writer takes: first what the reader takes too. Never empty; one where it is not complete.
    pub valid: Vec<Choice>,
    complete: bool,
    role: Role,
}

/// A source of the writer, with its members.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Its name.
    pub source: String,
    /// How it spells.
    pub form: Form,
    /// In the writer's order.
    pub slots: Vec<Slot>,
}

/// The fields of a contract that `ids` name.
fn field_of(spec: &EntitySpec, id: u32) -> Option<&FieldSpec> {
    spec.fields.iter().find(|field| field.id == id)
}

/// Everything that a source of the writer can tell. `None`: a member has no valid value, or there is no such source.
pub fn sheet(roles: Roles<'_>, source: &str) -> Option<Sheet> {
    sheet_of(roles, source, |member| slot(roles, source, member))
}

/// The same, with the plainest value only of members that both contracts declare alike: there are many of them, and few are
/// ever asked for another. `known` are sheets of the other direction, where alike members have the same value.
pub(super) fn plain_sheet(roles: Roles<'_>, source: &str, known: &[Sheet]) -> Option<Sheet> {
    let known = known.iter().find(|sheet| sheet.source == source);
    let plain = |member: &Member<'_>| {
        if alike(roles, source, member) {
            let mut slots = known.iter().flat_map(|sheet| &sheet.slots);
            let same = slots.find(|slot| slot.name == member.name && !slot.complete);
            return same.cloned().or_else(|| plain_slot(roles, source, member));
        }
        slot(roles, source, member)
    };
    sheet_of(roles, source, plain)
}

fn sheet_of(
    roles: Roles<'_>,
    source: &str,
    slot: impl Fn(&Member<'_>) -> Option<Slot>,
) -> Option<Sheet> {
    let form = form(roles, source)?;
    let slots = roles.writer.source(source)?.members.iter().map(slot);
    let mut slots: Vec<Slot> = slots.collect::<Option<_>>()?;
    let is_closed = |of: Interpreter<'_>| of.source(source).is_some_and(|source| source.closed);
    if form == Form::Event && !is_closed(roles.writer) {
        slots.push(stranger());
    }
    Some(Sheet { source: source.to_owned(), form, slots })
}

/// A member that no contract knows: an open source lets it pass.
fn stranger() -> Slot {
    let choices = vec![None, Some(Token::Json("true".to_owned()))];
    Slot {
        name: "unheard_of".to_owned(),
        fields: Vec::new(),
        valid: choices,
        complete: true,
        role: Role::Plain,
    }
}

fn form(roles: Roles<'_>, source: &str) -> Option<Form> {
    Some(fold::form_of(roles.writer.spec().sources.get(source)?))
}

/// Whether both contracts declare what a member tells, and in the same words.
fn alike(roles: Roles<'_>, source: &str, member: &Member<'_>) -> bool {
    let (writer, reader) = (roles.writer.spec(), roles.reader.spec());
    let key = |spec: &EntitySpec, fields: &[FieldIx]| fields.iter().any(|ix| spec.key.contains(ix));
    let there = roles.reader.source(source).into_iter().flat_map(|source| source.members);
    let other = there.into_iter().find(|other| other.name == member.name);
    other.is_some_and(|other| {
        other.role == Role::Plain
            && member.role == Role::Plain
            && key(writer, member.fields) == key(reader, other.fields)
            && member.fields.len() == other.fields.len()
            && member
                .fields
                .iter()
                .zip(other.fields)
                .all(|(mine, theirs)| writer.fields.get(*mine) == reader.fields.get(*theirs))
    })
}

/// Whether a change may leave a member out.
pub(super) fn omittable(interpreter: Interpreter<'_>, source: &str, member: &Member<'_>) -> bool {
    let spec = interpreter.spec();
    let salesforce = spec.sources.get(source).map(fold::form_of) == Some(Form::Salesforce);
    let mut fields = member.fields.iter().filter_map(|ix| spec.fields.get(*ix));
    let key = member.fields.iter().any(|ix| spec.key.contains(ix));
    let envelope = member.role != Role::Plain && member.fields.is_empty();
    let can_lack = |field: &FieldSpec| field.optional || field.evolution.default.is_some();
    !key && !envelope && (salesforce || fields.all(can_lack))
}

/// What may be worth telling in a member, valid or not.
fn tokens(roles: Roles<'_>, source: &str, form: Form, member: &Member<'_>) -> Vec<Choice> {
    let spec = roles.writer.spec();
    let named = member.fields.iter().filter_map(|ix| spec.fields.get(*ix));
    let mut tokens: Vec<Choice> = Vec::new();
    let key = member.fields.iter().any(|ix| spec.key.contains(ix));
    if member.role == Role::Plain && omittable(roles.writer, source, member) {
        tokens.push(None);
    }
    for field in named {
        let declared = Declared { entity: spec, field };
        let reader = roles.reader.spec();
        let other = field_of(reader, field.id).map(|field| Declared { entity: reader, field });
        for value in candidates(declared, other) {
            tokens.extend(spellings(form, &field.ty, &value).into_iter().map(Some));
        }
        tokens.push(Some(Token::Null));
        // Of others every change carries a value: a table that leaves one out is not what the contract says.
        if form == Form::Row && !key && (field.large || field.optional) {
            tokens.push(Some(Token::Unchanged));
        }
    }
    if member.role != Role::Plain {
        let at = if member.role == Role::OccurredAt { tokens.len() } else { 0 };
        let own = (1..4).map(|nth| Some(envelope(member.role, nth)));
        tokens.splice(at..at, own);
    }
    tokens
}

/// One value that both take.
fn plain_slot(roles: Roles<'_>, source: &str, member: &Member<'_>) -> Option<Slot> {
    let form = form(roles, source)?;
    let mut tokens = tokens(roles, source, form, member).into_iter();
    let first = tokens.find(|choice| fits(roles.writer, source, form, member.name, choice))?;
    Some(named_slot(roles, member, vec![first], false))
}

fn slot(roles: Roles<'_>, source: &str, member: &Member<'_>) -> Option<Slot> {
    let form = form(roles, source)?;
    let tokens = tokens(roles, source, form, member);
    let fits = |interpreter, choice: &Choice| fits(interpreter, source, form, member.name, choice);
    let mut valid: Vec<Choice> =
        tokens.into_iter().filter(|choice| fits(roles.writer, choice)).collect();
    let known = roles
        .reader
        .source(source)
        .is_some_and(|source| source.members.iter().any(|other| other.name == member.name));
    if known {
        valid.sort_by_key(|choice| !fits(roles.reader, choice));
    }
    (!valid.is_empty()).then(|| named_slot(roles, member, valid, true))
}

fn named_slot(roles: Roles<'_>, member: &Member<'_>, valid: Vec<Choice>, complete: bool) -> Slot {
    let spec = roles.writer.spec();
    let fields = ids(spec, member.fields);
    Slot { name: member.name.to_owned(), fields, valid, complete, role: member.role }
}

/// What an event's envelope says of its n-th telling.
fn envelope(role: Role, nth: u32) -> Token {
    Token::Json(match role {
        Role::EventId | Role::Plain => format!("\"{}\"", super::told::uuid(u128::from(nth))),
        Role::Order => nth.to_string(),
        Role::OccurredAt => format!("\"{}\"", super::values::nth_instant(nth)),
    })
}

/// Whether a contract has nothing against a token in this member, all else aside.
fn fits(
    interpreter: Interpreter<'_>,
    source: &str,
    form: Form,
    member: &str,
    choice: &Choice,
) -> bool {
    let members = choice.iter().map(|token| (member.to_owned(), token.clone())).collect();
    let told = Told::upsert(source, form, 1, members);
    let read = interpreter.alone(source, member, |alone| fold::read(alone, &told).err());
    let Some(found) = read else { return true };
    let spec = interpreter.spec();
    let told_here = |name: &str| {
        let here = interpreter.source(source).into_iter().flat_map(|source| source.members);
        let fields = here.filter(|other| other.name == member).flat_map(|other| other.fields);
        fields.filter_map(|ix| spec.fields.get(*ix)).any(|field| field.name == name)
    };
    !found.iter().any(|violation| match &violation.field {
        Some(name) => name == member || told_here(name),
        None => violation.rule == "malformed",
    })
}

/// Whether every source that tells a field may tell this value of it.
pub(super) fn takes(entity: &EntitySpec, ix: FieldIx, value: &Value) -> bool {
    let Some(field) = entity.fields.get(ix) else { return false };
    let asked = interpret::with(entity, |interpreter| {
        entity.sources.iter().all(|(source, of)| {
            let Some(member) = plan::source_name(entity, source, ix) else { return true };
            let form = fold::form_of(of);
            let token = spellings(form, &field.ty, value).into_iter().next();
            fits(interpreter, source, form, member, &token)
        })
    });
    asked.unwrap_or(false)
}

impl Sheet {
    /// Place of the member that tells a field.
    pub fn slot_of(&self, field: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.fields.contains(&field))
    }

    /// The record with another name for the member at a place. `None`: the record leaves it out.
    pub fn calling(&self, told: &Told, place: usize, name: &str) -> Option<Told> {
        let mut told = told.clone();
        let token = told.members.remove(&self.slots.get(place)?.name)?;
        told.members.insert(name.to_owned(), token);
        Some(told)
    }

    /// Every valid choice of a member.
    pub(super) fn valid(&self, roles: Roles<'_>, place: usize) -> Cow<'_, [Choice]> {
        let Some(slot) = self.slots.get(place) else { return Cow::Borrowed(&[]) };
        if slot.complete {
            return Cow::Borrowed(&slot.valid);
        }
        let members = roles.writer.source(&self.source).into_iter().flat_map(|all| all.members);
        let member = members.into_iter().find(|member| member.name == slot.name);
        let whole = member.and_then(|member| self::slot(roles, &self.source, member));
        whole.map_or(Cow::Borrowed(&slot.valid), |whole| Cow::Owned(whole.valid))
    }

    /// A record with these choices, and the plainest valid one for every other member.
    fn record(&self, chosen: &BTreeMap<usize, Choice>, at: u32) -> Told {
        let members = self.slots.iter().enumerate().filter_map(|(place, slot)| {
            let choice = match chosen.get(&place) {
                Some(choice) => choice.clone(),
                None => slot.usual(at),
            };
            choice.map(|token| (slot.name.clone(), token))
        });
        Told::upsert(&self.source, self.form, at, members.collect())
    }

    /// A record with some members as given, that the writer takes and the reader too, as far as it goes. The quality rules
    /// of both sides are made to hold, but those that `about` names may break on the reader's side.
    pub fn compose(
        &self,
        roles: Roles<'_>,
        fixed: &BTreeMap<usize, Choice>,
        at: u32,
        about: &dyn Fn(&Violation) -> bool,
    ) -> Told {
        let mut chosen = fixed.clone();
        for _ in 0..REPAIRS_MAX {
            let broken = self.broken(roles, &self.record(&chosen, at), about);
            let Some(rule) = broken.first() else { break };
            if !self.repair(roles, rule, fixed, &mut chosen, at, broken.len(), about) {
                break;
            }
        }
        self.record(&chosen, at)
    }

    /// The fields of every quality rule that does not hold.
    fn broken(
        &self,
        roles: Roles<'_>,
        told: &Told,
        about: &dyn Fn(&Violation) -> bool,
    ) -> Vec<Vec<u32>> {
        let mut found = Vec::new();
        for (interpreter, own) in [(roles.writer, true), (roles.reader, false)] {
            let violations = fold::read(interpreter, told).err().unwrap_or_default();
            for violation in violations.iter().filter(|violation| own || !about(violation)) {
                let spec = interpreter.spec();
                let rule = refusing(spec).find(|rule| named(rule, violation));
                found.extend(rule.map(|rule| ids(spec, &rule.expect.fields())));
            }
        }
        found
    }

    /// Tries other values of the fields of a rule until fewer rules are broken.
    #[allow(clippy::too_many_arguments, reason = "one step of `compose`, over all that it holds")]
    fn repair(
        &self,
        roles: Roles<'_>,
        rule: &[u32],
        fixed: &BTreeMap<usize, Choice>,
        chosen: &mut BTreeMap<usize, Choice>,
        at: u32,
        broken: usize,
        about: &dyn Fn(&Violation) -> bool,
    ) -> bool {
        let free: Vec<usize> = rule
            .iter()
            .filter_map(|field| self.slot_of(*field))
            .filter(|place| !fixed.contains_key(place))
            .collect();
        let choices: Vec<Vec<Choice>> =
            free.iter().map(|place| self.choices(roles, *place)).collect();
        let total = choices.iter().map(Vec::len).product::<usize>().min(COMBINATIONS_MAX);
        for number in 0..total {
            let mut tried = chosen.clone();
            let mut rest = number;
            for (place, options) in free.iter().zip(&choices) {
                let option = options.get(rest % options.len().max(1)).cloned();
                rest /= options.len().max(1);
                tried.extend(option.map(|option| (*place, option)));
            }
            if self.broken(roles, &self.record(&tried, at), about).len() < broken {
                *chosen = tried;
                return true;
            }
        }
        false
    }

    /// A few valid choices of a member, null among them where it may be.
    fn choices(&self, roles: Roles<'_>, place: usize) -> Vec<Choice> {
        let valid = self.valid(roles, place);
        let mut few: Vec<Choice> = valid.iter().take(CHOICES_MAX).cloned().collect();
        let null = Some(Token::Null);
        if valid.contains(&null) && !few.contains(&null) {
            few.push(null);
        }
        few
    }
}

impl Slot {
    /// The plainest valid choice; of an envelope, that of the telling.
    fn usual(&self, at: u32) -> Choice {
        if self.role != Role::Plain {
            let own = Some(envelope(self.role, at));
            if self.fields.is_empty() || self.valid.contains(&own) {
                return own;
            }
        }
        self.valid.first().cloned().flatten()
    }
}

/// Whether a refusal is by this rule.
pub(super) fn named(rule: &QualityRule, violation: &Violation) -> bool {
    violation.rule.strip_prefix("quality:") == Some(&rule.name)
}

/// Stable ids of fields.
pub fn ids(spec: &EntitySpec, fields: &[FieldIx]) -> Vec<u32> {
    fields.iter().filter_map(|ix| spec.fields.get(*ix)).map(|field| field.id).collect()
}

/// The value of a token as the contract's field reads it alone; for tests and reports.
pub fn value_of(interpreter: Interpreter<'_>, told: &Told, field: FieldIx) -> Option<Value> {
    let record = fold::read(interpreter, told).ok()?;
    record.get(field).cloned()
}
