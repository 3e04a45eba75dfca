//! Tokens, user info and identity.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use rand::RngExt;
use serde_json::{Value, json};

use crate::salesforce::config::{Assertions, ConnectedApp};
use crate::salesforce::http::{Answer, Call, form};
use crate::salesforce::state::State;

/// The org's id in its 18-character form.
pub(super) const ORG_ID: &str = "00D5e000000SimAEAS";
/// Grant type of the JWT bearer flow.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Random characters of a token.
const TOKEN_CHARS: usize = 80;

type Refusal = (u16, &'static str, &'static str);

/// POST /services/oauth2/token
pub(super) fn token(state: &mut State, call: &Call) -> Answer {
    if call.method != "POST" {
        return refuse((400, "invalid_request", "must use HTTP POST"));
    }
    let fields = form(&call.body);
    let field = |name: &str| {
        fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).or_else(|| call.param(name))
    };
    let granted = match field("grant_type") {
        Some("client_credentials") => {
            by_secret(state, call, field("client_id"), field("client_secret"))
        }
        Some(JWT_BEARER) => by_assertion(state, field("assertion")),
        Some(_) | None => Err((400, "unsupported_grant_type", "grant type not supported")),
    };
    match granted {
        Ok(()) => issue(state, call),
        Err(refusal) => refuse(refusal),
    }
}

fn refuse((status, error, description): Refusal) -> Answer {
    Answer::json(status, json!({"error": error, "error_description": description}))
}

fn issue(state: &mut State, call: &Call) -> Answer {
    let mut random = rand::rng();
    let secret: String = (0..TOKEN_CHARS)
        .map(|_| {
            char::from(
                b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
                    [random.random_range(0..56)],
            )
        })
        .collect();
    let token = format!("{}!{secret}", &ORG_ID[..15]);
    state.sessions.add(token.clone());
    state.stats.token();
    let issued_ms = state.now() * 1_000;
    Answer::json(
        200,
        json!({
            "access_token": token,
            "scope": "api",
            "instance_url": call.base_url(),
            "api_instance_url": call.base_url(),
            "id": identity_url(state, call),
            "token_type": "Bearer",
            "issued_at": issued_ms.to_string(),
            "signature": STANDARD.encode(secret.get(..32).unwrap_or("")),
        }),
    )
    .with("cache-control", "no-store".to_owned())
}

fn by_secret(
    state: &State,
    call: &Call,
    body_id: Option<&str>,
    body_secret: Option<&str>,
) -> Result<(), Refusal> {
    let basic = call
        .header("authorization")
        .and_then(|h| h.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let (id, secret) = match basic.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => (body_id, body_secret),
    };
    let (Some(id), Some(secret)) = (id, secret) else {
        return Err((400, "invalid_client", "client credentials are missing"));
    };
    let app = find_app(state, id)?;
    match &app.secret {
        Some(right) if right == secret => Ok(()),
        Some(_) => Err((400, "invalid_client", "invalid client credentials")),
        None => Err((400, "invalid_grant", "no client credentials user enabled")),
    }
}

fn find_app<'a>(state: &'a State, key: &str) -> Result<&'a ConnectedApp, Refusal> {
    let found = state.apps.iter().find(|app| app.key == key);
    found.ok_or((400, "invalid_client_id", "client identifier invalid"))
}

fn by_assertion(state: &State, assertion: Option<&str>) -> Result<(), Refusal> {
    const BAD: Refusal = (400, "invalid_grant", "invalid assertion");
    let assertion = assertion.ok_or(BAD)?;
    let (message, signature) = assertion.rsplit_once('.').ok_or(BAD)?;
    let (header, claims) = message.split_once('.').ok_or(BAD)?;
    let (header, claims) = (part(header).ok_or(BAD)?, part(claims).ok_or(BAD)?);
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let app = find_app(state, text("iss").ok_or(BAD)?)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(BAD);
    }
    match &app.assertions {
        Assertions::Refused => {
            return Err((400, "invalid_grant", "user hasn't approved this consumer"));
        }
        Assertions::AnyWellFormed if signature.is_empty() => return Err(BAD),
        Assertions::AnyWellFormed => {}
        Assertions::SignedBy(pem) => {
            let key = DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| BAD)?;
            let verified =
                jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::RS256);
            if !verified.unwrap_or(false) {
                return Err(BAD);
            }
        }
    }
    // The audience names a login host, test host or My Domain; only its presence is checked.
    if text("aud").is_none_or(str::is_empty) {
        return Err((400, "invalid_grant", "audience is invalid"));
    }
    if text("sub") != Some(app.username.as_str()) {
        return Err((400, "invalid_grant", "user hasn't approved this consumer"));
    }
    let expires = claims
        .get("exp")
        .and_then(|exp| exp.as_i64().or_else(|| exp.as_str().and_then(|s| s.parse().ok())));
    match expires {
        Some(at) if at > state.now() => Ok(()),
        Some(_) => Err((400, "invalid_grant", "expired authorization code")),
        None => Err(BAD),
    }
}

fn part(encoded: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The URL of the identity of the integration user.
pub(super) fn identity_url(state: &State, call: &Call) -> String {
    format!("{}/id/{ORG_ID}/{}", call.base_url(), state.integration)
}

fn username(state: &State) -> &str {
    state.apps.first().map_or("integration@example.com", |app| app.username.as_str())
}

/// GET /services/oauth2/userinfo
pub(super) fn userinfo(state: &State) -> Answer {
    Answer::json(
        200,
        json!({
            "sub": state.integration,
            "user_id": state.integration,
            "organization_id": ORG_ID,
            "preferred_username": username(state),
            "name": "Integration User",
        }),
    )
}

/// GET /id/{org}/{user}
pub(super) fn identity(state: &State, call: &Call) -> Answer {
    Answer::json(
        200,
        json!({
            "id": identity_url(state, call),
            "user_id": state.integration,
            "organization_id": ORG_ID,
            "username": username(state),
            "display_name": "Integration User",
            "urls": {"rest": format!("{}/services/data/v{{version}}/", call.base_url())},
        }),
    )
}
