//! Salesforce over REST: collections of up to 200, upsert by external id only, queries by keyset.

mod auth;
mod org;
mod wire;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;

pub use auth::Grant;
use auth::{Tokens, unreachable};

use super::errors::{ApiError, call_error};
use super::{
    ApiUsage, Crm, CrmObject, CrmRecord, Found, Having, MAX_ROWS_PER_CALL, ModifiedRecord,
    OrgRecord, PAGE_ROWS, RowOutcome, Stamp,
};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};

/// A call that takes longer is given up; whether it was executed is then not known. Salesforce itself ends calls after 10 minutes.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Identifies our writes, so that their echoes can be told by `changeOrigin`.
const CALL_OPTIONS: &str = "client=covenant";
/// Longest URL with its query; Salesforce takes 16,384 bytes of URL and headers.
const URL_BYTES_MAX: usize = 12_000;

/// A Salesforce org.
pub struct Salesforce {
    base: String,
    version: String,
    http: reqwest::Client,
    tokens: Tokens,
    env: Env,
    usage: Mutex<Option<ApiUsage>>,
}

impl Salesforce {
    /// Nothing is called yet.
    ///
    /// # Errors
    /// `Config` for a malformed address, and for plain HTTP to anything but loopback.
    pub fn new(url: &str, version: &str, grant: Grant, env: Env) -> Result<Self> {
        let bad = |what: String| {
            RuntimeError::new(
                ErrorKind::Config,
                "salesforce",
                what,
                "Set COVENANT_SALESFORCE_URL to the org's My Domain, https://….my.salesforce.com.",
            )
        };
        let parsed =
            Url::parse(url).map_err(|error| bad(format!("the address is none: {error}")))?;
        let loopback = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if parsed.scheme() != "https" && !loopback {
            return Err(bad("plain HTTP is allowed to loopback only".into()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .build()
            .map_err(|error| bad(format!("the HTTP client could not be made: {error}")))?;
        let base = url.trim_end_matches('/').to_owned();
        let tokens = Tokens::new(&base, grant, http.clone());
        Ok(Self { base, version: version.to_owned(), http, tokens, env, usage: Mutex::new(None) })
    }

    /// Logs in and asks for the limits: what `doctor` does.
    ///
    /// # Errors
    /// As every call.
    pub async fn ping(&self) -> Result<()> {
        self.call(Method::GET, &self.path("limits"), None::<&()>).await.map(|_| ())
    }

    /// The names of an object's fields, as the org describes them.
    ///
    /// # Errors
    /// `SchemaMismatch` where the object is not there; as every call.
    pub async fn describe(&self, object: &str) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Described {
            fields: Vec<Field>,
        }
        #[derive(serde::Deserialize)]
        struct Field {
            name: String,
        }
        let path = self.path(&format!("sobjects/{object}/describe"));
        let body = self.call(Method::GET, &path, None::<&()>).await?;
        let described: Described = parsed(&body)?;
        Ok(described.fields.into_iter().map(|field| field.name).collect())
    }

    fn path(&self, rest: &str) -> String {
        format!("/services/data/v{}/{rest}", self.version)
    }

    /// One call that must succeed.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Vec<u8>> {
        let (status, answer) = self.exchange(method, path, body).await?;
        if status.is_success() { Ok(answer) } else { Err(call_error(status.as_u16(), &answer)) }
    }

    /// One call; a refused token is replaced once, and the call repeated once.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let mut refused = None;
        loop {
            let token = self.tokens.get(refused.as_ref(), self.env.clock.as_ref()).await?;
            let mut request = self
                .http
                .request(method.clone(), format!("{}{path}", self.base))
                .bearer_auth(token.expose())
                .header("Sforce-Call-Options", CALL_OPTIONS);
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.map_err(|error| unreachable(&error))?;
            let status = response.status();
            self.note_usage(response.headers());
            let answer = response.bytes().await.map_err(|error| unreachable(&error))?;
            if status == StatusCode::UNAUTHORIZED && refused.is_none() {
                refused = Some(token);
                continue;
            }
            return Ok((status, answer.to_vec()));
        }
    }

    fn note_usage(&self, headers: &reqwest::header::HeaderMap) {
        let said = headers.get("Sforce-Limit-Info").and_then(|value| value.to_str().ok());
        if let Some(usage) = said.and_then(parse_usage) {
            *self.usage.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(usage);
        }
    }

    /// All records of a query, following its pages.
    async fn query(
        &self,
        soql: &str,
        deleted_too: bool,
        take: &mut impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let resource = if deleted_too { "queryAll" } else { "query" };
        let encoded: String = url_encoded(soql);
        let mut path = self.path(&format!("{resource}?q={encoded}"));
        loop {
            let body = self.call(Method::GET, &path, None::<&()>).await?;
            let page: wire::Page<'_> = parsed(&body)?;
            for record in &page.records {
                take(record.get())?;
            }
            match page.next_records_url {
                Some(next) if !page.done => path = next,
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// One request of rows in, one outcome a row out.
    async fn rows(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
        sent: usize,
    ) -> Result<Vec<RowOutcome>> {
        let answer = self.call(method, path, body).await?;
        let results: Vec<wire::RowResult> = parsed(&answer)?;
        if results.len() != sent {
            return Err(RuntimeError::new(
                ErrorKind::Unavailable,
                "salesforce",
                format!("{sent} rows were sent and {} outcomes came back", results.len()),
                "The rows are sent again by themselves.",
            ));
        }
        Ok(results.into_iter().map(wire::RowResult::outcome).collect())
    }
}

#[async_trait]
impl Crm for Salesforce {
    async fn upsert(&self, object: &CrmObject, records: &[CrmRecord]) -> Result<Vec<RowOutcome>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        bounded(records.len())?;
        let path =
            self.path(&format!("composite/sobjects/{}/{}", object.name, object.external_id_field));
        let body = wire::Collection {
            all_or_none: false,
            records: records
                .iter()
                .map(|record| wire::Record { object, record, attributes: true })
                .collect(),
        };
        self.rows(Method::PATCH, &path, Some(&body), records.len()).await
    }

    async fn delete(&self, _object: &CrmObject, ids: &[String]) -> Result<Vec<RowOutcome>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        bounded(ids.len())?;
        let path = self.path(&format!("composite/sobjects?ids={}&allOrNone=false", ids.join(",")));
        self.rows(Method::DELETE, &path, None::<&()>, ids.len()).await
    }

    async fn find(
        &self,
        object: &CrmObject,
        external_ids: &[String],
    ) -> Result<Vec<Option<Found>>> {
        bounded(external_ids.len())?;
        let mut known: BTreeMap<String, Found> = BTreeMap::new();
        let (key, revision) = (&object.external_id_field, &object.revision_field);
        for part in parts(external_ids) {
            let list = part.iter().map(|id| wire::literal(id)).collect::<Vec<_>>().join(",");
            let soql = format!(
                "SELECT Id, {key}, {revision} FROM {} WHERE {key} IN ({list})",
                object.name
            );
            self.query(&soql, false, &mut |json| {
                let record: serde_json::Value = parsed(json.as_bytes())?;
                let text = |name: &str| record.get(name).and_then(serde_json::Value::as_str);
                if let (Some(id), Some(external)) = (text("Id"), text(key)) {
                    let revision = record.get(revision).and_then(serde_json::Value::as_f64);
                    // Salesforce writes whole numbers as 7.0; revisions stay below 2^53.
                    let revision = revision.unwrap_or(0.0) as u64;
                    known.insert(external.to_owned(), Found { id: id.to_owned(), revision });
                }
                Ok(())
            })
            .await?;
        }
        Ok(external_ids.iter().map(|id| known.get(id).cloned()).collect())
    }

    async fn rekey(&self, object: &CrmObject, id: &str, to: &CrmRecord) -> Result<RowOutcome> {
        let path = self.path(&format!("sobjects/{}/{id}", object.name));
        let body = wire::Record { object, record: to, attributes: false };
        let (status, answer) = self.exchange(Method::PATCH, &path, Some(&body)).await?;
        if status.is_success() {
            return Ok(RowOutcome::Written { id: id.to_owned(), created: false });
        }
        // A single record's refusal comes as a failed call with the row's errors in it.
        let errors: Vec<ApiError> = serde_json::from_slice(&answer).unwrap_or_default();
        let of_row = matches!(status.as_u16(), 400 | 404) && !errors.is_empty();
        if of_row { Ok(wire::refused(&errors)) } else { Err(call_error(status.as_u16(), &answer)) }
    }

    async fn modified(
        &self,
        object: &str,
        fields: &[String],
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<ModifiedRecord>> {
        let mut columns = vec!["Id".to_owned(), "SystemModstamp".into(), "IsDeleted".into()];
        let extra: Vec<String> =
            fields.iter().filter(|field| !columns.contains(field)).cloned().collect();
        columns.extend(extra);
        let (Some(mut from), Some(to)) = (wire::moment(from_us), wire::moment(to_us)) else {
            return Err(bug("the window lies outside the calendar"));
        };
        let mut found: Vec<ModifiedRecord> = Vec::new();
        let mut behind: Option<String> = None;
        loop {
            let start = match &behind {
                None => format!("SystemModstamp >= {from}"),
                Some(id) => format!(
                    "(SystemModstamp > {from} OR (SystemModstamp = {from} AND Id > {}))",
                    wire::literal(id)
                ),
            };
            let soql = format!(
                "SELECT {} FROM {object} WHERE {start} AND SystemModstamp < {to} \
                 ORDER BY SystemModstamp ASC, Id ASC LIMIT {PAGE_ROWS}",
                columns.join(", ")
            );
            let before = found.len();
            self.query(&soql, true, &mut |json| {
                found.push(modified_record(json)?);
                Ok(())
            })
            .await?;
            let Some(last) = found.last().filter(|_| found.len() - before == PAGE_ROWS) else {
                return Ok(found);
            };
            behind = Some(last.id.clone());
            from = wire::moment(last.modified_at_us).ok_or_else(|| bug("no such moment"))?;
        }
    }

    async fn page(
        &self,
        object: &str,
        fields: &[String],
        having: Having<'_>,
        after: Option<&str>,
    ) -> Result<Vec<OrgRecord>> {
        self.org_page(object, fields, having, after).await
    }

    async fn retrieve(
        &self,
        object: &str,
        ids: &[String],
        fields: &[String],
    ) -> Result<Vec<Option<OrgRecord>>> {
        self.org_records(object, ids, fields).await
    }

    async fn holding(
        &self,
        object: &CrmObject,
        external_ids: &[String],
        fields: &[String],
    ) -> Result<Vec<OrgRecord>> {
        self.org_holding(object, external_ids, fields).await
    }

    async fn stamp(&self, object: &CrmObject, stamps: &[Stamp]) -> Result<Vec<RowOutcome>> {
        self.org_stamp(object, stamps).await
    }

    fn usage(&self) -> Option<ApiUsage> {
        *self.usage.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn modified_record(json: &str) -> Result<ModifiedRecord> {
    let stamped: wire::Stamped = parsed(json.as_bytes())?;
    let modified_at_us = wire::parse_moment(&stamped.modified)
        .ok_or_else(|| bug("SystemModstamp is no date-time as documented"))?;
    Ok(ModifiedRecord {
        id: stamped.id,
        modified_at_us,
        deleted: stamped.deleted,
        json: json.as_bytes().to_vec(),
    })
}

/// External ids in parts whose query fits a URL.
fn parts(ids: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, id) in ids.iter().enumerate() {
        // Percent-encoding can triple a byte.
        let cost = id.len() * 3 + 9;
        if bytes + cost > URL_BYTES_MAX && at > start {
            parts.extend(ids.get(start..at));
            (start, bytes) = (at, 0);
        }
        bytes += cost;
    }
    parts.extend(ids.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

fn bounded(rows: usize) -> Result<()> {
    if rows > MAX_ROWS_PER_CALL {
        return Err(bug("a call carries at most 200 rows"));
    }
    Ok(())
}

fn bug(what: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::Bug, "salesforce", what, "Please report it.")
}

fn parsed<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        // The category and the place only: a parser's message can quote the body.
        let what = format!(
            "an answer cannot be read ({:?} at column {})",
            error.classify(),
            error.column()
        );
        RuntimeError::new(
            ErrorKind::Unavailable,
            "salesforce",
            what,
            "It is tried again by itself.",
        )
    })
}

/// `api-usage=17/15000`, perhaps with more behind it.
fn parse_usage(text: &str) -> Option<ApiUsage> {
    let (_, rest) = text.split_once("api-usage=")?;
    let (used, rest) = rest.split_once('/')?;
    let max = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(ApiUsage { used: used.parse().ok()?, max: max.parse().ok()? })
}

fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_with_and_without_company() {
        let usage = Some(ApiUsage { used: 17, max: 15000 });
        assert_eq!(parse_usage("api-usage=17/15000"), usage);
        assert_eq!(parse_usage("api-usage=17/15000; per-app-api-usage=1/2(appName=x)"), usage);
        assert_eq!(parse_usage("nothing"), None);
    }

    #[test]
    fn long_lists_are_cut_to_fit_a_url() {
        let ids: Vec<String> = (0..200).map(|n| format!("{n:0>80}")).collect();
        let parts = parts(&ids);
        assert!(parts.len() > 1);
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 200);
    }

    #[test]
    fn plain_http_is_for_loopback() {
        let grant = || Grant::ClientCredentials {
            client_id: "k".into(),
            client_secret: crate::app::config::Secret::new("s"),
        };
        let new = |url: &str| Salesforce::new(url, "60.0", grant(), Env::system());
        assert!(new("http://127.0.0.1:8080").is_ok());
        assert!(new("http://example.com").is_err());
        assert!(new("https://acme.my.salesforce.com").is_ok());
    }
}
