//! One logical change, one finding: what exists only because of another finding hangs under it.

use std::collections::BTreeMap;

use super::finding::Finding;

/// Hangs effects under their causes. Findings come in the order of the rules, causes first where two
/// could cause each other.
pub(super) fn nest(findings: Vec<Finding>) -> Vec<Finding> {
    let parents: Vec<Option<usize>> = {
        let mut claimed: BTreeMap<&str, usize> = BTreeMap::new();
        let mut cascaded: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, finding) in findings.iter().enumerate() {
            for claim in finding.claims.iter().filter(|_| finding.cause.is_none()) {
                claimed.entry(claim).or_insert(at);
            }
            for leaf in &finding.cascades {
                cascaded.entry(leaf).or_insert(at);
            }
        }
        let parent = |(at, finding): (usize, &Finding)| {
            if let Some(cause) = &finding.cause {
                return claimed.get(cause.as_str()).copied().filter(|by| *by != at);
            }
            let mut by = None;
            for claim in &finding.claims {
                by = nearest(claim, &cascaded);
                if by.is_none() || by == Some(at) {
                    return None;
                }
            }
            by
        };
        findings.iter().enumerate().map(parent).collect()
    };
    let roots: Vec<Option<usize>> = (0..findings.len()).map(|at| root(at, &parents)).collect();
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    let mut effects: Vec<(usize, Finding)> = Vec::new();
    for (at, finding) in findings.into_iter().enumerate() {
        match roots.get(at).copied().flatten() {
            Some(root) => effects.push((root, finding)),
            None => {
                kept.insert(at, finding);
            }
        }
    }
    for (root, effect) in effects {
        if let Some(cause) = kept.get_mut(&root) {
            cause.effects.push(effect);
        }
    }
    kept.into_values().collect()
}

/// The finding at the top of the causes; none where it is the finding itself. Of findings that cause
/// each other the first one is the top.
fn root(at: usize, parents: &[Option<usize>]) -> Option<usize> {
    let mut seen = vec![at];
    let mut top = at;
    while let Some(next) = parents.get(top).copied().flatten() {
        if seen.contains(&next) {
            let first = seen.iter().copied().min().unwrap_or(at);
            return (first != at).then_some(first);
        }
        seen.push(next);
        top = next;
    }
    (top != at).then_some(top)
}

/// What is known of a path, or of the nearest thing around it.
fn nearest(path: &str, known: &BTreeMap<&str, usize>) -> Option<usize> {
    let mut rest = path;
    loop {
        if let Some(at) = known.get(rest) {
            return Some(*at);
        }
        rest = rest.rsplit_once('/')?.0;
    }
}
