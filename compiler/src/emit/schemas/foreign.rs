//! What another standard's document said and the language has no place for: kept beside a contract under `extensions`, and put
//! back where the contract is written in that standard again.
//!
//! Two things are kept. `kept` has the members that we do not write. `spelled` has those that we write in other words: what we
//! write (`here`) and what stood there (`there`), at a path. Only where we still write the same is the other put in its
//! place, so a contract that is changed later says what it says, and not what it once was imported from.

use super::doc::Doc;

/// Members of a list's items by which one is told from the others.
const IDENTITIES: [&str; 6] = ["property", "id", "name", "to", "url", "server"];
/// Between the members of a path. Names of the standards' members have none.
const STEP: char = '.';

/// What is needed to get `theirs` back from `ours`.
pub(crate) fn keep(ours: &Doc, theirs: &Doc) -> Doc {
    let mut spelled = Vec::new();
    let kept = members(ours, theirs, "", &mut spelled);
    Doc::map().with_some("kept", kept.filled()).with_some("spelled", Doc::List(spelled).filled())
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}{STEP}{name}") }
}

fn spell(path: String, here: &Doc, there: &Doc) -> Doc {
    Doc::map().with("at", path).with("here", here.clone()).with("there", there.clone())
}

fn members(ours: &Doc, theirs: &Doc, path: &str, spelled: &mut Vec<Doc>) -> Doc {
    let mut kept = Doc::map();
    for (name, there) in theirs.members() {
        let at = below(path, name);
        match ours.get(name) {
            None => kept = kept.with(name, there.clone()),
            Some(here) if here.says(there) => {}
            Some(here @ Doc::Map(_)) if matches!(there, Doc::Map(_)) => {
                let inner = members(here, there, &at, spelled);
                kept = kept.with_some(name, inner.filled());
            }
            Some(Doc::List(here)) if told_apart(here) && told_apart(there.items()) => {
                let inner = items(here, there.items(), &at, spelled);
                kept = kept.with_some(name, Doc::List(inner).filled());
            }
            Some(here) => spelled.push(spell(at, here, there)),
        }
    }
    kept
}

fn told_apart(items: &[Doc]) -> bool {
    items.iter().all(|item| !item.members().is_empty())
}

fn identity(item: &Doc) -> Option<(&str, &Doc)> {
    IDENTITIES.iter().find_map(|name| Some((*name, item.get(name)?)))
}

/// Items that we do not have. One that we have in other words is spelled.
fn items(ours: &[Doc], theirs: &[Doc], path: &str, spelled: &mut Vec<Doc>) -> Vec<Doc> {
    let mut free: Vec<&Doc> =
        ours.iter().filter(|one| !theirs.iter().any(|two| two.says(one))).collect();
    let rest: Vec<&Doc> =
        theirs.iter().filter(|two| !ours.iter().any(|one| one.says(two))).collect();
    // One against one is the same thing under another name.
    let alone = free.len() == 1 && rest.len() == 1 && path.ends_with("relationships");
    let mut kept = Vec::new();
    for there in rest {
        let same =
            |here: &&Doc| alone || identity(here).is_some() && identity(here) == identity(there);
        match free.iter().position(same) {
            Some(at) => spelled.push(spell(path.to_owned(), free.remove(at), there)),
            None => kept.push(there.clone()),
        }
    }
    kept
}

/// Puts back what was kept.
pub(crate) fn restore(ours: Doc, extension: &Doc) -> Doc {
    let mut doc = ours;
    for one in extension.get("spelled").map(Doc::items).unwrap_or_default() {
        if let (Some(at), Some(here), Some(there)) =
            (one.get("at").and_then(Doc::text), one.get("here"), one.get("there"))
        {
            replace(&mut doc, at, here, there);
        }
    }
    match extension.get("kept") {
        Some(kept) => merged(doc, kept),
        None => doc,
    }
}

fn replace(doc: &mut Doc, path: &str, here: &Doc, there: &Doc) {
    let (name, rest) =
        path.split_once(STEP).map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Doc::Map(members) = doc else { return };
    let Some((_, value)) = members.iter_mut().find(|(member, _)| member == name) else { return };
    match rest {
        Some(rest) => replace(value, rest, here, there),
        None if value.says(here) => *value = there.clone(),
        None => {
            if let Doc::List(items) = value
                && let Some(item) = items.iter_mut().find(|item| item.says(here))
            {
                *item = there.clone();
            }
        }
    }
}

/// What we write, and behind it what only they have.
fn merged(ours: Doc, kept: &Doc) -> Doc {
    match (ours, kept) {
        (Doc::Map(mut members), Doc::Map(theirs)) => {
            for (name, value) in theirs {
                match members.iter().position(|(member, _)| member == name) {
                    Some(at) => {
                        let (_, here) = members.remove(at);
                        members.insert(at, (name.clone(), merged(here, value)));
                    }
                    None => members.push((name.clone(), value.clone())),
                }
            }
            Doc::Map(members)
        }
        (Doc::List(mut items), Doc::List(theirs)) => {
            let new = theirs.iter().filter(|one| !items.iter().any(|item| item.says(one)));
            let new: Vec<Doc> = new.cloned().collect();
            items.extend(new);
            Doc::List(items)
        }
        (ours, _) => ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn doc(value: serde_json::Value) -> Doc {
        Doc::of(&value)
    }

    #[test]
    fn what_was_kept_comes_back() {
        let ours = doc(json!({
            "name": "a", "physicalType": "string(18)", "options": {"maxLength": 18},
            "customProperties": [{"property": "fieldId", "value": 1}],
            "sla": [{"property": "retention", "value": 1096, "unit": "d"}],
        }));
        let theirs = doc(json!({
            "name": "a", "physicalType": "varchar(18)", "options": {"maxLength": 18, "format": "x"},
            "tags": [], "nothing": null,
            "customProperties": [{"property": "slaHours", "value": 72}],
            "sla": [{"property": "retention", "value": 3, "unit": "y"}, {"property": "latency", "value": 4}],
        }));
        let extension = keep(&ours, &theirs);
        let back = restore(ours.clone(), &extension);
        assert!(back.says(&doc(json!({
            "name": "a", "physicalType": "varchar(18)", "options": {"maxLength": 18, "format": "x"},
            "tags": [], "nothing": null,
            "customProperties": [{"property": "fieldId", "value": 1}, {"property": "slaHours", "value": 72}],
            "sla": [{"property": "retention", "value": 3, "unit": "y"}, {"property": "latency", "value": 4}],
        }))), "{back:?}");
    }

    #[test]
    fn a_contract_that_was_changed_says_what_it_says_now() {
        let extension = keep(
            &doc(
                json!({"physicalType": "string(18)", "sla": [{"property": "retention", "value": 1}]}),
            ),
            &doc(
                json!({"physicalType": "varchar(18)", "sla": [{"property": "retention", "value": 2}], "tags": ["x"]}),
            ),
        );
        let now = doc(
            json!({"physicalType": "string(20)", "sla": [{"property": "retention", "value": 9}]}),
        );
        let back = restore(now, &extension);
        let wanted = json!({"physicalType": "string(20)", "sla": [{"property": "retention", "value": 9}], "tags": ["x"]});
        assert!(back.says(&doc(wanted)), "{back:?}");
    }

    #[test]
    fn members_stay_in_their_places() {
        let ours =
            Doc::map().with("a", Doc::map().with("x", 1_u32)).with("b", 2_u32).with("c", 3_u32);
        let back = restore(ours, &doc(json!({"kept": {"a": {"y": 2}, "d": 4}})));
        let names: Vec<&str> = back.members().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }
}
