//! What the pipeline connects: the source database, with what the compiler generated for it, and Salesforce's simulator.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokio_postgres::Client;

use crate::ACME_SCHEMA;
use crate::error::{At, Result, SandboxError};
use crate::postgres::{ADMIN, Cluster, connect};
use crate::salesforce::faults::FaultRule;
use crate::salesforce::org::Org;
use crate::salesforce::{ConnectedApp, Running, SimConfig, Simulator};
use crate::shop::live::AccountManagers;
use crate::verify::crm::Record;
use crate::verify::shape::{CrmSink, DELETED_FLAG};

/// The shop's database.
const DATABASE: &str = "acme";
/// Calls that the simulated org allows in 24 hours, as the contracts' project says.
const DAILY_REQUESTS: u64 = 100_000;
/// Longest time for which the simulated org executes a call that was given up, in seconds: three times what the scripted
/// faults ask for.
pub const CALL_LIFE_S: u64 = 12;
/// Consumer key of the pipeline in the simulator.
pub const CLIENT_ID: &str = "covenant";
const REGENERATE: &str = "Run make generate.";

/// The source.
#[derive(Debug)]
pub struct Source {
    /// The server.
    pub cluster: Cluster,
    /// The role that the generated SQL made for the pipeline.
    pub role: String,
}

impl Source {
    /// A new cluster with Acme's tables, and the generated publication and role.
    ///
    /// # Errors
    /// Where PostgreSQL is missing, or refuses the generated SQL.
    pub async fn start(dir: &Path, generated: &Path) -> Result<Self> {
        let cluster = Cluster::start_fresh(&dir.join("postgres"))?;
        let admin = connect(&cluster.url(ADMIN, "postgres")).await?;
        run(&admin, &format!("CREATE DATABASE {DATABASE}"), "the database").await?;
        let shop = connect(&cluster.url(ADMIN, DATABASE)).await?;
        run(&shop, ACME_SCHEMA, "Acme's schema").await?;
        let mut files = Vec::new();
        for file in sql_files(&generated.join("postgres"))? {
            let sql = std::fs::read_to_string(&file).at("demo", file.display(), REGENERATE)?;
            files.push((role_of(&sql), file, sql));
        }
        // The role comes first: other files grant it something.
        files.sort_by_key(|(role, _, _)| role.is_none());
        for (_, file, sql) in &files {
            run(&shop, sql, &file.display().to_string()).await?;
        }
        let role = files.into_iter().find_map(|(role, _, _)| role);
        let role = role.ok_or_else(|| {
            let what = format!("no CREATE ROLE in {}", generated.join("postgres").display());
            SandboxError::new("source database", what, REGENERATE)
        })?;
        run(&shop, &cluster.allow(&role), "the role's password").await?;
        Ok(Self { cluster, role })
    }

    /// A connection of the shop's own.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn connect(&self) -> Result<Client> {
        connect(&self.cluster.url(ADMIN, DATABASE)).await
    }

    /// Where the pipeline connects; holds its password.
    pub fn pipeline_url(&self) -> String {
        self.cluster.url(&self.role, DATABASE)
    }

    /// For a person: without the password, which the cluster keeps in a file.
    pub fn shell_command(&self) -> String {
        format!(
            "PGPASSWORD=$(cat {}) psql -h 127.0.0.1 -p {} -U {ADMIN} {DATABASE}",
            self.cluster.password_file().display(),
            self.cluster.port()
        )
    }
}

async fn run(client: &Client, sql: &str, what: &str) -> Result<()> {
    client.batch_execute(sql).await.at("source database", format!("{what} was refused"), "")
}

/// All below the folder, in the order of their names.
fn sql_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let told = format!("{} cannot be read", dir.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).at("demo", &told, REGENERATE)? {
        let path = entry.at("demo", &told, REGENERATE)?.path();
        if path.is_dir() {
            files.extend(sql_files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The name behind the first `CREATE ROLE`.
fn role_of(sql: &str) -> Option<String> {
    let after = sql.split_once("CREATE ROLE ")?.1;
    let name: String = after
        .trim_start_matches('"')
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Salesforce.
#[derive(Debug)]
pub struct Crm {
    simulator: Running,
    http: reqwest::Client,
    secret: String,
}

impl Crm {
    /// An org with the generated objects and fields.
    ///
    /// # Errors
    /// Where the generated metadata cannot be used.
    pub async fn start(generated: &Path) -> Result<Self> {
        let secret = hex::encode(rand::random::<[u8; 16]>());
        let mut org = Org::standard();
        org.merge_sfdx(&generated.join("salesforce")).at(
            "salesforce simulator",
            "the generated metadata cannot be used",
            REGENERATE,
        )?;
        let app = ConnectedApp::open(CLIENT_ID, &secret, "covenant@acme.example");
        let config = SimConfig {
            org,
            apps: vec![app],
            daily_requests: DAILY_REQUESTS,
            ..SimConfig::default()
        };
        let simulator =
            Simulator::start(config).await.at("salesforce simulator", "it did not start", "")?;
        Ok(Self { simulator, http: reqwest::Client::new(), secret })
    }

    /// Address of the API.
    pub fn url(&self) -> &str {
        &self.simulator.base_url
    }

    /// Address of the admin port.
    pub fn admin_url(&self) -> &str {
        &self.simulator.admin_url
    }

    /// The pipeline's secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Scripts a fault.
    pub fn fault(&self, rule: FaultRule) -> bool {
        self.simulator.add_fault(rule)
    }

    /// Counters, rules that fired among them.
    pub fn stats(&self) -> Value {
        self.simulator.stats()
    }

    /// A person makes a record; returns its id.
    ///
    /// # Errors
    /// Where the org refuses.
    pub async fn make(&self, object: &str, fields: &Value) -> Result<String> {
        const PLACE: &str = "salesforce simulator";
        let url = format!("{}/records/{object}", self.simulator.admin_url);
        let answer = self.http.post(url).json(fields).send().await.at(PLACE, "no answer", "")?;
        let answer = answer.error_for_status().at(PLACE, "a record was refused", "")?;
        let made: Value = answer.json().await.at(PLACE, "an answer cannot be read", "")?;
        made["id"].as_str().map(str::to_owned).ok_or_else(|| {
            SandboxError::new(PLACE, "a record was made, and its id was not told", "")
        })
    }

    /// A person deletes a record. One that is gone already is as well.
    ///
    /// # Errors
    /// Where the org does not answer.
    pub async fn remove(&self, object: &str, id: &str) -> Result<()> {
        let url = format!("{}/records/{object}/{id}", self.simulator.admin_url);
        self.http.delete(url).send().await.at("salesforce simulator", "no answer", "")?;
        Ok(())
    }

    /// What account managers use.
    pub fn managers(&self) -> Managers {
        Managers { http: self.http.clone(), admin: self.simulator.admin_url.clone() }
    }

    /// The fields of an object's records that are compared, deleted records too.
    ///
    /// # Errors
    /// Where the admin port does not answer.
    pub async fn dump(&self, sink: &CrmSink) -> Result<Vec<Record>> {
        const PLACE: &str = "salesforce simulator";
        let told = format!("{} cannot be dumped", sink.object);
        let mut fields = vec!["Id", "SystemModstamp", DELETED_FLAG, sink.external_id];
        fields.extend(sink.fields.iter().map(|(field, _, _)| *field));
        let (admin, fields) = (&self.simulator.admin_url, fields.join(","));
        let url = format!("{admin}/records/{}?fields={fields}", sink.object);
        let answer = self.http.get(url).send().await.at(PLACE, &told, "")?;
        let answer = answer.error_for_status().at(PLACE, &told, REGENERATE)?;
        answer.json().await.at(PLACE, &told, "")
    }
}

/// Edits accounts through the admin port.
#[derive(Clone, Debug)]
pub struct Managers {
    http: reqwest::Client,
    admin: String,
}

impl AccountManagers for Managers {
    async fn edit(&self, customer_id: &str, fields: Map<String, Value>) -> Result<bool> {
        const PLACE: &str = "salesforce simulator";
        let url = format!("{}/records/Account/{customer_id}?by=Customer_Id__c", self.admin);
        let answer =
            self.http.post(url).json(&fields).send().await.at(PLACE, "no answer to an edit", "")?;
        match answer.status().as_u16() {
            200..=299 => Ok(true),
            // Not delivered yet, or under its next number already.
            404 => Ok(false),
            status => {
                let why = answer.text().await.unwrap_or_default();
                Err(SandboxError::new(PLACE, format!("an edit got {status}: {why}"), ""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_read_from_the_generated_sql() {
        assert_eq!(
            role_of("BEGIN;\n CREATE ROLE covenant_acme NOLOGIN;"),
            Some("covenant_acme".into())
        );
        assert_eq!(role_of("CREATE ROLE \"a\" LOGIN"), Some("a".into()));
        assert_eq!(role_of("CREATE TABLE x()"), None);
    }
}
