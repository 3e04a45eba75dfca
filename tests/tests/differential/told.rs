//! Random records of a source: mostly valid, some broken in a member or two, some with members that are missing, unknown or twice
//! spelled. Drawn from pools that are made of the contract, and of tokens that are valid for some other type.

use std::collections::BTreeMap;

use covenant_compiler::witness::compose::{Roles, Sheet};
use covenant_compiler::witness::interpret::Interpreter;
use covenant_compiler::witness::told::{Form, Token, Told, spellings};
use covenant_compiler::witness::values::{Declared, candidates};
use covenant_model::support::table::Role;

/// SplitMix64: the same records in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn seeded(entity: &str, source: &str) -> Self {
        let text = format!("{entity}/{source}");
        let mix = |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
        Self(text.bytes().fold(7, mix))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'p, T>(&mut self, pool: &'p [T]) -> Option<&'p T> {
        let at = self.below(pool.len());
        pool.get(at)
    }
}

/// What may stand in a member.
pub(crate) struct Pool {
    name: String,
    /// The plainest values.
    usual: Vec<Token>,
    /// Every value at some edge.
    edges: Vec<Token>,
    /// Whether it is often left out: a field with a default, or an older name.
    spare: bool,
}

/// Valid for some type, or nearly; other types must refuse them with the same words.
const JUNK: &[&str] = &[
    "true",
    "0",
    "-1",
    "1.5",
    "1e2",
    "1e400",
    "\"\"",
    "\"1\"",
    "\"x\"",
    "\"NaN\"",
    "\"Infinity\"",
    "\"2026-02-29\"",
    "\"2026-01-01T00:00:00\"",
    "\"0001-01-01 BC\"",
    "{}",
    "[1]",
    "\"\\u00e9\"",
    "9223372036854775808",
    "\"AP8=\"",
    "\"AP9=\"",
    "\"00000000-0000-4000-8000-00000000000\"",
];
const JUNK_TEXTS: &[&str] = &[
    "t",
    "f",
    "0",
    "-1",
    "1.5",
    "1e2",
    "",
    "x",
    "NaN",
    "-Infinity",
    "2026-02-29",
    "infinity",
    "2026-01-01 00:00:00",
    "0044-03-15 BC",
    "\\x00ff",
    "\\x0",
    "é",
    "9223372036854775808",
];

/// One pool per member of a source.
pub(crate) fn pools(interpreter: Interpreter<'_>, source: &str, form: Form) -> Vec<Pool> {
    let spec = interpreter.spec();
    let members = interpreter.source(source).unwrap().members;
    let named = members.iter().flat_map(|member| {
        let own = std::iter::once((member.name, member));
        own.chain(member.aliases.iter().map(move |alias| (*alias, member)))
    });
    named
        .map(|(name, member)| {
            let (mut usual, mut edges) = (Vec::new(), Vec::new());
            for ix in member.fields {
                let field = &spec.fields[*ix];
                let values = candidates(Declared { entity: spec, field }, None);
                let spelled: Vec<_> =
                    values.iter().map(|value| spellings(form, &field.ty, value)).collect();
                usual.extend(spelled.iter().take(3).flatten().cloned());
                edges.extend(spelled.into_iter().flatten());
                if field.nullable {
                    usual.push(Token::Null);
                }
            }
            if member.role != Role::Plain && member.fields.is_empty() {
                let tokens: &[&str] = match member.role {
                    Role::Plain | Role::EventId => &["\"e-1\"", "2", "\"e-3\""],
                    Role::Order => &["1", "2", "30"],
                    Role::OccurredAt => &["\"2000-01-01T00:00:00Z\""],
                };
                usual.extend(tokens.iter().map(|token| Token::Json((*token).to_owned())));
            }
            edges.push(Token::Null);
            if form == Form::Row {
                edges.push(Token::Unchanged);
            }
            let defaulted = |ix: &usize| spec.fields[*ix].evolution.default.is_some();
            let spare = name != member.name || member.fields.iter().any(defaulted);
            Pool { name: name.to_owned(), usual, edges, spare }
        })
        .collect()
}

/// A record that is meant to be valid: any two members as they may be, the others so that every rule holds.
pub(crate) fn valid(dice: &mut Dice, interpreter: Interpreter<'_>, sheet: &Sheet, at: u32) -> Told {
    let mut fixed = BTreeMap::new();
    for _ in 0..2 {
        let place = dice.below(sheet.slots.len());
        let choice = sheet.slots.get(place).and_then(|slot| dice.pick(&slot.valid));
        fixed.extend(choice.map(|choice| (place, choice.clone())));
    }
    let roles = Roles { writer: interpreter, reader: interpreter };
    sheet.compose(roles, &fixed, at, &|_| false)
}

/// One record, valid or not.
pub(crate) fn record(dice: &mut Dice, source: &str, form: Form, pools: &[Pool], at: u32) -> Told {
    let (junk, wrap): (_, fn(String) -> Token) =
        if form == Form::Row { (JUNK_TEXTS, Token::Text) } else { (JUNK, Token::Json) };
    let mut members = BTreeMap::new();
    for pool in pools {
        let kind = dice.below(pools.len() * 4);
        let token = match kind {
            1 | 2 => dice.pick(&pool.edges).cloned(),
            3 => dice.pick(junk).map(|text| wrap((*text).to_owned())),
            4 => None,
            _ if pool.spare && kind.is_multiple_of(2) => None,
            _ => dice.pick(&pool.usual).cloned(),
        };
        members.extend(token.map(|token| (pool.name.clone(), token)));
    }
    if dice.below(4) == 0 {
        members.insert("unheard_of".to_owned(), wrap("1".to_owned()));
    }
    Told::upsert(source, form, at, members)
}
