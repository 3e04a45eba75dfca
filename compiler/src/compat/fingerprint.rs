//! What identifies a finding when lines move and files are renamed.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::finding::Finding;
use super::leaves::Leaf;

/// Bytes of a digest that a fingerprint shows: 48 bits, so that ten thousand findings share none.
const FINGERPRINT_BYTES: usize = 6;

/// Fills the fingerprints in: code, leaves that are claimed, and from what to what they changed.
pub(super) fn fill(findings: &mut [Finding], leaves: &[Leaf]) {
    let by_path: BTreeMap<&str, &Leaf> =
        leaves.iter().map(|leaf| (leaf.path.as_str(), leaf)).collect();
    fill_by(findings, &by_path);
}

fn fill_by(findings: &mut [Finding], by_path: &BTreeMap<&str, &Leaf>) {
    for finding in findings {
        finding.fingerprint = fingerprint(finding, by_path);
        fill_by(&mut finding.effects, by_path);
    }
}

fn fingerprint(finding: &Finding, leaves: &BTreeMap<&str, &Leaf>) -> String {
    let mut digest = Sha256::new();
    let mut part = |text: &str| {
        digest.update(text.as_bytes());
        digest.update([0]);
    };
    part(finding.rule.code);
    let mut claims: Vec<&str> = finding.claims.iter().map(String::as_str).collect();
    claims.sort_unstable();
    claims.dedup();
    for claim in claims {
        part(claim);
        // The leaf itself, then those below it: `/` sorts before every other character of a path
        // that is a name.
        let below = format!("{claim}/");
        let own = leaves.get(claim).into_iter().copied();
        let inner = leaves
            .range(below.as_str()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(_, leaf)| *leaf);
        for leaf in own.chain(inner) {
            part(&leaf.path);
            part(leaf.old.as_deref().unwrap_or("\u{1}"));
            part(leaf.new.as_deref().unwrap_or("\u{1}"));
        }
    }
    if finding.claims.is_empty() {
        part(&finding.subject);
    }
    hex::encode(digest.finalize().get(..FINGERPRINT_BYTES).unwrap_or_default())
}
