//! What the catalogue's facts mean for a contract. Pure.

use std::collections::BTreeSet;

use covenant_model::spec::{EntitySpec, FieldSpec, Protection};

use super::facts::{RoleFacts, ServerFacts, TableFacts};
use super::types::{ColumnFacts, Fit, fit};
use covenant_model::finding::{Finding, Severity};

/// Oldest server with column lists in publications.
const VERSION_MIN: i32 = 150_000;

/// What of a contract or project a finding is about, so that its line can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The server, or the settings of the system.
    System,
    /// The publication.
    Publication,
    /// The role that capture logs in as.
    Role,
    /// The table that a source names.
    Table,
    /// The table that producers of this stream, a system, write to.
    Outbox(String),
    /// The key of the entity.
    Key,
    /// A field, by name.
    Field(String),
}

/// A finding, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// About what.
    pub subject: Subject,
    /// What was found.
    pub finding: Finding,
}

/// Collects findings of one place.
pub struct Report {
    place: String,
    subject: Subject,
    findings: Vec<Judged>,
}

impl Report {
    /// About the system, until said otherwise.
    pub fn new(place: impl Into<String>) -> Self {
        Self { place: place.into(), subject: Subject::System, findings: Vec::new() }
    }

    /// What the next findings are about.
    pub(super) fn on(&mut self, subject: Subject) {
        self.subject = subject;
    }

    /// Adds a finding.
    pub fn add(
        &mut self,
        severity: Severity,
        what: impl Into<String>,
        why: &str,
        advice: impl Into<String>,
    ) {
        let finding = Finding {
            severity,
            place: self.place.clone(),
            what: what.into(),
            why: why.into(),
            advice: advice.into(),
        };
        self.findings.push(Judged { subject: self.subject.clone(), finding });
    }

    pub(super) fn error(&mut self, what: impl Into<String>, why: &str, advice: impl Into<String>) {
        self.add(Severity::Error, what, why, advice);
    }

    pub(super) fn warning(
        &mut self,
        what: impl Into<String>,
        why: &str,
        advice: impl Into<String>,
    ) {
        self.add(Severity::Warning, what, why, advice);
    }

    /// Everything that was found.
    pub fn done(self) -> Vec<Judged> {
        self.findings
    }
}

/// The server, our role, the publication as such.
pub fn server(place: &str, facts: &ServerFacts, publication: &str, user: &str) -> Vec<Judged> {
    let mut report = Report::new(place);
    if facts.version < VERSION_MIN {
        let found = facts.version / 10_000;
        let what = format!("the server is PostgreSQL {found}");
        report.error(what, "Publications with column lists need 15", "Upgrade the server");
    }
    if facts.wal_level != "logical" {
        report.error(
            format!("wal_level is {}", facts.wal_level),
            "The log then holds too little to stream rows from",
            "Set wal_level = logical and restart the server",
        );
    }
    if facts.in_recovery {
        let advice = "Name the primary in the address";
        report.error("the server is a standby", "Slots and messages need the primary", advice);
    }
    if !facts.may_replicate {
        report.on(Subject::Role);
        report.error(
            format!("the role {user} may not replicate"),
            "Streaming needs the REPLICATION attribute",
            "Deploy the generated SQL, which makes the role",
        );
        report.on(Subject::System);
    }
    if facts.encoding != "UTF8" {
        report.warning(
            format!("the database is encoded in {}", facts.encoding),
            "Texts that cannot be converted to UTF-8 stop the stream",
            "Use a database with encoding UTF8",
        );
    }
    if facts.slots_used >= facts.slots_max {
        report.warning(
            format!("all {} replication slots are used", facts.slots_max),
            "A slot of our own cannot be created then",
            "Drop slots that nobody reads, or raise max_replication_slots",
        );
    }
    slot_limits(&mut report, facts);
    report.on(Subject::Publication);
    match facts.publication {
        None => report.error(
            format!("there is no publication {publication}"),
            "It says what the slot streams",
            "Deploy the generated SQL, which makes it",
        ),
        Some([true, true, true, truncate, _]) => {
            if !truncate {
                report.warning(
                    format!("the publication {publication} leaves out TRUNCATE"),
                    "Rows that were truncated would stay in every target",
                    format!("ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate')"),
                );
            }
        }
        Some(_) => report.error(
            format!("the publication {publication} leaves out inserts, updates or deletes"),
            "Targets would differ from the source for good",
            format!(
                "ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate')"
            ),
        ),
    }
    report.done()
}

fn slot_limits(report: &mut Report, facts: &ServerFacts) {
    if facts.slot_keep_mb < 0 {
        report.warning(
            "max_slot_wal_keep_size is not set",
            "While we do not read, the log grows until the server's disk is full",
            "Set it to what the disk can spare, some hours of traffic at least: beyond it the slot is given up, \
             and a gap is reported",
        );
    }
}

/// One table against one entity that is read from it. `via_root` is the publication's `publish_via_partition_root`.
pub fn table(
    place: &str,
    publication: &str,
    source: &str,
    entity: &EntitySpec,
    facts: Option<&TableFacts>,
    via_root: bool,
) -> Vec<Judged> {
    let mut report = Report::new(place);
    report.on(Subject::Table);
    let Some(facts) = facts else {
        report.error(
            "there is no such table, or our role may not see it",
            &format!("The contract {} reads it", entity.name),
            "Create it, correct the contract, or deploy the generated grants",
        );
        return report.done();
    };
    kind(&mut report, facts, via_root);
    let key = key_columns(source, entity);
    identity(&mut report, facts, &key, &entity.name);
    access(&mut report, facts, publication);
    let mut movable = Vec::new();
    for field in &entity.fields {
        let Some(name) = field.from.get(source) else { continue };
        if dropped(field) {
            continue;
        }
        report.on(Subject::Field(field.name.clone()));
        let Some(column) = facts.columns.iter().find(|column| column.name == *name) else {
            report.error(
                format!("there is no column {name}"),
                &format!("The field {} of {} is read from it", field.name, entity.name),
                "Add the column, or correct the contract",
            );
            continue;
        };
        column_fits(&mut report, field, column, publication, facts);
        let out_of_line = matches!(column.storage, 'x' | 'e');
        if out_of_line && !field.large && !key.contains(name) {
            movable.push(name.as_str());
        }
    }
    report.on(Subject::Table);
    storage(&mut report, &movable);
    report.done()
}

fn kind(report: &mut Report, facts: &TableFacts, via_root: bool) {
    let stream = "Only tables are streamed";
    match facts.kind {
        'r' => {}
        'p' if via_root => {}
        'p' => report.error(
            "it is partitioned, and changes are published under the names of its partitions",
            "They would not be known as changes of this table",
            "ALTER PUBLICATION ... SET (publish_via_partition_root = true)",
        ),
        'v' | 'm' => {
            report.error("it is a view", stream, "Name the table behind it in the contract")
        }
        _ => report.error("it is no ordinary table", stream, "Name a table in the contract"),
    }
    if facts.persistence != 'p' {
        let advice = "ALTER TABLE ... SET LOGGED";
        report.error("it is unlogged or temporary", "Its changes are not in the log", advice);
    }
    if facts.row_security {
        report.error(
            "row security hides rows from our role",
            "Table reads would miss rows without saying so",
            "ALTER ROLE ... BYPASSRLS",
        );
    }
}

fn identity(report: &mut Report, facts: &TableFacts, key: &BTreeSet<String>, entity: &str) {
    let list = |columns: &BTreeSet<String>| {
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        format!("({})", names.join(", "))
    };
    report.on(Subject::Key);
    let unique = facts.unique.iter().any(|columns| columns == key);
    if !unique {
        report.error(
            format!("no unique index stands over {}, its columns NOT NULL", list(key)),
            &format!("These are the key of {entity}: two rows could have one key"),
            "Make them the primary key, or correct the contract",
        );
    }
    match facts.identity {
        'n' => report.error(
            "its replica identity is NOTHING",
            "Updates and deletes then fail, or come without a key",
            "ALTER TABLE ... REPLICA IDENTITY DEFAULT",
        ),
        'f' => report.warning(
            "its replica identity is FULL",
            "Every update carries the whole old row: twice the log",
            "ALTER TABLE ... REPLICA IDENTITY DEFAULT, if nobody else needs it",
        ),
        _ if facts.identity_columns.is_empty() => report.error(
            "it has no replica identity",
            "Updates and deletes of it fail as soon as it is published",
            "Give it a primary key",
        ),
        _ if facts.identity_columns != *key => report.error(
            format!("its replica identity is {}, but the key of {entity} is {}", list(&facts.identity_columns), list(key)),
            "Deletes and key changes would come without the contract's key",
            "ALTER TABLE ... REPLICA IDENTITY USING INDEX over the contract's key, or correct the contract",
        ),
        _ => {}
    }
}

fn access(report: &mut Report, facts: &TableFacts, publication: &str) {
    report.on(Subject::Table);
    if !facts.schema_usable {
        let advice = "Deploy the generated grants";
        report.error("our role may not use its schema", "Table reads need USAGE", advice);
    }
    if facts.published.is_none() {
        report.error(
            format!("it is not in the publication {publication}"),
            "None of its changes would be streamed",
            "Deploy the generated SQL",
        );
    }
}

fn column_fits(
    report: &mut Report,
    field: &FieldSpec,
    column: &ColumnFacts,
    publication: &str,
    facts: &TableFacts,
) {
    let sides = format!(
        "the column {} is {}, the contract's field {} is {}",
        column.name, column.shown, field.name, field.ty
    );
    match fit(&field.ty, column) {
        Fit::Whole => {}
        Fit::Partly(which) => {
            report.warning(
                sides,
                &format!("Records with {which} would be quarantined"),
                "Narrow the column, or widen the field",
            );
        }
        Fit::Not => {
            let why = "None of its values could be read";
            report.error(sides, why, "Change the type on one side");
        }
    }
    if !field.nullable && !column.not_null {
        report.add(
            Severity::Note,
            format!(
                "the column {} may be NULL, the contract's field {} may not",
                column.name, field.name
            ),
            "Records with NULL there would be quarantined",
            "ALTER TABLE ... SET NOT NULL, or declare the field nullable",
        );
    }
    if !column.readable {
        report.error(
            format!("our role may not read the column {}", column.name),
            "Initial load and backfill read it",
            "Deploy the generated grants",
        );
    }
    if facts.published.as_ref().is_some_and(|published| !published.contains(&column.name)) {
        report.error(
            format!("the publication {publication} leaves out the column {}", column.name),
            "It would be missing in every change",
            "Deploy the generated SQL, which lists the columns",
        );
    }
}

/// Short columns that PostgreSQL may move out of line when a row is large: it then leaves them out of changes.
fn storage(report: &mut Report, movable: &[&str]) {
    if movable.is_empty() {
        return;
    }
    let alters: Vec<String> = movable
        .iter()
        .map(|name| format!("ALTER COLUMN {} SET STORAGE MAIN", crate::ident(name)))
        .collect();
    report.add(
        Severity::Note,
        format!("in rows beyond 2 kB these may be stored out of line: {}", movable.join(", ")),
        "An update that does not touch such a value leaves it out, and its record is quarantined, since the contract says \
         that every change carries it",
        format!("ALTER TABLE ... {}; or declare them `large: true`", alters.join(", ")),
    );
}

/// Personal data that is never landed need not even leave the database.
fn dropped(field: &FieldSpec) -> bool {
    field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop)
}

/// Names of the columns that the contract reads of the table: also those that are dropped at capture, where they are checked
/// first.
pub fn wanted_columns(source: &str, entity: &EntitySpec) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> =
        entity.fields.iter().filter_map(|field| field.from.get(source).cloned()).collect();
    wanted.extend(key_columns(source, entity));
    wanted
}

/// Names of the contract's key columns in the table.
pub fn key_columns(source: &str, entity: &EntitySpec) -> BTreeSet<String> {
    let fields = entity.key.iter().filter_map(|ix| entity.fields.get(*ix));
    fields.filter_map(|field| field.from.get(source).cloned()).collect()
}

/// What the publication streams, and the role may do, beyond what contracts need: `wanted` has the columns of the table that any
/// contract reads.
pub fn beyond(
    place: &str,
    (publication, role): (&str, &str),
    facts: &TableFacts,
    wanted: &BTreeSet<String>,
) -> Vec<Judged> {
    let mut report = Report::new(place);
    report.on(Subject::Publication);
    let none = BTreeSet::new();
    let streamed: Vec<&str> = (facts.published.as_ref().unwrap_or(&none).difference(wanted))
        .map(String::as_str)
        .collect();
    if !streamed.is_empty() {
        report.warning(
            format!(
                "the publication {publication} also streams {}, which no contract reads",
                streamed.join(", ")
            ),
            "What nobody reads need not leave the database, personal data least of all",
            "Deploy the generated SQL, which lists the columns",
        );
    }
    report.on(Subject::Role);
    let readable = facts.columns.iter().filter(|column| column.readable);
    let more: Vec<&str> = (readable.map(|column| column.name.as_str()))
        .filter(|name| !wanted.contains(*name))
        .collect();
    if !more.is_empty() {
        report.warning(
            format!("the role {role} may read {}, which no contract reads", more.join(", ")),
            "Who takes over the role gets what it may read",
            format!("REVOKE SELECT ON the table FROM {role}, then deploy the generated grants"),
        );
    }
    if !facts.writable.is_empty() {
        report.warning(
            format!("the role {role} may {} there", facts.writable.join(", ")),
            "Capture only reads",
            format!("REVOKE {} ON the table FROM {role}", facts.writable.join(", ")),
        );
    }
    report.done()
}

/// The role of capture: it logs in and replicates, and is nothing else.
pub fn role(place: &str, name: &str, facts: Option<&RoleFacts>) -> Vec<Judged> {
    let mut report = Report::new(place);
    report.on(Subject::Role);
    let Some(facts) = facts else {
        report.error(
            format!("there is no role {name}"),
            "Capture logs in as it",
            "Deploy the generated SQL, which makes it, and set its password",
        );
        return report.done();
    };
    if !facts.may_log_in {
        report.error(
            format!("the role {name} may not log in"),
            "Capture logs in as it",
            format!("ALTER ROLE {name} LOGIN"),
        );
    }
    let powers = [
        (facts.is_superuser, "SUPERUSER"),
        (facts.creates_databases, "CREATEDB"),
        (facts.creates_roles, "CREATEROLE"),
    ];
    let powers: Vec<&str> =
        powers.iter().filter(|(has, _)| *has).map(|(_, power)| *power).collect();
    if !powers.is_empty() {
        report.warning(
            format!("the role {name} has {}", powers.join(", ")),
            "Capture streams and reads; whoever takes over the role could do anything",
            format!("ALTER ROLE {name} NOSUPERUSER NOCREATEDB NOCREATEROLE"),
        );
    }
    report.done()
}

/// Tables that are streamed, and that no contract reads.
pub fn unread(place: &str, publication: &str, tables: &[String]) -> Vec<Judged> {
    let mut report = Report::new(place);
    report.on(Subject::Publication);
    if !tables.is_empty() {
        report.warning(
            format!(
                "the publication {publication} also streams {}, which no contract reads",
                tables.join(", ")
            ),
            "What nobody reads need not leave the database",
            "Deploy the generated SQL, which lists the tables",
        );
    }
    report.done()
}
