//! Random contracts of one entity, as a model that can be written as YAML and changed leaf by leaf. Not every one holds together:
//! those that the compiler refuses are passed over, and counted.

use std::fmt::Write;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Systems and classes; the same for every contract.
pub(crate) const PROJECT: &str = "\
project: hunt
version: 1.0.0
owner: tests@acme.example
purpose: Random contracts.
systems:
  store:  {kind: postgres, purpose: A table., publication: p, slot: s}
  events: {kind: stream, purpose: A stream.}
  crm:    {kind: salesforce, purpose: An organisation., api_version: \"60.0\", daily_calls: 100000, share: 10%}
  snow:   {kind: snowflake, purpose: The warehouse., database: A}
pii:
  classes:
    contact: {protect: encrypt, about: E-mail.}
    open:    {protect: mask, about: Addresses.}
    secret:  {protect: tokenize, about: Others.}
    gone:    {protect: drop, about: Never kept.}
";

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) ty: String,
    /// Source -> its name for the field, where it has one of its own.
    pub(crate) from: Vec<(&'static str, Option<String>)>,
    pub(crate) nullable: bool,
    pub(crate) optional: bool,
    pub(crate) merge: &'static str,
    pub(crate) generation: Option<String>,
    /// Attributes with a text as their value: `min`, `max`, `pattern`, `format`, `pii`, `unit`.
    pub(crate) attributes: Vec<(&'static str, String)>,
}

/// An entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contract {
    pub(crate) fields: Vec<Field>,
    pub(crate) key: Vec<String>,
    pub(crate) key_reuse_never: bool,
    pub(crate) rekey: bool,
    pub(crate) stream: bool,
    pub(crate) sequence: Option<&'static str>,
    pub(crate) closed: bool,
    pub(crate) event_id: &'static str,
    pub(crate) table: &'static str,
    pub(crate) crm: bool,
    /// Name, expression, what happens.
    pub(crate) quality: Vec<(String, String, &'static str)>,
    pub(crate) reserved: Vec<(u32, String)>,
    pub(crate) warehouse: bool,
}

pub(crate) const TYPES: &[&str] = &[
    "bool",
    "int32",
    "int64",
    "decimal(6,2)",
    "decimal(8,2)",
    "decimal(8,3)",
    "string(4)",
    "string(8)",
    "string(60)",
    "uuid",
    "date",
    "timestamp",
    "enum [a, b, c]",
    "enum [a, b]",
    "enum [b, a, c]",
    "enum [a, b, c, d]",
    "enum [x, 1, true]",
];
pub(crate) const PATTERNS: &[&str] =
    &["[a-z]{1,3}", "[a-z]+", "[a-y]{1,3}", "[0-9]{2}", "a|b|cd", ".*", "[^ ]*", "x?y?z?"];
pub(crate) const RULES: &[&str] = &[
    "small >= 0",
    "small >= 1",
    "small > 0",
    "small <> 2",
    "small = big",
    "small < big",
    "big + small > 1",
    "small IS NOT NULL",
    "NOT (small = 1 AND big = 1)",
    "small IN (1, 2)",
    "small IN (1, 2, 3)",
    "small * 2 = big OR small = 1",
];
pub(crate) const MERGES: &[&str] = &["latest", "ranked", "max", "min", "first"];
pub(crate) const CLASSES: &[&str] = &["contact", "open", "secret", "gone"];

/// A source set that a field may come from.
pub(crate) fn sources(
    dice: &mut StdRng,
    contract: &Contract,
) -> Vec<(&'static str, Option<String>)> {
    let mut known = vec!["store", "store", "store"];
    if contract.stream {
        known.push("events");
    }
    if contract.crm {
        known.push("crm");
    }
    let one = |dice: &mut StdRng| known.choose(dice).map(|name| (*name, None));
    let mut from: Vec<_> = one(dice).into_iter().collect();
    if dice.random_ratio(1, 5) {
        from.extend(one(dice).filter(|other| !from.contains(other)));
    }
    from
}

/// A random attribute that may fit a type.
pub(crate) fn attribute(dice: &mut StdRng, ty: &str) -> Option<(&'static str, String)> {
    let number = |dice: &mut StdRng| dice.random_range(-2..6).to_string();
    let text = ty.starts_with("string");
    Some(match dice.random_range(0..10) {
        7 if ty.starts_with("enum") => ("open", "true".to_owned()),
        8 => ("default", default(dice, ty)?.to_owned()),
        9 => ("aliases", (*["w1", "w2", "w3"].choose(dice)?).to_owned()),
        0 if !text => ("min", number(dice)),
        1 if !text => ("max", number(dice)),
        2 if text => ("pattern", (*PATTERNS.choose(dice)?).to_owned()),
        3 if text => ("format", "email".to_owned()),
        4 => ("pii", (*CLASSES.choose(dice)?).to_owned()),
        5 => ("unit", (*["EUR", "USD"].choose(dice)?).to_owned()),
        _ => return None,
    })
}

/// A default that may fit a type.
fn default(dice: &mut StdRng, ty: &str) -> Option<&'static str> {
    let known: &[&str] = match ty.split(['(', ' ']).next()? {
        "bool" => &["true", "false"],
        "int32" | "int64" | "decimal" => &["0", "1", "3"],
        "string" => &["a", "ab", "12", ""],
        "date" => &["2000-01-01"],
        "enum" => &["a", "b", "x"],
        _ => return None,
    };
    known.choose(dice).copied()
}

/// A field that may hold together.
pub(crate) fn field(dice: &mut StdRng, contract: &Contract, id: u32) -> Field {
    let ty = TYPES.choose(dice).map_or("int32", |ty| ty).to_owned();
    let from = sources(dice, contract);
    let nullable = dice.random_ratio(1, 3);
    let fits: Vec<&'static str> = MERGES
        .iter()
        .copied()
        .filter(|merge| match *merge {
            "ranked" => ty.starts_with("enum"),
            "max" | "min" => !ty.starts_with("enum") && !ty.starts_with("string") && ty != "uuid",
            "first" => from.len() == 1,
            _ => from.len() == 1,
        })
        .collect();
    let merge = match fits.choose(dice) {
        Some(merge) if from.len() > 1 || dice.random_ratio(1, 3) => merge,
        _ => "latest",
    };
    let attributes: Vec<_> = (0..2)
        .filter_map(|_| attribute(dice, &ty))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .collect();
    Field {
        id,
        name: format!("f{id}"),
        ty,
        from,
        nullable,
        optional: nullable && dice.random_ratio(1, 3),
        merge,
        generation: None,
        attributes,
    }
}

fn plain(id: u32, name: &str, ty: &str) -> Field {
    Field {
        id,
        name: name.to_owned(),
        ty: ty.to_owned(),
        from: vec![("store", None)],
        nullable: false,
        optional: false,
        merge: "latest",
        generation: None,
        attributes: Vec::new(),
    }
}

/// A contract: a key, two numbers that rules speak of, and a few fields of any kind.
pub(crate) fn contract(dice: &mut StdRng) -> Contract {
    let mut contract = Contract {
        fields: vec![plain(1, "id", "int64"), plain(2, "small", "int32"), plain(3, "big", "int64")],
        key: vec!["id".to_owned()],
        key_reuse_never: dice.random_ratio(4, 5),
        rekey: false,
        stream: dice.random_ratio(2, 3),
        sequence: dice.random_ratio(1, 2).then_some("seq"),
        closed: dice.random_ratio(1, 4),
        event_id: "eid",
        table: "public.things",
        crm: dice.random_ratio(1, 3),
        quality: Vec::new(),
        reserved: Vec::new(),
        // Without a sink nobody is bound, and nothing breaks.
        warehouse: true,
    };
    if let Some(small) = contract.fields.get_mut(1) {
        small.nullable = dice.random_ratio(1, 2);
    }
    if dice.random_ratio(1, 4) {
        let ty =
            ["string(8)", "int32", "enum [a, b, c]", "uuid"].choose(dice).map_or("uuid", |ty| ty);
        contract.fields.push(plain(4, "part", ty));
        contract.key.push("part".to_owned());
    }
    for id in 5..5 + dice.random_range(1..5) {
        let field = field(dice, &contract, id);
        contract.fields.push(field);
    }
    if dice.random_ratio(1, 2) {
        let rule = RULES.choose(dice).map_or("small >= 0", |rule| rule).to_owned();
        contract.quality.push(("r1".to_owned(), rule, "quarantine"));
    }
    contract
}

impl Contract {
    /// The file. The promise and the version are the caller's.
    pub(crate) fn yaml(&self, promise: &str, version: &str) -> String {
        let mut text = format!(
            "entity: hunt.thing\nversion: {version}\nowner: tests@acme.example\npurpose: A thing.\n\
             compatibility: {promise}\nkey: [{}]\n",
            self.key.join(", ")
        );
        if self.key_reuse_never {
            text.push_str("key_reuse: never\n");
        }
        if self.rekey {
            text.push_str("key_change: rekey\n");
        }
        let _ = writeln!(text, "sources:\n  store: {{table: {}}}", self.table);
        if self.stream {
            let order = self.sequence.map_or(String::new(), |name| format!(", order: {name}"));
            let _ = writeln!(
                text,
                "  events: {{stream: things, event_id: {}{order}, occurred_at: at{}}}",
                self.event_id,
                if self.closed { ", unknown: closed" } else { "" }
            );
        }
        if self.crm {
            let keys: Vec<String> =
                self.key.iter().map(|name| format!("{name}: {name}__c")).collect();
            let _ = writeln!(text, "  crm: {{object: Thing__c, key: {{{}}}}}", keys.join(", "));
        }
        text.push_str("fields:\n");
        for field in &self.fields {
            field.yaml(&mut text);
        }
        self.rules(&mut text);
        if self.warehouse {
            text.push_str("sinks:\n  snow: {table: A.HUNT.THINGS}\n");
        }
        text
    }

    fn rules(&self, text: &mut String) {
        if !self.quality.is_empty() {
            text.push_str("quality:\n");
        }
        for (name, expect, on_fail) in &self.quality {
            let _ =
                writeln!(text, "  - {{name: {name}, expect: \"{expect}\", on_fail: {on_fail}}}");
        }
        if !self.reserved.is_empty() {
            text.push_str("reserved:\n");
        }
        for (id, name) in &self.reserved {
            let _ = writeln!(text, "  - {{id: {id}, name: {name}}}");
        }
    }
}

impl Field {
    fn yaml(&self, text: &mut String) {
        let from: Vec<String> = self
            .from
            .iter()
            .map(|(source, name)| match name {
                Some(name) => format!("{source}: {name}"),
                None => format!("{source}: {}", self.name),
            })
            .collect();
        let _ = write!(
            text,
            "  {}: {{id: {}, type: \"{}\", from: {{{}}}",
            self.name,
            self.id,
            self.ty,
            from.join(", ")
        );
        for (flag, set) in [("nullable", self.nullable), ("optional", self.optional)] {
            if set {
                let _ = write!(text, ", {flag}: true");
            }
        }
        if self.merge != "latest" {
            let _ = write!(text, ", merge: {}", self.merge);
        }
        if let Some(generation) = &self.generation {
            let _ = write!(text, ", generation: {generation}");
        }
        for (name, value) in &self.attributes {
            let value = match *name {
                "min" | "max" | "open" => value.clone(),
                "aliases" => format!("[{value}]"),
                _ => format!("\"{value}\""),
            };
            let _ = write!(text, ", {name}: {value}");
        }
        text.push_str("}\n");
    }
}
