//! Access tokens: client credentials or JWT bearer, fetched once at a time. There is no expiry to plan with: a token is
//! good until a call says otherwise.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::app::config::Secret;
use crate::crm::errors::scrub;
use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};

/// A JWT lives this long; Salesforce takes at most 3 minutes.
const JWT_LIFE_S: i64 = 150;
/// A token answer is small; more is no token answer.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// How to log in.
#[derive(Clone, Debug)]
pub enum Grant {
    /// `client_credentials`
    ClientCredentials {
        /// Consumer key.
        client_id: String,
        /// Consumer secret.
        client_secret: Secret,
    },
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`
    JwtBearer {
        /// Consumer key.
        client_id: String,
        /// User to act as.
        username: String,
        /// Login host, or the org's My Domain.
        audience: String,
        /// RSA private key, PEM.
        private_key: Secret,
    },
}

/// The current token. The lock is held while one is fetched, so that a hundred refused calls fetch one token.
pub(super) struct Tokens {
    url: String,
    grant: Grant,
    http: reqwest::Client,
    current: Mutex<Option<Secret>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
    #[serde(default)]
    error_description: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

impl Tokens {
    pub(super) fn new(url: &str, grant: Grant, http: reqwest::Client) -> Self {
        Self { url: format!("{url}/services/oauth2/token"), grant, http, current: Mutex::new(None) }
    }

    /// The current token, or a new one; `refused` is a token that a call was refused with.
    pub(super) async fn get(&self, refused: Option<&Secret>, clock: &dyn Clock) -> Result<Secret> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref()
            && refused != Some(token)
        {
            return Ok(token.clone());
        }
        let token = self.fetch(clock).await?;
        *current = Some(token.clone());
        Ok(token)
    }

    async fn fetch(&self, clock: &dyn Clock) -> Result<Secret> {
        let form = self.form(clock)?;
        let sent = self.http.post(&self.url).timeout(TOKEN_TIMEOUT).form(&form).send().await;
        let response = sent.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        if status.is_success() {
            return match serde_json::from_slice::<TokenAnswer>(&body) {
                Ok(answer) => Ok(Secret::new(answer.access_token)),
                Err(_) => Err(refusal("the token answer cannot be read".into())),
            };
        }
        if status.is_server_error() {
            let what = format!("the token endpoint answers HTTP {}", status.as_u16());
            let advice = "It is tried again by itself.";
            return Err(RuntimeError::new(ErrorKind::Unavailable, "salesforce", what, advice));
        }
        let what = serde_json::from_slice::<TokenError>(&body).map_or_else(
            |_| format!("HTTP {}", status.as_u16()),
            |error| format!("{}: {}", error.error, scrub(&error.error_description)),
        );
        Err(refusal(what))
    }

    fn form(&self, clock: &dyn Clock) -> Result<Vec<(&'static str, String)>> {
        match &self.grant {
            Grant::ClientCredentials { client_id, client_secret } => Ok(vec![
                ("grant_type", "client_credentials".into()),
                ("client_id", client_id.clone()),
                ("client_secret", client_secret.expose().to_owned()),
            ]),
            Grant::JwtBearer { client_id, username, audience, private_key } => {
                let exp = clock.now_us() / 1_000_000 + JWT_LIFE_S;
                let claims = Claims { iss: client_id, sub: username, aud: audience, exp };
                let key = EncodingKey::from_rsa_pem(private_key.expose().as_bytes())
                    .map_err(|_| refusal("the private key is no RSA key in PEM form".into()))?;
                let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key)
                    .map_err(|_| refusal("the assertion could not be signed".into()))?;
                let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                Ok(vec![("grant_type", grant_type.into()), ("assertion", assertion)])
            }
        }
    }
}

fn refusal(what: String) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Credentials,
        "salesforce login",
        what,
        "Check the connected app: consumer key, secret or certificate, and that its user is approved.",
    )
}

pub(super) fn unreachable(error: &reqwest::Error) -> RuntimeError {
    let what = if error.is_timeout() {
        "no answer in time; whether the call was executed is not known"
    } else if error.is_connect() {
        "the connection could not be made"
    } else {
        "the connection broke; whether the call was executed is not known"
    };
    RuntimeError::new(ErrorKind::Unavailable, "salesforce", what, "It is tried again by itself.")
}
