//! A draft of a project, and its text. Layout only: what a foreign thing becomes is its importer's to say.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::names::quoted;
use crate::emit::schemas::doc::Doc;

/// Where nobody is named.
pub(in crate::interop) const NOBODY: &str = "nobody@example.com";
/// Name of the system that an entity comes from, where nobody says which it is.
pub(in crate::interop) const SOURCE: &str = "source";
/// Name of the warehouse.
pub(in crate::interop) const WAREHOUSE: &str = "warehouse";
/// Its database, where nobody names it.
const DATABASE: &str = "ANALYTICS";
/// Behind a line that was guessed.
pub(in crate::interop) const GUESS: &str = "    # a guess";

/// What becomes `project.yaml`, and one file per entity.
#[derive(Debug, Default)]
pub(in crate::interop) struct Draft {
    /// `dbt sources`, `a PostgreSQL database`: what it was imported from.
    pub(in crate::interop) from: String,
    /// A name of the language.
    pub(in crate::interop) name: String,
    /// What it is for.
    pub(in crate::interop) purpose: String,
    /// In order.
    pub(in crate::interop) systems: Vec<System>,
    /// Classes of personal data by name: how they are protected, and what belongs to them. All guesses.
    pub(in crate::interop) classes: BTreeMap<String, (&'static str, String)>,
    /// In order.
    pub(in crate::interop) entities: Vec<Entity>,
    /// By standard: what belongs to no entity.
    pub(in crate::interop) extensions: Vec<(String, Doc)>,
}

/// A system of the project.
#[derive(Debug, Default)]
pub(in crate::interop) struct System {
    /// A name of the language.
    pub(in crate::interop) name: String,
    /// `postgres`
    pub(in crate::interop) kind: &'static str,
    /// What it is for.
    pub(in crate::interop) purpose: String,
    /// Key, value as YAML writes it, and whether it is a guess.
    pub(in crate::interop) settings: Vec<(&'static str, String, bool)>,
}

impl System {
    /// A source and a warehouse, where nobody says what they are.
    pub(in crate::interop) fn guessed(source: &str, database: Option<&str>) -> Vec<Self> {
        vec![
            Self {
                name: SOURCE.to_owned(),
                kind: "postgres",
                purpose: source.to_owned(),
                settings: vec![
                    ("publication", "covenant_imported".to_owned(), true),
                    ("slot", "covenant_imported".to_owned(), true),
                ],
            },
            Self {
                name: WAREHOUSE.to_owned(),
                kind: "snowflake",
                purpose: "The warehouse.".to_owned(),
                settings: vec![(
                    "database",
                    database.unwrap_or(DATABASE).to_owned(),
                    database.is_none(),
                )],
            },
        ]
    }

    /// Name and members of a source that reads a table of the guessed system.
    pub(in crate::interop) fn source(table: &str) -> (String, String) {
        (SOURCE.to_owned(), format!("{{table: {table}}}"))
    }

    /// The warehouse, a table in it, and that it is a guess.
    pub(in crate::interop) fn warehouse(
        database: Option<&str>,
        area: &str,
        name: &str,
    ) -> (String, String, bool) {
        let database = database.unwrap_or(DATABASE);
        let table = format!("{database}.{}.{}", area.to_uppercase(), name.to_uppercase());
        (WAREHOUSE.to_owned(), table, true)
    }
}

/// An entity of the project.
#[derive(Debug, Default)]
pub(in crate::interop) struct Entity {
    /// Both names of the language.
    pub(in crate::interop) area: String,
    /// Its name there.
    pub(in crate::interop) name: String,
    /// Empty: 0.1.0.
    pub(in crate::interop) version: String,
    /// Empty: nobody.
    pub(in crate::interop) owner: String,
    /// What a row is.
    pub(in crate::interop) purpose: String,
    /// Names of fields.
    pub(in crate::interop) key: Vec<String>,
    /// Whether the key is a guess.
    pub(in crate::interop) key_guessed: bool,
    /// Name of the source, and its members as YAML writes them.
    pub(in crate::interop) source: (String, String),
    /// Whether the source is a guess.
    pub(in crate::interop) source_guessed: bool,
    /// In order.
    pub(in crate::interop) fields: Vec<Field>,
    /// Names of fields whose values together no two rows have.
    pub(in crate::interop) unique: Vec<Vec<String>>,
    /// Name, expression.
    pub(in crate::interop) quality: Vec<(String, String)>,
    /// Name of the warehouse, its table, and whether it is a guess.
    pub(in crate::interop) sink: Option<(String, String, bool)>,
    /// Lines of `expect`, as YAML writes them.
    pub(in crate::interop) expect: Vec<(&'static str, String)>,
    /// What was left out, and why: one comment each.
    pub(in crate::interop) left: Vec<String>,
    /// By standard: what the language has no place for.
    pub(in crate::interop) extensions: Vec<(String, Doc)>,
}

/// A field of an entity.
#[derive(Clone, Debug, Default)]
pub(in crate::interop) struct Field {
    /// A name of the language.
    pub(in crate::interop) name: String,
    /// None: the next.
    pub(in crate::interop) id: Option<u32>,
    /// `decimal(12,2)`
    pub(in crate::interop) ty: String,
    /// Its name in the source, where that is another.
    pub(in crate::interop) wire: Option<String>,
    /// Whether NULL is a value.
    pub(in crate::interop) nullable: bool,
    /// Whether PostgreSQL may leave it out of changes.
    pub(in crate::interop) large: bool,
    /// Whether no two rows have the same value.
    pub(in crate::interop) unique: bool,
    /// Whether decisions rest on it.
    pub(in crate::interop) critical: bool,
    /// Entity.
    pub(in crate::interop) references: Option<String>,
    /// Class; a guess unless said otherwise.
    pub(in crate::interop) pii: Option<String>,
    /// Whether the class is known.
    pub(in crate::interop) pii_known: bool,
    /// `email`
    pub(in crate::interop) format: Option<String>,
    /// Regular expression.
    pub(in crate::interop) pattern: Option<String>,
    /// Smallest value.
    pub(in crate::interop) min: Option<String>,
    /// Largest value.
    pub(in crate::interop) max: Option<String>,
    /// Unit.
    pub(in crate::interop) unit: Option<String>,
    /// For the reader.
    pub(in crate::interop) about: Option<String>,
    /// Values that it may have.
    pub(in crate::interop) examples: Vec<String>,
    /// What people should look at; a comment.
    pub(in crate::interop) note: Option<String>,
    /// By standard: what the language has no place for.
    pub(in crate::interop) extensions: Vec<(String, Doc)>,
}

impl Draft {
    /// Path and text of every file.
    pub(in crate::interop) fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![("project.yaml".to_owned(), self.project())];
        for entity in &self.entities {
            files.push((format!("{}/{}.yaml", entity.area, entity.name), entity.text(&self.from)));
        }
        files
    }

    fn project(&self) -> String {
        let mut out = format!(
            "# Imported by covenant from {}: a draft. Look at everything that is marked.\n\
             project: {}\nversion: 0.1.0\nowner: {NOBODY}    # who answers for it?\npurpose: {}\n\nsystems:\n",
            self.from,
            self.name,
            quoted(&self.purpose),
        );
        for system in &self.systems {
            let _ = writeln!(out, "  {}:\n    kind: {}", system.name, system.kind);
            let _ = writeln!(out, "    purpose: {}", quoted(&system.purpose));
            for (key, value, guessed) in &system.settings {
                let _ = writeln!(out, "    {key}: {value}{}", if *guessed { GUESS } else { "" });
            }
        }
        if !self.classes.is_empty() {
            out.push_str("\npii:    # guesses\n  classes:\n");
            for (name, (protect, about)) in &self.classes {
                let _ =
                    writeln!(out, "    {name}: {{protect: {protect}, about: {}}}", quoted(about));
            }
        }
        out.push_str(&extensions(&self.extensions, 0));
        out
    }
}

impl Entity {
    fn text(&self, from: &str) -> String {
        let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
        let nobody =
            if self.owner.is_empty() { "    # who answers for it?" } else { Default::default() };
        let mut out = format!(
            "# Imported by covenant from {from}: a draft.\nentity: {}.{}\nversion: {}\nowner: {}{nobody}\npurpose: {}\n\
             compatibility: backward\n\nkey: [{}]{}\nkey_reuse: never\n\nsources:\n  {}: {}{}\n",
            self.area,
            self.name,
            or(&self.version, "0.1.0"),
            if self.owner.is_empty() { NOBODY.to_owned() } else { quoted(&self.owner) },
            quoted(&self.purpose),
            self.key.join(", "),
            if self.key_guessed { GUESS } else { "" },
            self.source.0,
            self.source.1,
            if self.source_guessed { GUESS } else { "" },
        );
        if !self.left.is_empty() {
            out.push('\n');
        }
        for left in &self.left {
            let _ = writeln!(out, "# Not taken over: {}.", left.replace(['\n', '\r'], " "));
        }
        out.push_str("\nfields:\n");
        let known: Vec<u32> = self.fields.iter().filter_map(|field| field.id).collect();
        let mut fresh = (1_u32..).filter(|id| !known.contains(id));
        for field in &self.fields {
            let id = field.id.or_else(|| fresh.next()).unwrap_or_default();
            out.push_str(&field.text(id, &self.source.0));
        }
        if !self.unique.is_empty() {
            out.push_str("\nunique:\n");
            for fields in &self.unique {
                let _ = writeln!(out, "  - [{}]", fields.join(", "));
            }
        }
        if !self.quality.is_empty() {
            out.push_str("\nquality:\n");
            for (name, expect) in &self.quality {
                let _ = writeln!(
                    out,
                    "  - {{name: {name}, expect: {}, on_fail: alarm}}",
                    quoted(expect)
                );
            }
        }
        if let Some((system, table, guessed)) = &self.sink {
            let _ = writeln!(
                out,
                "\nsinks:\n  {system}: {{table: {table}}}{}",
                if *guessed { GUESS } else { "" }
            );
        }
        if !self.expect.is_empty() {
            out.push_str("\nexpect:\n");
            for (key, value) in &self.expect {
                let _ = writeln!(out, "  {key}: {value}");
            }
        }
        out.push_str(&extensions(&self.extensions, 0));
        out
    }
}

impl Field {
    fn text(&self, id: u32, source: &str) -> String {
        let mut parts = vec![format!("id: {id}"), format!("type: {}", plain(&self.ty))];
        parts.push(match &self.wire {
            Some(wire) => format!("from: {{{source}: {}}}", quoted(wire)),
            None => format!("from: {source}"),
        });
        for (is_so, word) in [
            (self.nullable, "nullable"),
            (self.large, "large"),
            (self.unique, "unique"),
            (self.critical, "critical"),
        ] {
            if is_so {
                parts.push(format!("{word}: true"));
            }
        }
        for (key, value) in [
            ("format", &self.format),
            ("references", &self.references),
            ("pii", &self.pii),
            ("min", &self.min),
            ("max", &self.max),
        ] {
            if let Some(value) = value {
                parts.push(format!("{key}: {value}"));
            }
        }
        for (key, value) in
            [("pattern", &self.pattern), ("unit", &self.unit), ("about", &self.about)]
        {
            if let Some(value) = value {
                parts.push(format!("{key}: {}", quoted(value)));
            }
        }
        if !self.examples.is_empty() {
            let examples: Vec<String> = self.examples.iter().map(|one| quoted(one)).collect();
            parts.push(format!("examples: [{}]", examples.join(", ")));
        }
        let mut notes = Vec::new();
        if self.pii.is_some() && !self.pii_known {
            notes.push("`pii` is a guess".to_owned());
        }
        notes.extend(self.note.clone());
        let note = if notes.is_empty() {
            String::new()
        } else {
            format!("    # {}", notes.join("; ").replace(['\n', '\r'], " "))
        };
        if self.extensions.is_empty() {
            return format!("  {}: {{{}}}{note}\n", self.name, parts.join(", "));
        }
        let mut out = format!("  {}:{note}\n", self.name);
        for part in &parts {
            let _ = writeln!(out, "    {part}");
        }
        out.push_str(&extensions(&self.extensions, 4));
        out
    }
}

/// A type inside a flow map: quoted where it holds a comma or a bracket.
fn plain(ty: &str) -> String {
    if ty.contains([',', '[', ']']) { quoted(ty) } else { ty.to_owned() }
}

/// `extensions:` at an indent, or nothing.
fn extensions(all: &[(String, Doc)], indent: usize) -> String {
    let filled: Vec<(String, Doc)> =
        all.iter().filter_map(|(name, doc)| Some((name.clone(), doc.clone().filled()?))).collect();
    if filled.is_empty() {
        return String::new();
    }
    let doc = Doc::map().with("extensions", Doc::Map(filled));
    // Plain data: what cannot be written does not exist.
    let text = serde_saphyr::to_string(&doc).unwrap_or_default();
    let mut out = if indent == 0 { "\n".to_owned() } else { String::new() };
    for line in text.lines() {
        if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    }
    out
}
