//! Texts that look like a key, a token or a password. Contracts are under version control and generated into files, so a
//! secret in one is told to everybody. Only forms are known that nothing else has; the text itself is never repeated.

use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::yaml::{Kind, Node};

/// Settings of environments with one of these words in their names hold a reference, never the secret.
const SECRET_WORDS: [&str; 6] =
    ["password", "passwd", "secret", "api_key", "access_key", "private_key"];
/// How a setting refers to a secret that is kept elsewhere.
const REFERENCES: [&str; 5] = ["env:", "arn:", "vault:", "file:", "${"];
/// Beginnings of tokens, the characters that follow at least, and whose they are.
const TOKENS: [(&str, usize, &str); 14] = [
    ("AKIA", 16, "an access key of AWS"),
    ("ASIA", 16, "an access key of AWS"),
    ("ghp_", 30, "a token of GitHub"),
    ("gho_", 30, "a token of GitHub"),
    ("ghs_", 30, "a token of GitHub"),
    ("github_pat_", 30, "a token of GitHub"),
    ("glpat-", 20, "a token of GitLab"),
    ("xoxb-", 20, "a token of Slack"),
    ("xoxp-", 20, "a token of Slack"),
    ("sk_live_", 16, "a key of Stripe"),
    ("rk_live_", 16, "a key of Stripe"),
    ("AIza", 35, "a key of Google"),
    ("npm_", 36, "a token of npm"),
    ("eyJhbGciOi", 30, "a signed web token"),
];

/// Characters of the shortest of [`TOKENS`], beginning and all.
const TOKEN_CHARS_MIN: usize = 20;
/// Characters of the shortest text that [`secret`] finds: `s://u:p@h`.
const SECRET_CHARS_MIN: usize = 9;

/// Reports every secret of a file.
pub(super) fn check(sink: &Sink, node: &Node) {
    walk(sink, node, false);
}

fn walk(sink: &Sink, node: &Node, settings: bool) {
    match &node.kind {
        Kind::Scalar { text, .. } => {
            if let Some(what) = secret(text) {
                report(sink, node, what);
            }
        }
        Kind::Seq(items) => items.iter().for_each(|item| walk(sink, item, settings)),
        Kind::Map(entries) => {
            for entry in entries {
                let named = settings && {
                    let key = entry.key.to_lowercase();
                    SECRET_WORDS.iter().any(|word| key.contains(word))
                };
                match &entry.value.kind {
                    Kind::Scalar { text, .. } if named && secret(text).is_none() => {
                        if !REFERENCES.iter().any(|prefix| text.starts_with(prefix)) {
                            report(sink, &entry.value, "a secret, by its name");
                        }
                    }
                    Kind::Scalar { .. } | Kind::Seq(_) | Kind::Map(_) => {
                        walk(sink, &entry.value, settings || is_environments(&entry.key));
                    }
                }
            }
        }
    }
}

fn is_environments(key: &str) -> bool {
    key.eq_ignore_ascii_case("environments")
}

fn report(sink: &Sink, node: &Node, what: &str) {
    sink.push(
        Diagnostic::new(&codes::SECRET, node.span, format!("this looks like {what}"))
            .why("whoever reads the contract, its history or what is generated from it has the secret")
            .help("revoke it; keep its successor where secrets are kept, and name it here: `env:NAME` or an ARN"),
    );
}

/// What a text looks like.
fn secret(text: &str) -> Option<&'static str> {
    // Most texts are words: the shortest secret that is looked for has more characters.
    if text.len() < SECRET_CHARS_MIN {
        return None;
    }
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    if password_in_url(text) {
        return Some("a password in an address");
    }
    let odd = |at: char| !(at.is_ascii_alphanumeric() || matches!(at, '_' | '-'));
    let long = |word: &&str| word.len() >= TOKEN_CHARS_MIN;
    text.split(odd).filter(long).find_map(|word| {
        let (_, _, whose) = TOKENS.iter().find(|(begin, more, _)| {
            word.strip_prefix(begin).is_some_and(|rest| rest.len() >= *more)
        })?;
        Some(*whose)
    })
}

/// `scheme://user:password@host`
fn password_in_url(text: &str) -> bool {
    text.contains(':')
        && text.match_indices("://").any(|(at, found)| {
            let rest = text.get(at + found.len()..).unwrap_or("");
            let authority = rest.split(['/', '?', '#', ' ', '\n', '"', '\'']).next().unwrap_or("");
            let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
            password.is_some_and(|(_, password)| {
                !password.is_empty() && !password.starts_with(['$', '<', '{', '*'])
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_other_texts() {
        for text in [
            "postgres://shop:hunter2@db/shop",
            "see https://me:word@example.com",
            concat!("AKIA", "IOSFODNN7EXAMPLE"),
            "-----BEGIN RSA PRIVATE KEY-----\nMII",
        ] {
            assert!(secret(text).is_some(), "{text}");
        }
        for text in [
            "postgres://shop@db/shop",
            "postgres://shop:${PASSWORD}@db/shop",
            "https://example.com/a:b@c",
            "AKIA",
            "SELECT o.password AS password FROM a.b AS o",
            "^[A-Z]{2}$",
        ] {
            assert!(secret(text).is_none(), "{text}");
        }
    }
}
