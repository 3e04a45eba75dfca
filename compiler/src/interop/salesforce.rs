//! `covenant import salesforce`: describes of an org -> contracts that read its objects. A draft for people to go on with: what
//! was guessed is marked as a guess, what has no type here is named in a comment. The describes are written beside the
//! contracts, so that `covenant check` holds the draft against them from the first day.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::import::ImportError;
use super::import::names::{free, quoted, snake};
use crate::capacity::Read;
use crate::describe::{self, Field, Kind, SObject, SUFFIX};
use crate::parse::scalars::is_symbol;
use crate::parse::{Node, json};
use crate::source::{FileId, SourceSet};
use crate::tree::OutputTree;

/// Area of the entities.
const AREA: &str = "crm";
/// Folder of the describes.
const FOLDER: &str = "salesforce";
/// Where a describe names no version.
const API_VERSION: &str = "60.0";
/// Calls in 24 hours that are written down until somebody looks up the org's own figure.
const DAILY_CALLS: u64 = 100_000;
/// Percent of them, unless the objects need more.
const SHARE_PERCENT: u64 = 25;
/// Digits that a 64-bit integer always holds.
const INT64_DIGITS: u32 = 18;
/// Longest picklist that becomes an enum.
const SYMBOLS_MAX: usize = 50;
/// Longer texts are typed by people.
const FREE_TEXT_CHARS: u32 = 255;

/// One describe as it is imported.
struct Imported {
    object: SObject,
    /// The answer, as it was.
    text: String,
    /// `account`
    name: String,
}

/// Contracts of `(path, text)` describes: the answers themselves, or recordings of them (VCR's YAML, whose
/// `response.body.string` is the answer).
///
/// # Errors
/// The first file that is no describe, or describes an object again.
pub fn import(files: &[(String, String)]) -> Result<OutputTree, ImportError> {
    let mut all: Vec<Imported> = Vec::new();
    for (path, text) in files {
        let one = read(path, text, &all)?;
        all.push(one);
    }
    let first =
        |path: &str, why: String| ImportError { path: path.to_owned(), line: 1, column: 1, why };
    let path = files.first().map(|(path, _)| path.as_str()).unwrap_or_default();
    if all.is_empty() {
        return Err(first(path, "there is no describe to import".to_owned()));
    }
    let mut tree = OutputTree::default();
    let mut put = |name: String, text: String| {
        let added = tree.add(name.as_str(), text);
        if added { Ok(()) } else { Err(first(path, format!("two files would be called {name}"))) }
    };
    put("project.yaml".to_owned(), project(&all))?;
    let parents = parents(&all);
    for one in &all {
        put(format!("{AREA}/{}.yaml", one.name), entity(one, &parents))?;
        put(format!("{FOLDER}/{}{SUFFIX}", one.object.name), ended(&one.text))?;
    }
    Ok(tree)
}

fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

fn read(path: &str, text: &str, before: &[Imported]) -> Result<Imported, ImportError> {
    let answer = recorded(text).unwrap_or_else(|| text.to_owned());
    let sources = SourceSet::new([(path.to_owned(), answer.clone())]);
    let wrong = |at: usize, why: String| {
        let place = sources.get(FileId::FIRST).map(|file| file.place(at));
        let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
        ImportError { path: path.to_owned(), line, column, why }
    };
    if answer.len() > describe::DESCRIBE_BYTES_MAX {
        let why = format!("larger than {} bytes", describe::DESCRIBE_BYTES_MAX);
        return Err(wrong(0, why));
    }
    let node: Node = json::parse(FileId::FIRST, &answer).map_err(|bad| wrong(bad.at, bad.why))?;
    let object =
        describe::read_node(&node, FileId::FIRST).map_err(|bad| wrong(bad.span.start, bad.why))?;
    if before.iter().any(|other| other.object.name.eq_ignore_ascii_case(&object.name)) {
        return Err(wrong(object.at.start, format!("{} is described twice", object.name)));
    }
    let taken: BTreeSet<&str> = before.iter().map(|other| other.name.as_str()).collect();
    let name = free(snake(&object.name), |name| taken.contains(name));
    Ok(Imported { object, text: answer, name })
}

/// The answer in a recording.
fn recorded(text: &str) -> Option<String> {
    /// What VCR keeps of an exchange.
    #[derive(serde::Deserialize)]
    struct Recording {
        response: Response,
    }
    #[derive(serde::Deserialize)]
    struct Response {
        body: Body,
    }
    #[derive(serde::Deserialize)]
    struct Body {
        string: String,
    }
    if text.trim_start().starts_with(['{', '[']) || text.len() > describe::DESCRIBE_BYTES_MAX {
        return None;
    }
    serde_saphyr::from_str::<Recording>(text).ok().map(|found| found.response.body.string)
}

fn project(all: &[Imported]) -> String {
    let numeric = |version: &str| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|at| at.is_ascii_digit());
        version.split_once('.').is_some_and(|(whole, rest)| digits(whole) && digits(rest))
    };
    let of = |object: &SObject| object.version.as_ref().map(|(text, _)| text.clone());
    let versions: BTreeSet<String> = all.iter().filter_map(|one| of(&one.object)).collect();
    let known = versions.iter().find(|one| numeric(one)).map_or(API_VERSION, String::as_str);
    // describes of other versions cannot be held against anything; the contracts are a draft either way
    let usable = versions.iter().all(|one| one == known);
    let hosts: BTreeSet<&str> =
        all.iter().filter_map(|one| Some(one.object.host.as_ref()?.0.as_str())).collect();
    let objects = u64::try_from(all.len()).unwrap_or(u64::MAX);
    let needed = objects.saturating_mul(Read::CALLS);
    let calls = DAILY_CALLS.max(needed.saturating_mul(2));
    let share = SHARE_PERCENT.max(needed.saturating_mul(100).div_ceil(calls));
    let mut out = String::from(
        "# Imported by covenant from describes of a Salesforce org: a draft. Look at everything that is marked.\n\
         project: imported\n\
         version: 0.1.0\n\
         owner: nobody@example.com    # who answers for it?\n\
         purpose: Read what the objects of a Salesforce org hold.\n\n\
         systems:\n  salesforce:\n    kind: salesforce\n    purpose: The org that was described.\n",
    );
    let _ = writeln!(out, "    api_version: {}", quoted(known));
    if let (1, Some(host)) = (hosts.len(), hosts.first()) {
        let _ = writeln!(out, "    org: {}", quoted(host));
    }
    if usable {
        let _ = writeln!(out, "    describe: {FOLDER}");
    } else {
        let told: Vec<&str> = versions.iter().map(String::as_str).collect();
        let _ = writeln!(
            out,
            "    # The describes are of API version {}: ask again in one version, then add `describe: {FOLDER}`.",
            quoted(&told.join(" and "))
        );
    }
    let _ = write!(
        out,
        "    daily_calls: {calls}    # a guess: /limits says it (DailyApiRequests)\n    share: {share}%    # a guess\n  \
         warehouse: {{kind: snowflake, purpose: The warehouse., database: ANALYTICS}}    # a guess\n\n"
    );
    out.push_str(
        "pii:    # guesses by name and type\n  classes:\n    \
         identity: {protect: encrypt, about: Names of people.}\n    \
         contact:  {protect: encrypt, about: E-mail and telephone.}\n    \
         address:  {protect: mask, about: Postal addresses.}\n    \
         birth:    {protect: mask, about: Dates of birth.}\n    \
         freetext: {protect: encrypt, about: \"Typed by people, so it may hold anything.\"}\n",
    );
    out
}

/// Parents of objects, by lower-case name of both: those that were imported and do not lead back.
fn parents(all: &[Imported]) -> BTreeMap<String, BTreeMap<String, String>> {
    let names: BTreeMap<String, String> = all
        .iter()
        .map(|one| (one.object.name.to_lowercase(), format!("{AREA}.{}", one.name)))
        .collect();
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    // what Salesforce itself ties together comes before what an org added
    for custom in [false, true] {
        for one in all {
            let child = one.object.name.to_lowercase();
            for field in one.object.fields.iter().filter(|one| one.name.ends_with("__c") == custom)
            {
                let [to] = field.refers_to.as_slice() else { continue };
                let parent = to.to_lowercase();
                let Some(entity) = names.get(&parent) else { continue };
                if !leads(&found, &names, &parent, &child) {
                    let of_child = found.entry(child.clone()).or_default();
                    of_child.insert(field.name.clone(), entity.clone());
                }
            }
        }
    }
    found
}

/// Whether an object leads to another by references found so far.
fn leads(
    found: &BTreeMap<String, BTreeMap<String, String>>,
    names: &BTreeMap<String, String>,
    from: &str,
    to: &str,
) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !seen.insert(at) {
            continue;
        }
        let entities: BTreeSet<&String> =
            found.get(at).into_iter().flat_map(BTreeMap::values).collect();
        open.extend(
            names
                .iter()
                .filter(|(_, entity)| entities.contains(entity))
                .map(|(name, _)| name.as_str()),
        );
    }
    false
}

/// What a field becomes.
struct Drafted {
    ty: String,
    pii: Option<&'static str>,
    email: bool,
}

fn entity(one: &Imported, parents: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let object = &one.object;
    let mut mapped = String::new();
    let mut fields = String::new();
    let mut left: Vec<String> = Vec::new();
    let mut taken = BTreeSet::from(["id".to_owned()]);
    let references = parents.get(&object.name.to_lowercase());
    let mut id = 1_u32;
    for field in object.fields.iter().filter(|field| field.kind != Kind::Id) {
        let Some(drafted) = drafted(object, field) else {
            left.push(format!("{} ({})", field.name, field.kind_name));
            continue;
        };
        id += 1;
        let name = free(snake(&field.name), |name| taken.contains(name));
        taken.insert(name.clone());
        let _ = writeln!(mapped, "      {name}: {}", field.name);
        let parent = references.and_then(|all| all.get(&field.name));
        let _ = writeln!(fields, "{}", line(id, &name, field, &drafted, parent));
    }
    let kind = if object.custom_setting { "settings" } else { "records" };
    let mut out = format!(
        "# Imported by covenant from the describe of `{object}`: a draft.\n\
         entity: {AREA}.{name}\n\
         version: 0.1.0\n\
         owner: nobody@example.com    # who answers for it?\n\
         purpose: {purpose}\n\
         compatibility: backward\n\n\
         key: [id]\n\
         key_reuse: never\n\n\
         sources:\n  salesforce:\n    object: {object}\n    key: {{id: Id}}\n",
        object = object.name,
        name = one.name,
        purpose = quoted(&format!(
            "The {kind} of {} ({}), as people keep them in Salesforce.",
            object.name, object.label
        )),
    );
    let _ = write!(out, "    fields:\n      id: Id\n{mapped}");
    if !left.is_empty() {
        let _ = write!(out, "\n# Not taken over, for want of a type: {}.\n", left.join(", "));
    }
    let _ = write!(
        out,
        "\nfields:\n  id: {{id: 1, type: string(18), from: salesforce, pii: none, about: The record's own id.}}\n{fields}\n\
         sinks:\n  warehouse: {{table: ANALYTICS.CRM.{}}}    # a guess\n",
        one.name.to_uppercase()
    );
    out
}

/// One field's line.
fn line(id: u32, name: &str, field: &Field, drafted: &Drafted, parent: Option<&String>) -> String {
    let mut out = format!("  {name}: {{id: {id}, type: {}, from: salesforce", drafted.ty);
    if field.nillable {
        out.push_str(", nullable: true");
    }
    if drafted.email {
        out.push_str(", format: email");
    }
    if let Some(parent) = parent {
        let _ = write!(out, ", references: {parent}");
    }
    if let Some(class) = drafted.pii {
        let _ = write!(out, ", pii: {class}");
    }
    if !field.label.is_empty() {
        let _ = write!(out, ", about: {}", quoted(&field.label));
    }
    out.push('}');
    if drafted.pii.is_some() {
        out.push_str("    # `pii` is a guess");
    }
    out
}

fn drafted(object: &SObject, field: &Field) -> Option<Drafted> {
    let ty = typed(field)?;
    let pii = guessed(object, field).filter(|_| ty.starts_with("string") || ty == "date");
    Some(Drafted { ty, pii, email: field.kind == Kind::Email })
}

/// The contract's type; none: the language has none for it.
fn typed(field: &Field) -> Option<String> {
    let text =
        |chars: u32| if chars == 0 { "string".to_owned() } else { format!("string({chars})") };
    Some(match field.kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Int => "int32".to_owned(),
        Kind::Double | Kind::Currency | Kind::Percent => match (field.precision, field.scale) {
            (0, _) => return None,
            (precision, 0) if precision <= INT64_DIGITS => "int64".to_owned(),
            (precision, scale) if precision <= 38 => format!("\"decimal({precision},{scale})\""),
            _ => return None,
        },
        Kind::Date => "date".to_owned(),
        Kind::DateTime => "timestamp".to_owned(),
        Kind::Id | Kind::Reference => text(18),
        Kind::Picklist => symbols(field).unwrap_or_else(|| text(longest(field))),
        Kind::MultiPicklist
        | Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::EncryptedString
        | Kind::Combobox => text(field.length),
        Kind::Time | Kind::Binary | Kind::Compound | Kind::Other => return None,
    })
}

/// The enum of a restricted picklist, where its values can be symbols.
fn symbols(field: &Field) -> Option<String> {
    let values: BTreeSet<&String> = field.values.iter().collect();
    let plain = |value: &&String| is_symbol(value) && value.trim() == value.as_str();
    let fits = field.restricted
        && (1..=SYMBOLS_MAX).contains(&field.values.len())
        && values.len() == field.values.len()
        && field.values.iter().all(|value| plain(&value));
    fits.then(|| quoted(&format!("enum [{}]", field.values.join(", "))))
}

/// Characters of a picklist's values: people may add longer ones up to the field's length.
fn longest(field: &Field) -> u32 {
    let values = field.values.iter().filter_map(|value| u32::try_from(value.chars().count()).ok());
    values.max().unwrap_or(0).max(field.length)
}

/// The class of personal data that a name or type speaks for.
fn guessed(object: &SObject, field: &Field) -> Option<&'static str> {
    let name = snake(&field.name);
    let has = |word: &str| name.split('_').any(|part| part == word);
    let person = matches!(object.name.as_str(), "Contact" | "Lead" | "User" | "Account");
    match field.kind {
        Kind::Email | Kind::Phone => Some("contact"),
        Kind::Date if has("birthdate") || has("birthday") || has("birth") => Some("birth"),
        Kind::TextArea if has("street") => Some("address"),
        Kind::TextArea if field.length > FREE_TEXT_CHARS => Some("freetext"),
        Kind::String if has("email") || has("phone") || has("mobile") || has("fax") => {
            Some("contact")
        }
        Kind::String if has("street") || name.ends_with("postal_code") || has("zip") => {
            Some("address")
        }
        Kind::String
            if person
                && matches!(name.as_str(), "name" | "first_name" | "last_name" | "middle_name") =>
        {
            Some("identity")
        }
        Kind::String
        | Kind::Date
        | Kind::TextArea
        | Kind::Boolean
        | Kind::Int
        | Kind::Double
        | Kind::Currency
        | Kind::Percent
        | Kind::Url
        | Kind::EncryptedString
        | Kind::Combobox
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::Id
        | Kind::Reference
        | Kind::DateTime
        | Kind::Time
        | Kind::Binary
        | Kind::Compound
        | Kind::Other => None,
    }
}
