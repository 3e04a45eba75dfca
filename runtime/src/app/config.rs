//! Configuration: from the environment only. Secrets are kept in [`Secret`] and never shown.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{ErrorKind, Result, RuntimeError};

/// A secret: its `Debug` and `Display` show nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself: for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Config {
    /// `COVENANT_MANIFEST`, default `generated/manifest.json`; the SQL files lie beside it.
    pub manifest: PathBuf,
    /// `COVENANT_DATA_DIR`, default `.covenant`: landing, warehouse, ledger, audit.
    pub data_dir: PathBuf,
    /// `COVENANT_STORE_URL`: `postgres://user:password@host/db`.
    pub store_url: Option<Secret>,
    /// `COVENANT_SALESFORCE_URL`, `…_CLIENT_ID`, `…_CLIENT_SECRET`.
    pub salesforce: Option<SalesforceConfig>,
    /// `COVENANT_SALESFORCE_CALL_LIFE_S`, in seconds: how long the org may execute a call that we gave up. None: as long as
    /// Salesforce does. For simulators, which are quicker.
    pub call_life: Option<Duration>,
    /// `COVENANT_KEY_FILE`, default `<data dir>/sandbox.key` (made on first use, for sandboxes only).
    pub key_file: PathBuf,
    /// `COVENANT_HTTP_ADDR`, default `127.0.0.1:8470`.
    pub http: SocketAddr,
    /// `COVENANT_HTTP_TOKEN`: demanded of every caller where the address is not loopback.
    pub http_token: Option<Secret>,
}

/// How to reach Salesforce.
#[derive(Clone, Debug)]
pub struct SalesforceConfig {
    /// Of the org (My Domain) or the simulator.
    pub url: String,
    /// Consumer key.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: Secret,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// `Config` for a malformed address, for half of the Salesforce settings, and for an address that is not loopback
    /// without a token.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let data_dir = PathBuf::from(get("COVENANT_DATA_DIR").unwrap_or(".covenant".into()));
        let http_text = get("COVENANT_HTTP_ADDR").unwrap_or("127.0.0.1:8470".into());
        let http: SocketAddr = http_text.parse().map_err(|_| {
            bad(
                format!("COVENANT_HTTP_ADDR is `{http_text}`, which is no address with a port"),
                "Set it to something like 127.0.0.1:8470.",
            )
        })?;
        let http_token = get("COVENANT_HTTP_TOKEN").map(Secret::new);
        if !http.ip().is_loopback() && http_token.is_none() {
            return Err(bad(
                format!(
                    "COVENANT_HTTP_ADDR is {http}, which others can reach, and COVENANT_HTTP_TOKEN is not set"
                ),
                "Set a token, or listen on 127.0.0.1.",
            ));
        }
        let call_life =
            get("COVENANT_SALESFORCE_CALL_LIFE_S").map(|text| seconds(&text)).transpose()?;
        Ok(Self {
            call_life,
            manifest: get("COVENANT_MANIFEST").unwrap_or("generated/manifest.json".into()).into(),
            key_file: get("COVENANT_KEY_FILE")
                .map_or_else(|| data_dir.join("sandbox.key"), PathBuf::from),
            store_url: get("COVENANT_STORE_URL").map(Secret::new),
            salesforce: salesforce(&get)?,
            data_dir,
            http,
            http_token,
        })
    }
}

fn salesforce(get: &impl Fn(&str) -> Option<String>) -> Result<Option<SalesforceConfig>> {
    let names = [
        "COVENANT_SALESFORCE_URL",
        "COVENANT_SALESFORCE_CLIENT_ID",
        "COVENANT_SALESFORCE_CLIENT_SECRET",
    ];
    match names.map(get) {
        [None, None, None] => Ok(None),
        [Some(url), Some(client_id), Some(client_secret)] => {
            Ok(Some(SalesforceConfig { url, client_id, client_secret: Secret::new(client_secret) }))
        }
        some => {
            let missing: Vec<_> = names
                .iter()
                .zip(&some)
                .filter(|(_, set)| set.is_none())
                .map(|(name, _)| *name)
                .collect();
            Err(bad(
                format!("Salesforce is configured in part: {} is missing", missing.join(", ")),
                "Set all three, or none to run without Salesforce.",
            ))
        }
    }
}

fn seconds(text: &str) -> Result<Duration> {
    text.parse().map(Duration::from_secs).map_err(|_| {
        bad(
            format!("COVENANT_SALESFORCE_CALL_LIFE_S is `{text}`, which is no number of seconds"),
            "Leave it out, unless the org is a simulator.",
        )
    })
}

fn bad(what: String, advice: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::Config, "configuration", what, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Config> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Config::from_env(move |name| {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn others_can_reach_us_only_with_a_token() {
        assert!(with(&[]).is_ok());
        assert!(with(&[("COVENANT_HTTP_ADDR", "0.0.0.0:80")]).is_err());
        let open = [("COVENANT_HTTP_ADDR", "0.0.0.0:80"), ("COVENANT_HTTP_TOKEN", "t")];
        assert!(with(&open).is_ok());
    }

    #[test]
    fn half_a_salesforce_is_named() {
        let error = with(&[("COVENANT_SALESFORCE_URL", "http://127.0.0.1:1")]).unwrap_err();
        assert!(error.to_string().contains("COVENANT_SALESFORCE_CLIENT_SECRET"), "{error}");
    }

    #[test]
    fn secrets_do_not_show() {
        let config = with(&[("COVENANT_STORE_URL", "postgres://u:hunter2@h/d")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
