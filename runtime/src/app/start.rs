//! What every command needs before anything runs: the manifest, the validators that belong to it, the SQL files, landing, keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use covenant_model::codec::EntityCodec;
use covenant_model::manifest::{MANIFEST_FORMAT, Manifest};
use covenant_model::spec::SystemSpec;

use super::config::Config;
use crate::capture::Registry;
use crate::deliver::Releases;
use crate::deliver::adopt::Desk;
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::keys::audit::FileAudit;
use crate::keys::local::LocalKeys;
use crate::keys::protector::Protector;
use crate::landing::objects::ObjectLanding;
use crate::source::postgres::connect::Endpoint;
use crate::source::postgres::stream::StreamSettings;
use crate::warehouse::sql::SqlFiles;

/// Folder of the generated SQL of the embedded warehouse, beside the manifest.
const SQL_FOLDER: &str = "duckdb";

/// A system of kind PostgreSQL and how to reach it.
#[derive(Clone, Debug)]
pub struct Store {
    /// Name in the project.
    pub system: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Slot and publication.
    pub settings: StreamSettings,
    /// Whether its tables were held against the contracts; a start beside a server that does not answer does it later.
    pub is_checked: bool,
}

/// Everything that is known before a system is asked.
pub struct Started {
    /// What to run.
    pub manifest: Manifest,
    /// SQL of the embedded warehouse.
    pub sql: SqlFiles,
    /// Who decodes what.
    pub registry: Arc<Registry>,
    /// Where everything lands.
    pub landing: Arc<ObjectLanding>,
    /// PII in, PII out.
    pub protector: Arc<Protector>,
    /// Every reveal.
    pub audit: Arc<FileAudit>,
    /// The database.
    pub store: Option<Store>,
    /// Time and chance.
    pub env: Env,
    /// What a person has released, from the API to the delivery lane.
    pub releases: Releases,
    /// Where adoptions are asked for, between the API and the delivery lane.
    pub adoptions: Desk,
}

/// Reads and checks; creates the data folder and, for sandboxes, the key file.
///
/// # Errors
/// `Config` for a manifest that cannot be read, is of another format, or does not belong to these validators; `Storage`.
pub fn start(config: &Config, codecs: Vec<Box<dyn EntityCodec>>, env: Env) -> Result<Started> {
    let manifest = read_manifest(&config.manifest)?;
    let codecs: Vec<Arc<dyn EntityCodec>> = codecs.into_iter().map(Arc::from).collect();
    check_validators(&manifest, &codecs)?;
    let folder = config.manifest.parent().unwrap_or(Path::new("."));
    let sql = SqlFiles::read(folder, &manifest, SQL_FOLDER)?;
    let registry = Registry::new(manifest.entities.clone(), &codecs)?;
    let registry = Arc::new(registry.with_outboxes(&manifest.project.systems));
    std::fs::create_dir_all(&config.data_dir).map_err(|error| {
        let place = config.data_dir.display().to_string();
        let advice = "Make it writable, or set COVENANT_DATA_DIR.";
        RuntimeError::new(ErrorKind::Storage, place, error, advice)
    })?;
    let keys = LocalKeys::open_or_create(&config.key_file, env.chance.as_ref())?;
    let protector = Arc::new(Protector::new(Arc::new(keys))?);
    let landing = Arc::new(ObjectLanding::local(&config.data_dir.join("landing"))?);
    let audit = FileAudit::open(&audit_file(config), env.clock.clone())?;
    let store = store(config, &manifest)?;
    let audit = Arc::new(audit);
    Ok(Started {
        manifest,
        sql,
        registry,
        landing,
        protector,
        audit,
        store,
        env,
        releases: Releases::default(),
        adoptions: Desk::default(),
    })
}

fn audit_file(config: &Config) -> PathBuf {
    config.data_dir.join("audit.jsonl")
}

fn read_manifest(path: &Path) -> Result<Manifest> {
    let bad = |what: String| {
        let advice = "Run `covenant build`, and set COVENANT_MANIFEST to its manifest.json.";
        RuntimeError::new(ErrorKind::Config, path.display().to_string(), what, advice)
    };
    let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| bad(format!("it is no manifest: {error}")))?;
    if manifest.format != MANIFEST_FORMAT {
        return Err(bad(format!(
            "it has format {}, and this runtime reads format {MANIFEST_FORMAT}",
            manifest.format
        )));
    }
    Ok(manifest)
}

/// A binary with other validators refuses to start: it would accept what the contract refuses, or the reverse.
fn check_validators(manifest: &Manifest, codecs: &[Arc<dyn EntityCodec>]) -> Result<()> {
    let mut wrong = Vec::new();
    for entity in &manifest.entities {
        match codecs.iter().find(|codec| codec.entity() == entity.name) {
            None => wrong.push(format!("{} has no validator", entity.name)),
            Some(codec) if codec.contract_hash() != entity.contract_hash => wrong.push(format!(
                "{} was built from contract {:.12}, the manifest has {:.12}",
                entity.name,
                codec.contract_hash(),
                entity.contract_hash
            )),
            Some(_) => {}
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(RuntimeError::new(
        ErrorKind::Config,
        "validators",
        wrong.join("; "),
        "Deploy the binary and the manifest of one build together.",
    ))
}

fn store(config: &Config, manifest: &Manifest) -> Result<Option<Store>> {
    let Some(url) = &config.store_url else { return Ok(None) };
    for (name, system) in &manifest.project.systems {
        if let SystemSpec::Postgres { publication, slot, .. } = system {
            let endpoint = Endpoint::parse(name, url.expose(), None)?;
            let settings = StreamSettings::new(slot, publication);
            return Ok(Some(Store { system: name.clone(), endpoint, settings, is_checked: false }));
        }
    }
    Err(RuntimeError::new(
        ErrorKind::Config,
        "configuration",
        "COVENANT_STORE_URL is set, and no system of the project is a PostgreSQL database",
        "Unset it, or declare the system in project.yaml.",
    ))
}
