//! A landed change once more, by the contract of today, at its own place in the source's order and under the revision in force.
//!
//! What landing holds of a change is what a contract kept of it: types, guards and protection are decided; the source's bytes
//! are gone. So what can be derived again is everything that follows from the kept values: guards and merge groups, who owns
//! existence, ciphertexts and tokens (class, key), rules of fields and of quality. What landing never held (a dropped class, the
//! plaintext of a token, a field that was not mapped) is read again from its source by a backfill.

use covenant_model::change::{
    Change, ChangeError, Op, Origin, Protect, ProtectError, Site, change_of, delete_of,
};
use covenant_model::columns::{self, ColumnPart};
use covenant_model::record::{Cell, Record};
use covenant_model::spec::{EntitySpec, MergeRule, OnFail, Protection};
use covenant_model::value::Value;
use covenant_model::version::{Guard, Version};

use super::derive::Deriver;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::keys::protector::{Protector, is_sealed, is_token};

/// What became of a landed change.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// Derived again.
    Derived(Box<Change>),
    /// It stands: the derivation in force has made it, or it says nothing.
    Stands,
    /// The contract of today refuses it. Its old result stands. Names the rules, never a value.
    Refused(String),
}

impl Deriver {
    /// A landed change of the entity with this index once more.
    ///
    /// # Errors
    /// `Unavailable` where keys are not to be had, `Corrupt` where a ciphertext does not open.
    pub fn landed_again(&self, entity: usize, change: &Change) -> Result<Again> {
        let Some(bound) = self.registry().bound().get(entity) else { return Ok(Again::Stands) };
        let (spec, revision) = (&bound.spec, self.revision(entity));
        let (_, _, landed) = change.version.parts();
        let silent =
            change.state.existence.is_none() && change.state.groups.iter().all(Option::is_none);
        if landed >= revision || silent {
            return Ok(Again::Stands);
        }
        if !spec.sources.contains_key(&change.source) {
            return Ok(Again::Refused(format!("source {} is in no contract", change.source)));
        }
        let deleted = change.state.existence.is_some_and(|existence| !existence.alive);
        let origin = Origin {
            source: &change.source,
            version: change.version.with_revision(revision),
            committed_at_us: change.committed_at_us,
            op: if deleted { Op::Delete } else { Op::Upsert },
            moved_from: change.moved_from.clone(),
        };
        if deleted {
            let change = delete_of(spec, change.key.clone(), &origin);
            return Ok(Again::Derived(Box::new(change)));
        }
        let plain = match plain_of(spec, change, self.protector())? {
            Ok(plain) => plain,
            Err(refused) => return Ok(Again::Refused(refused)),
        };
        if let Some(refused) = broken(bound.codec.check_fields(&plain.known), spec, &plain.known) {
            return Ok(Again::Refused(refused));
        }
        match change_of(spec, &plain.whole, &origin, &KeepingTokens(self.protector())) {
            Ok(mut derived) => {
                keep_older(spec, change, &mut derived);
                Ok(Again::Derived(Box::new(derived)))
            }
            Err(ChangeError::Protect(error)) => Err(RuntimeError::new(
                ErrorKind::Unavailable,
                "keys",
                error,
                "Check the key service or the key file. The replay goes on by itself once keys are to be had.",
            )),
            Err(
                error @ (ChangeError::KeyMissing { .. }
                | ChangeError::PartialGroup { .. }
                | ChangeError::NoGuard { .. }),
            ) => Ok(Again::Refused(error.to_string())),
        }
    }
}

/// A value that a refused row lent to this change (see [`super::withheld`]) is older than the change, and stays so.
fn keep_older(spec: &EntitySpec, landed: &Change, derived: &mut Change) {
    let revision = derived.version.parts().2;
    let own = Guard::latest(landed.version);
    let groups = derived.state.groups.iter_mut().zip(&landed.state.groups).zip(&spec.groups);
    for ((to, from), group) in groups {
        let (Some(to), Some(from), MergeRule::Latest) = (to, from, group.rule) else { continue };
        // Guards of other rules, under which an earlier contract may have landed it, are no versions: they have no incarnation, or
        // stand above every version.
        if from.guard < own
            && let Some(lent) = Version::from_packed(from.guard.packed())
            && lent.parts().0 > 0
        {
            to.guard = Guard::latest(lent.with_revision(revision));
        }
    }
}

/// A landed change as a record.
struct Plain {
    /// Everything, with tokens in the place of what only they tell of.
    whole: Record,
    /// What is known in plaintext: what rules can be held against.
    known: Record,
}

/// Or why it cannot be one.
fn plain_of(
    spec: &EntitySpec,
    change: &Change,
    protector: &Protector,
) -> Result<std::result::Result<Plain, String>> {
    let mut whole = Record::absent(spec.fields.len());
    let mut known = Record::absent(spec.fields.len());
    let mut set = |field: usize, value: Value, plain: bool| {
        if let (true, Some(cell)) = (plain, known.cells.get_mut(field)) {
            *cell = Cell::Value(value.clone());
        }
        if let Some(cell) = whole.cells.get_mut(field) {
            *cell = Cell::Value(value);
        }
    };
    for (field, value) in spec.key.iter().zip(&change.key.0) {
        set(*field, value.clone(), true);
    }
    for (ix, state) in change.state.groups.iter().enumerate() {
        let Some(state) = state else { continue };
        for (column, value) in columns::of_group(spec, ix).into_iter().zip(&state.values) {
            let Some(field) = spec.fields.get(column.field) else { continue };
            let beside = field.pii.as_ref().map(|pii| pii.protect) == Some(Protection::Encrypt);
            match (column.part, Kept::of(value)) {
                (ColumnPart::Plain, _) => set(column.field, value.clone(), true),
                (ColumnPart::Token, _) if beside => {}
                (ColumnPart::Cipher | ColumnPart::Token, Kept::Sealed(cipher)) => {
                    let plain = protector.open_value(&spec.name, &field.name, cipher)?;
                    set(column.field, plain, true);
                }
                (ColumnPart::Cipher | ColumnPart::Token, Kept::Plain) => {
                    set(column.field, value.clone(), true);
                }
                (ColumnPart::Token, Kept::Token) => set(column.field, value.clone(), false),
                (ColumnPart::Cipher, Kept::Token) => {
                    return Ok(Err(format!(
                        "{}: landing holds its token only (token)",
                        field.name
                    )));
                }
            }
        }
    }
    Ok(Ok(Plain { whole, known }))
}

/// In which form landing holds a protected value: that of the contract under which it was landed, which may have been another
/// one. A plaintext in the very form of a token is taken for one.
enum Kept<'v> {
    Sealed(&'v str),
    Token,
    Plain,
}

impl<'v> Kept<'v> {
    fn of(value: &'v Value) -> Self {
        match value {
            Value::Text(text) if is_sealed(text) => Self::Sealed(text),
            Value::Text(text) if is_token(text) => Self::Token,
            Value::Text(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Timestamp(_)
            | Value::Bytes(_) => Self::Plain,
        }
    }
}

/// The rules that the record breaks, in words; none: it holds.
fn broken(
    fields: std::result::Result<(), covenant_model::record::Violations>,
    spec: &EntitySpec,
    record: &Record,
) -> Option<String> {
    let mut all: Vec<String> = match fields {
        Ok(()) => Vec::new(),
        Err(violations) => violations.all.iter().map(ToString::to_string).collect(),
    };
    for rule in spec.quality.iter().filter(|rule| rule.at_capture) {
        if rule.on_fail == OnFail::Quarantine && !rule.expect.holds(spec, record) {
            all.push(format!("{} (quality:{})", rule.text, rule.name));
        }
    }
    (!all.is_empty()).then(|| all.join("; "))
}

/// Protects anew what landing holds encrypted. Of what was tokenized it holds the token alone: that one stays.
struct KeepingTokens<'a>(&'a Protector);

impl Protect for KeepingTokens<'_> {
    fn encrypt(&self, site: &Site<'_>, plain: &Value) -> Result<(String, String), ProtectError> {
        self.0.encrypt(site, plain)
    }

    fn token(&self, site: &Site<'_>, landed: &Value) -> Result<String, ProtectError> {
        match (Kept::of(landed), landed) {
            (Kept::Token, Value::Text(token)) => Ok(token.clone()),
            (Kept::Token | Kept::Sealed(_) | Kept::Plain, _) => self.0.token(site, landed),
        }
    }
}
