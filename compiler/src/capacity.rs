//! What the declared volumes cost a Salesforce org: API calls in a day and data storage, with the arithmetic. An estimate
//! that can be followed by hand, for `check` (does it fit?) and for the generated `salesforce/budget.md`.
//!
//! Sources: 200 records a call and 2,000 a page (REST API); 2 KB a record, campaigns 8 KB, their members 1 KB (Salesforce
//! Help, article 000193871: "Salesforce record size overview"); how rows are gathered: the runtime's `deliver::budget`.

use std::fmt::Write;

use covenant_model::spec::{
    EntitySpec, OnDelete, ProjectSpec, SalesforceSink, SourceSpec, SystemSpec,
};

/// Records that one call writes.
pub const RECORDS_PER_CALL: u64 = 200;
/// Seconds for which rows gather at most before a call that is not full (`LINGER_MAX` of the runtime).
pub const GATHER_SECONDS: u64 = 30;
/// Seconds between two reads of an object that people change (`POLL_EVERY` of the runtime).
pub const POLL_SECONDS: u64 = 10;
/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;
/// KB in a MB, as Salesforce counts.
const KB_PER_MB: u64 = 1024;

/// What one system is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Name of the system.
    pub system: String,
    /// Calls that the org has in 24 hours.
    pub daily_calls: u64,
    /// Our part of them, percent.
    pub share_percent: u64,
    /// Data storage that our records may take, MB.
    pub storage_mb: Option<u64>,
    /// Entities that are delivered, by name.
    pub delivered: Vec<Delivered>,
    /// Objects that are read, by entity.
    pub read: Vec<Read>,
}

/// What an entity needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Name of the entity.
    pub entity: String,
    /// `Account`
    pub object: String,
    /// Rows that change in a day, as declared.
    pub changes: Option<u64>,
    /// Rows whose record is removed in a day because they grew too old.
    pub leaving: u64,
    /// Records that stand in the org.
    pub records: Option<Records>,
    /// KB of one record.
    pub kb_each: u64,
}

/// How many records, and why so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Records.
    pub count: u64,
    /// The arithmetic.
    pub why: String,
}

/// An object that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Name of the entity.
    pub entity: String,
    /// `Account`
    pub object: String,
}

impl Delivered {
    /// Writes in a day.
    pub fn writes(&self) -> Option<u64> {
        self.changes.map(|changes| changes.saturating_add(self.leaving))
    }

    /// Calls in a day, where rows gather: full ones, and one in every 30 seconds that is not full.
    pub fn calls(&self) -> Option<u64> {
        let writes = self.writes()?;
        let full = writes.div_ceil(RECORDS_PER_CALL);
        Some(full.saturating_add(DAY_SECONDS / GATHER_SECONDS).min(writes))
    }

    /// Storage in KB.
    pub fn kb(&self) -> Option<u64> {
        self.records.as_ref().map(|records| records.count.saturating_mul(self.kb_each))
    }
}

impl Read {
    /// Calls in a day.
    pub const CALLS: u64 = DAY_SECONDS / POLL_SECONDS;
}

impl Estimate {
    /// One for every Salesforce system that something is delivered to or read from, by name.
    pub fn of<'e>(
        project: &ProjectSpec,
        entities: impl IntoIterator<Item = &'e EntitySpec> + Clone,
    ) -> Vec<Self> {
        let systems = project.systems.iter().filter_map(|(name, spec)| match spec {
            SystemSpec::Salesforce { daily_calls, share_percent, storage_mb, .. } => Some(Self {
                system: name.clone(),
                daily_calls: u64::from(*daily_calls),
                share_percent: u64::from(*share_percent),
                storage_mb: storage_mb.map(u64::from),
                delivered: Vec::new(),
                read: Vec::new(),
            }),
            SystemSpec::Postgres { .. }
            | SystemSpec::Stream { .. }
            | SystemSpec::Snowflake { .. } => None,
        });
        let mut all = Vec::new();
        for mut estimate in systems {
            for entity in entities.clone() {
                estimate.add(entity);
            }
            if !(estimate.delivered.is_empty() && estimate.read.is_empty()) {
                all.push(estimate);
            }
        }
        all
    }

    fn add(&mut self, entity: &EntitySpec) {
        if let Some(sink) = entity.salesforce.as_ref().filter(|sink| sink.system == self.system) {
            self.delivered.push(delivered(entity, sink));
        }
        for source in entity.sources.values() {
            if let SourceSpec::Salesforce { system, object, .. } = source
                && *system == self.system
            {
                self.read.push(Read { entity: entity.name.clone(), object: object.clone() });
            }
        }
    }

    /// Calls that are ours in a day.
    pub fn share(&self) -> u64 {
        self.daily_calls.saturating_mul(self.share_percent) / 100
    }

    /// Calls that are needed in a day, as far as volumes are declared.
    pub fn calls(&self) -> u64 {
        let written: u64 = self.delivered.iter().filter_map(Delivered::calls).sum();
        let read = u64::try_from(self.read.len()).unwrap_or(u64::MAX).saturating_mul(Read::CALLS);
        written.saturating_add(read)
    }

    /// Storage that is needed, MB, as far as volumes are declared.
    pub fn mb(&self) -> u64 {
        self.delivered.iter().filter_map(Delivered::kb).sum::<u64>().div_ceil(KB_PER_MB)
    }

    /// Entities whose calls or records nobody can tell: they declare no volume.
    pub fn unknown(&self) -> Vec<&str> {
        let known = |one: &&Delivered| one.changes.is_none() || one.records.is_none();
        self.delivered.iter().filter(known).map(|one| one.entity.as_str()).collect()
    }

    /// The arithmetic of the calls, a line each.
    pub fn calls_shown(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for one in &self.delivered {
            let (Some(writes), Some(calls)) = (one.writes(), one.calls()) else { continue };
            let mut line = format!(
                "{} -> {}: {} changes",
                one.entity,
                one.object,
                figure(one.changes.unwrap_or(0))
            );
            if one.leaving > 0 {
                let _ = write!(line, " + {} that leave", figure(one.leaving));
            }
            let full = writes.div_ceil(RECORDS_PER_CALL);
            let _ = if calls == writes {
                write!(line, " a day, one call each: {} calls", figure(calls))
            } else {
                write!(
                    line,
                    " a day / {RECORDS_PER_CALL} = {} full calls, + {} (one every {GATHER_SECONDS} s): {} calls",
                    figure(full),
                    figure(DAY_SECONDS / GATHER_SECONDS),
                    figure(calls)
                )
            };
            lines.push(line);
        }
        for one in &self.read {
            lines.push(format!(
                "{} <- {}: a read every {POLL_SECONDS} s: {} calls",
                one.entity,
                one.object,
                figure(Read::CALLS)
            ));
        }
        lines
    }

    /// The arithmetic of the storage, a line each.
    pub fn storage_shown(&self) -> Vec<String> {
        let shown = |one: &Delivered| {
            let (records, kb) = (one.records.as_ref()?, one.kb()?);
            Some(format!(
                "{} -> {}: {}, x {} KB = {} MB",
                one.entity,
                one.object,
                records.why,
                one.kb_each,
                figure(kb.div_ceil(KB_PER_MB))
            ))
        };
        self.delivered.iter().filter_map(shown).collect()
    }
}

fn delivered(entity: &EntitySpec, sink: &SalesforceSink) -> Delivered {
    let changes = entity.expect.rows_per_day;
    let touched = sink.filter.is_some() && sink.on_leave != OnDelete::Keep;
    Delivered {
        entity: entity.name.clone(),
        object: sink.object.clone(),
        changes,
        // in the long run as many rows grow too old as become new
        leaving: if touched { changes.unwrap_or(0) } else { 0 },
        records: records(entity, sink),
        kb_each: kb_each(&sink.object),
    }
}

/// Records that stand in the org: all rows, or those that are young enough where the others are deleted.
fn records(entity: &EntitySpec, sink: &SalesforceSink) -> Option<Records> {
    let rows = entity.expect.rows;
    let all = |rows: u64| Records { count: rows, why: format!("{} rows", figure(rows)) };
    let Some(filter) = &sink.filter else { return rows.map(all) };
    if sink.on_leave != OnDelete::Delete {
        let stay = |rows: u64| Records {
            count: rows,
            why: format!("{} rows (records of those that leave stay)", figure(rows)),
        };
        return rows.map(stay);
    }
    let days = u64::from(filter.keep_days);
    let Some(young) = entity.expect.rows_per_day.map(|new| new.saturating_mul(days)) else {
        return rows.map(all);
    };
    if rows.is_some_and(|rows| rows < young) {
        return rows.map(all);
    }
    let new = figure(entity.expect.rows_per_day.unwrap_or(0));
    let why = format!("{new} a day x {days} days = {} records", figure(young));
    Some(Records { count: young, why })
}

/// KB that Salesforce counts for a record, whatever is in it.
fn kb_each(object: &str) -> u64 {
    match object {
        "Campaign" => 8,
        "CampaignMember" => 1,
        _ => 2,
    }
}

/// `25,000`
pub fn figure(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// The page `salesforce/budget.md`.
pub fn page(project: &str, estimates: &[Estimate]) -> String {
    let mut page = format!(
        "<!-- Generated by covenant from the contracts of {project}. Do not edit: change the contracts. -->\n\
         # What our data needs of Salesforce\n\n\
         Computed from the declared volumes (`expect.volume`), `where` and what happens to what leaves it. \
         `covenant check` refuses contracts that need more than is declared in `project.yaml`.\n"
    );
    for one in estimates {
        let _ = write!(page, "\n## API calls of `{}` in a day\n\n", one.system);
        for line in one.calls_shown() {
            let _ = writeln!(page, "- {line}");
        }
        let _ = write!(
            page,
            "\nTogether **{}** of our {}: {} % of the {} calls that the org has. While much of the share is left, \
             rows are sent at once and more calls are made; as it is used up, rows gather for up to {GATHER_SECONDS} s. \
             Adoption, reconciliation and repairs use what is left.\n",
            figure(one.calls()),
            figure(one.share()),
            one.share_percent,
            figure(one.daily_calls)
        );
        let _ = write!(page, "\n## Data storage of `{}`\n\n", one.system);
        for line in one.storage_shown() {
            let _ = writeln!(page, "- {line}");
        }
        let allowed = one.storage_mb.map_or_else(
            || "no `storage_mb` is declared".to_owned(),
            |mb| format!("declared are {} MB", figure(mb)),
        );
        let _ = write!(
            page,
            "\nTogether **{} MB**; {allowed}. (Salesforce counts 2 KB a record, whatever is in it; campaigns 8, \
             campaign members 1.)\n",
            figure(one.mb())
        );
        let unknown = one.unknown();
        if !unknown.is_empty() {
            let _ = write!(
                page,
                "\nNot in these figures, for want of `expect.volume` with `rows` and `per_day`: {}.\n",
                unknown.join(", ")
            );
        }
    }
    page
}
