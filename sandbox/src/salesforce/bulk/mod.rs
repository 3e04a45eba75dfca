//! Bulk API 2.0 jobs: what clients uploaded, what became of each row, and what queries found.

mod run;

use std::collections::{BTreeSet, VecDeque};

use csv::StringRecord;
use serde_json::{Map, Value, json};

use super::http::ApiVersion;
use super::ids::RecordId;
use super::schema::{FieldIx, ObjectIx};
use super::soql::BoundQuery;
use super::store::RowIx;
use super::value::rest_instant;

pub use run::step;

/// Largest upload, in bytes (150 MB of base64 are about 100 MB of CSV; Salesforce counts the former).
pub const MAX_UPLOAD_BYTES: usize = 150_000_000;
/// Bytes of uploads kept over all jobs; further uploads are refused until jobs are deleted.
const MAX_KEPT_BYTES: usize = 1_000_000_000;
/// Most jobs kept; the oldest finished ones are forgotten first.
const MAX_JOBS: usize = 500;
/// Rows of one of Salesforce's internal batches.
pub const ROWS_PER_BATCH: usize = 10_000;

/// What some editors put in front of UTF-8; Salesforce takes it for a part of the first column's name.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waits for its upload.
    Open,
    /// Uploaded, waits for its turn.
    UploadComplete,
    /// Runs.
    InProgress,
    /// Done.
    JobComplete,
    /// Could not run.
    Failed,
    /// Stopped by the client.
    Aborted,
}

impl JobState {
    /// As clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    /// Nothing more happens to the job.
    #[must_use]
    pub fn over(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// What an ingest job does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Creates.
    Insert,
    /// Changes by Id.
    Update,
    /// Creates or changes by a key field.
    Upsert(FieldIx),
    /// Deletes by Id.
    Delete,
    /// Deletes by Id, past the recycle bin.
    HardDelete,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert(_) => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hardDelete",
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// Written; whether it is new.
    Done(RecordId, bool),
    /// Refused, with the error cell.
    Refused(String),
}

/// An ingest job.
#[derive(Debug)]
pub struct Ingest {
    /// What it does.
    pub operation: Operation,
    /// Name of the key field of an upsert.
    pub key_name: Option<String>,
    /// Column separator and its name.
    pub delimiter: (u8, &'static str),
    /// `LF` or `CRLF`.
    pub line_ending: &'static str,
    /// Column names.
    pub header: StringRecord,
    /// Rows as uploaded.
    pub rows: Vec<StringRecord>,
    /// Outcomes of the first rows, in the order of the upload.
    pub outcomes: Vec<RowOutcome>,
    /// Whether there was an upload (only one is allowed).
    pub uploaded: bool,
    bytes: usize,
    repeated: BTreeSet<String>,
    fail_after: Option<usize>,
}

/// A query job.
#[derive(Debug)]
pub struct QueryJob {
    /// The query.
    pub query: BoundQuery,
    /// What it found.
    pub rows: Vec<RowIx>,
    /// Whether deleted records were asked for.
    pub with_deleted: bool,
}

/// Kind of a job.
#[derive(Debug)]
pub enum JobKind {
    /// Writes records.
    Ingest(Ingest),
    /// Reads records.
    Query(QueryJob),
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// Id.
    pub id: RecordId,
    /// Object written or read.
    pub object: ObjectIx,
    /// API name of the object.
    pub object_name: String,
    /// State.
    pub state: JobState,
    /// Version of the API that created it.
    pub version: ApiVersion,
    /// Why it failed.
    pub error: Option<String>,
    /// Kind and contents.
    pub kind: JobKind,
    created: i64,
    user: RecordId,
}

/// All jobs, in the order of their creation.
#[derive(Debug, Default)]
pub struct Jobs {
    all: VecDeque<Job>,
    issued: u64,
    batches: u64,
    queries: u64,
}

impl Ingest {
    /// A job that waits for its upload.
    #[must_use]
    pub fn new(
        operation: Operation,
        key_name: Option<String>,
        delimiter: (u8, &'static str),
        line_ending: &'static str,
    ) -> Self {
        Self {
            operation,
            key_name,
            delimiter,
            line_ending,
            header: StringRecord::new(),
            rows: Vec::new(),
            outcomes: Vec::new(),
            uploaded: false,
            bytes: 0,
            repeated: BTreeSet::new(),
            fail_after: None,
        }
    }

    /// Takes the upload.
    ///
    /// # Errors
    /// Why the bytes are no CSV.
    pub fn upload(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            return Err(
                "Field name not found : the upload starts with a byte order mark".to_owned()
            );
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter.0)
            .flexible(false)
            .from_reader(bytes);
        let header = reader.headers().map_err(|e| e.to_string())?.clone();
        let rows: Result<Vec<StringRecord>, csv::Error> = reader.into_records().collect();
        self.rows = rows.map_err(|e| e.to_string())?;
        (self.header, self.bytes, self.uploaded) = (header, bytes.len(), true);
        Ok(())
    }

    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|o| matches!(o, RowOutcome::Refused(_))).count()
    }

    /// `successfulResults`: id, whether new, and the row.
    #[must_use]
    pub fn successful(&self) -> String {
        let done =
            self.outcomes.iter().zip(&self.rows).filter_map(|(outcome, row)| match outcome {
                RowOutcome::Done(id, created) => {
                    Some((vec![id.to_string(), created.to_string()], row))
                }
                RowOutcome::Refused(_) => None,
            });
        self.csv(&["sf__Id", "sf__Created"], done)
    }

    /// `failedResults`: empty id, error, and the row.
    #[must_use]
    pub fn failed_rows(&self) -> String {
        let refused =
            self.outcomes.iter().zip(&self.rows).filter_map(|(outcome, row)| match outcome {
                RowOutcome::Refused(error) => Some((vec![String::new(), error.clone()], row)),
                RowOutcome::Done(..) => None,
            });
        self.csv(&["sf__Id", "sf__Error"], refused)
    }

    /// `unprocessedrecords`: rows the job never reached.
    #[must_use]
    pub fn unprocessed(&self) -> String {
        let rest = self.rows.iter().skip(self.outcomes.len()).map(|row| (Vec::new(), row));
        self.csv(&[], rest)
    }

    fn csv<'a>(
        &self,
        extra: &[&str],
        rows: impl Iterator<Item = (Vec<String>, &'a StringRecord)>,
    ) -> String {
        let head = extra.iter().copied().chain(&self.header);
        let mut out = quoted_line(head);
        for (first, row) in rows {
            out.push_str(&quoted_line(first.iter().map(String::as_str).chain(row)));
        }
        out
    }
}

/// A CSV line with every cell quoted.
#[must_use]
pub fn quoted_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
    cells.join(",") + "\n"
}

impl Jobs {
    /// Keeps a new job and returns its id; `None` when all kept jobs still run.
    pub fn add(
        &mut self,
        object: (ObjectIx, &str),
        version: ApiVersion,
        kind: JobKind,
        user: RecordId,
        now: i64,
    ) -> Option<RecordId> {
        if self.all.len() >= MAX_JOBS {
            let oldest = self.all.iter().position(|job| job.state.over())?;
            self.all.remove(oldest);
        }
        self.issued += 1;
        let id = RecordId::new("750", self.issued);
        let state = match kind {
            JobKind::Ingest(_) => JobState::Open,
            JobKind::Query(_) => {
                self.queries += 1;
                JobState::UploadComplete
            }
        };
        self.all.push_back(Job {
            id: id.clone(),
            object: object.0,
            object_name: object.1.to_owned(),
            state,
            version,
            error: None,
            kind,
            created: now,
            user,
        });
        Some(id)
    }

    /// The job of this id (15 or 18 characters).
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Job> {
        let id = RecordId::parse(id)?;
        self.all.iter().find(|job| job.id == id)
    }

    /// The job of this id, to change it.
    pub fn find_mut(&mut self, id: &str) -> Option<&mut Job> {
        let id = RecordId::parse(id)?;
        self.all.iter_mut().find(|job| job.id == id)
    }

    /// Forgets a job.
    pub fn remove(&mut self, id: &RecordId) {
        self.all.retain(|job| job.id != *id);
    }

    /// All jobs.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.all.iter()
    }

    /// The object that a job writes.
    #[must_use]
    pub fn object_of(&self, id: &str) -> Option<String> {
        self.find(id).map(|job| job.object_name.clone())
    }

    /// Whether another upload of this size fits.
    #[must_use]
    pub fn fits(&self, bytes: usize) -> bool {
        let kept: usize = self
            .all
            .iter()
            .map(|job| match &job.kind {
                JobKind::Ingest(ingest) => ingest.bytes,
                JobKind::Query(_) => 0,
            })
            .sum();
        kept.saturating_add(bytes) <= MAX_KEPT_BYTES
    }

    /// Batches and query jobs used so far.
    #[must_use]
    pub fn used(&self) -> (u64, u64) {
        (self.batches, self.queries)
    }
}

impl Job {
    /// The job as clients see it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let version: f64 = f64::from(self.version.0);
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("id", json!(self.id));
        put("object", json!(self.object_name));
        put("createdById", json!(self.user));
        put("createdDate", json!(rest_instant(self.created)));
        put("systemModstamp", json!(rest_instant(self.created)));
        put("state", json!(self.state.as_str()));
        put("concurrencyMode", json!("Parallel"));
        put("contentType", json!("CSV"));
        put("apiVersion", json!(version));
        put("retries", json!(0));
        put("totalProcessingTime", json!(0));
        match &self.kind {
            JobKind::Ingest(ingest) => {
                put("operation", json!(ingest.operation.as_str()));
                put("jobType", json!("V2Ingest"));
                put("lineEnding", json!(ingest.line_ending));
                put("columnDelimiter", json!(ingest.delimiter.1));
                put("numberRecordsProcessed", json!(ingest.outcomes.len()));
                put("numberRecordsFailed", json!(ingest.failed()));
                put("apiActiveProcessingTime", json!(0));
                put("apexProcessingTime", json!(0));
                if let Some(name) = &ingest.key_name {
                    put("externalIdFieldName", json!(name));
                }
                if self.state == JobState::Open {
                    let url =
                        format!("services/data/v{}/jobs/ingest/{}/batches", self.version, self.id);
                    put("contentUrl", json!(url));
                }
            }
            JobKind::Query(query) => {
                let operation = if query.with_deleted { "queryAll" } else { "query" };
                put("operation", json!(operation));
                put("jobType", json!("V2Query"));
                put("lineEnding", json!("LF"));
                put("columnDelimiter", json!("COMMA"));
                put("numberRecordsProcessed", json!(query.rows.len()));
            }
        }
        if let Some(error) = &self.error {
            put("errorMessage", json!(error));
        }
        Value::Object(out)
    }
}
