//! What a test gives -> a record as its source tells it.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, FieldSpec, Protection};
use covenant_model::value::LogicalType;

use super::{Base, Given, Named, Suite, What};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::{Entry, Kind, Node};
use crate::source::Span;
use crate::witness::compose::{Choice, Roles, Sheet, Slot, sheet};
use crate::witness::told::{Act, Form, Token, Told, quoted};

/// What may be told of one entity.
pub(super) struct Teller<'c> {
    roles: Roles<'c>,
    sheets: BTreeMap<String, Sheet>,
    base: &'c [Base],
    sink: &'c Sink,
}

impl<'c> Teller<'c> {
    pub(super) fn new(roles: Roles<'c>, suite: &'c Suite, sink: &'c Sink) -> Self {
        let sources = roles.writer.spec().sources.keys();
        let sheets = sources.filter_map(|name| Some((name.clone(), sheet(roles, name)?)));
        let teller = Self { roles, sheets: sheets.collect(), base: &suite.base, sink };
        for base in teller.base {
            teller.sheet(&base.source, base.at);
        }
        teller
    }

    fn spec(&self) -> &'c EntitySpec {
        self.roles.writer.spec()
    }

    /// The source of that name.
    fn sheet(&self, source: &str, at: Span) -> Option<&Sheet> {
        let known = self.spec().sources.keys().map(String::as_str);
        if !self.spec().sources.contains_key(source) {
            let text = format!("{} has no source `{source}`", self.spec().name);
            let names: Vec<&str> = known.clone().collect();
            self.sink.push(
                Diagnostic::new(&codes::CASE_NAMES, at, text)
                    .suggest(source, known)
                    .why(format!("its sources: {}", names.join(", "))),
            );
            return None;
        }
        let sheet = self.sheets.get(source);
        if sheet.is_none() {
            let text = format!("no valid record of `{source}` could be made");
            self.sink.push(
                Diagnostic::new(&codes::CASE_UNREADABLE, at, text)
                    .why("what a test leaves out gets a plain valid value, and a member has none"),
            );
        }
        sheet
    }

    /// The record. `None`: what is given does not fit the contract's names, which has been reported.
    pub(super) fn told(&self, given: &Given) -> Option<Told> {
        let sheet = self.sheet(&given.source, given.source_at)?;
        match &given.what {
            What::Record { members, moved_from } => self.record(sheet, given, members, moved_from),
            What::Delete { key } => self.delete(sheet, given, key),
        }
    }

    fn record(
        &self,
        sheet: &Sheet,
        given: &Given,
        members: &[Entry],
        moved_from: &[Entry],
    ) -> Option<Told> {
        let base = self.base.iter().find(|base| base.source == given.source);
        let base = base.map(|base| base.members.as_slice()).unwrap_or_default();
        let mut fixed: BTreeMap<usize, Choice> = BTreeMap::new();
        let mut strangers = BTreeMap::new();
        for entry in base.iter().chain(members) {
            match self.place(sheet, &entry.key, entry.key_span)? {
                Some(place) => {
                    let token = self.token(sheet, place, &entry.value)?;
                    fixed.insert(place, Some(token));
                }
                None => {
                    strangers.insert(entry.key.clone(), token(sheet.form, None, &entry.value));
                }
            }
        }
        for (names, choice) in [(&given.without, None), (&given.unchanged, Some(Token::Unchanged))]
        {
            for named in names {
                fixed.insert(self.known(sheet, named)?, choice.clone());
            }
        }
        if let (Some(first), false) = (given.unchanged.first(), sheet.form == Form::Row) {
            return self.only_tables(first.at, "leave a column out because it has not changed");
        }
        let mut told = sheet.compose(self.roles, &fixed, given.order, &|_| false);
        told.members.extend(strangers);
        if let Some(first) = moved_from.first() {
            if sheet.form != Form::Row {
                return self.only_tables(first.key_span, "change the key of a row");
            }
            // Parts of the key that are not named are as they are now.
            let mut before = told.members.clone();
            before.extend(self.columns(sheet, moved_from)?);
            told.before = before;
        }
        Some(told)
    }

    fn delete(&self, sheet: &Sheet, given: &Given, key: &[Entry]) -> Option<Told> {
        if sheet.form != Form::Row {
            return self.only_tables(given.at, "tell that a row is deleted");
        }
        let plain = sheet.compose(self.roles, &BTreeMap::new(), given.order, &|_| false);
        let mut gone = plain.deleted(given.order);
        gone.members.extend(self.columns(sheet, key)?);
        debug_assert!(gone.act == Act::Delete);
        Some(gone)
    }

    fn only_tables<T>(&self, at: Span, what: &str) -> Option<T> {
        let text = format!("only tables {what}");
        self.sink.push(Diagnostic::new(&codes::CASE_UNREADABLE, at, text));
        None
    }

    fn columns(&self, sheet: &Sheet, entries: &[Entry]) -> Option<BTreeMap<String, Token>> {
        let mut found = BTreeMap::new();
        for entry in entries {
            let named = Named { name: entry.key.clone(), at: entry.key_span };
            let place = self.known(sheet, &named)?;
            found.insert(entry.key.clone(), self.token(sheet, place, &entry.value)?);
        }
        Some(found)
    }

    /// Place of a member that there must be.
    fn known(&self, sheet: &Sheet, named: &Named) -> Option<usize> {
        self.place(sheet, &named.name, named.at)?.or_else(|| {
            self.unknown(sheet, &named.name, named.at);
            None
        })
    }

    /// Place of a member. `Some(None)`: there is none of that name, and its source refuses such records.
    fn place(&self, sheet: &Sheet, name: &str, at: Span) -> Option<Option<usize>> {
        let place = sheet.slots.iter().position(|slot| slot.name == name);
        let closed = self.roles.writer.source(&sheet.source).is_some_and(|source| source.closed);
        if place.is_none() && !closed {
            self.unknown(sheet, name, at);
            return None;
        }
        Some(place)
    }

    fn unknown(&self, sheet: &Sheet, name: &str, at: Span) {
        let source = &sheet.source;
        let text = format!("`{source}` tells no `{name}`");
        let mut finding = Diagnostic::new(&codes::CASE_NAMES, at, text);
        let field = self.spec().fields.iter().find(|field| field.name == name);
        let slot = field.and_then(|field| sheet.slots.get(sheet.slot_of(field.id)?));
        finding = match (field, slot) {
            (Some(_), Some(slot)) => finding.help(format!("`{source}` calls it `{}`", slot.name)),
            (Some(_), None) => finding.why(format!("another source tells `{name}`")),
            (None, _) => finding.suggest(name, sheet.slots.iter().map(|slot| &*slot.name)),
        };
        self.sink.push(finding.why(format!(
            "records speak the words of their source, before anybody has read them; nothing of {} \
             comes from this one",
            self.spec().name
        )));
    }

    fn token(&self, sheet: &Sheet, place: usize, node: &Node) -> Option<Token> {
        let slot = sheet.slots.get(place)?;
        let fields: Vec<&FieldSpec> = fields(self.spec(), slot).collect();
        if !fields.iter().all(|field| is_harmless(self.sink, field, node)) {
            return None;
        }
        Some(token(sheet.form, fields.first().map(|field| &field.ty), node))
    }
}

fn fields<'c>(spec: &'c EntitySpec, slot: &Slot) -> impl Iterator<Item = &'c FieldSpec> {
    let ids = slot.fields.clone();
    spec.fields.iter().filter(move |field| ids.contains(&field.id))
}

/// Words that nobody's data has.
const MADE_UP: [&str; 4] = ["example", "invalid", "test", "made up"];

/// Whether a value of a field may stand in a file: of personal data only what is clearly nobody's.
pub(super) fn is_harmless(sink: &Sink, field: &FieldSpec, node: &Node) -> bool {
    let Some(pii) = &field.pii else { return true };
    let harmless = match &node.kind {
        Kind::Scalar { text, .. } => {
            let lower = text.to_lowercase();
            let mut signs = lower.chars().filter(|at| at.is_alphanumeric());
            let first = signs.next();
            let alike = signs.all(|sign| Some(sign) == first);
            node.is_nothing()
                || alike
                || lower.ends_with("-01-01")
                || MADE_UP.iter().any(|word| lower.contains(word))
        }
        Kind::Seq(_) | Kind::Map(_) => false,
    };
    if !harmless {
        let text = format!("{} holds personal data (`{}`)", field.name, pii.class);
        let protect = match pii.protect {
            Protection::Encrypt | Protection::Tokenize | Protection::Mask => "protected",
            Protection::Drop => "never kept",
        };
        sink.push(
            Diagnostic::new(&codes::CASE_PERSONAL, node.span, text)
                .at("whose is it?")
                .why(format!(
                    "it is {protect} everywhere else, and a file in a repository is read by everybody"
                ))
                .help("leave the member out: it gets a plain valid value that is made up")
                .help("or write something that is nobody's: with `example`, `invalid`, `test` or `made up` in it, of one repeated sign, or the first of January"),
        );
    }
    harmless
}

/// A value as a form spells it. Texts without quotes mean what they mean in YAML.
fn token(form: Form, ty: Option<&LogicalType>, node: &Node) -> Token {
    if node.is_nothing() {
        return Token::Null;
    }
    let (text, plain) = match &node.kind {
        Kind::Scalar { text, plain } => (text.as_str(), *plain),
        Kind::Seq(_) | Kind::Map(_) if form == Form::Row => return Token::Text(json(node)),
        Kind::Seq(_) | Kind::Map(_) => return Token::Json(json(node)),
    };
    match form {
        Form::Row => Token::Text(match (ty, text) {
            (Some(LogicalType::Bool), "true") => "t".to_owned(),
            (Some(LogicalType::Bool), "false") => "f".to_owned(),
            _ => text.to_owned(),
        }),
        Form::Event | Form::Salesforce if plain && ty == Some(&LogicalType::Json) => {
            Token::Json(text.to_owned())
        }
        Form::Event | Form::Salesforce => Token::Json(scalar(text, plain)),
    }
}

/// YAML as JSON; numbers keep their digits.
fn json(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { .. } if node.is_nothing() => "null".to_owned(),
        Kind::Scalar { text, plain } => scalar(text, *plain),
        Kind::Seq(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(entries) => {
            let member = |entry: &Entry| format!("{}: {}", quoted(&entry.key), json(&entry.value));
            let members: Vec<String> = entries.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn scalar(text: &str, plain: bool) -> String {
    let number = || serde_json::from_str::<serde_json::Number>(text).is_ok();
    if plain && (matches!(text, "true" | "false") || number()) {
        return text.to_owned();
    }
    quoted(text)
}
