//! Thirty-odd typos of somebody new to contracts: each gets one finding, at the right place, that says what was meant
//! or what to do; and where there is a fix, contracts that hold together come of it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use covenant_compiler::compile;
use covenant_compiler::diagnostic::{Applicability, Diagnostic, fix};
use covenant_compiler::source::SourceSet;

const ORDER: &str = "sales/order.yaml";
const CUSTOMER: &str = "sales/customer.yaml";
const DAILY: &str = "marts/daily.yaml";
const PROJECT: &str = "project.yaml";

/// What a program may do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mend {
    Safe,
    Unsafe,
    /// Only a person knows.
    No,
}
use Mend::{No, Safe, Unsafe};

/// A typo: file, what stands there, what is written, the code, what is marked, what is said, what is mended.
type Typo =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, Mend);

const TYPOS: &[Typo] = &[
    // Keys.
    (
        ORDER,
        "compatibility: full",
        "compatiblity: full",
        "CV1003",
        "compatiblity",
        "`compatibility`",
        Unsafe,
    ),
    (ORDER, "\nfields:\n", "\nfeilds:\n", "CV1003", "feilds", "`fields`", Unsafe),
    (ORDER, "\nsources:\n", "\nsource:\n", "CV1003", "source", "`sources`", Unsafe),
    (CUSTOMER, "pii: contact", "pi: contact", "CV1003", "pi", "`pii`", Unsafe),
    (
        ORDER,
        "carrier: {id: 7, type: string(40), from: events, nullable: true",
        "carrier: {id: 7, type: string(40), from: events, nullabel: true",
        "CV1003",
        "nullabel",
        "`nullable`",
        Unsafe,
    ),
    (DAILY, "refresh: {every", "refresh: {evry", "CV1003", "evry", "`every`", Unsafe),
    (ORDER, "entity: sales.order", "entiy: sales.order", "CV1017", "entiy", "`entity`", Unsafe),
    (
        ORDER,
        "owner: orders@shop.example",
        "Owner: orders@shop.example",
        "CV1003",
        "Owner",
        "`owner`",
        Unsafe,
    ),
    (ORDER, "revision: {id: 8, type", "revision: {type", "CV1005", "revision", "add `id:`", No),
    // Words.
    (ORDER, "merge: ranked", "merge: rank", "CV1007", "rank", "`ranked`", Unsafe),
    (CUSTOMER, "compatibility: full", "compatibility: fulll", "CV1007", "fulll", "`full`", Unsafe),
    (
        ORDER,
        "on_fail: quarantine",
        "on_fail: quarentine",
        "CV1007",
        "quarentine",
        "`quarantine`",
        Unsafe,
    ),
    (PROJECT, "kind: snowflake", "kind: snowflak", "CV1007", "snowflak", "`snowflake`", Unsafe),
    (ORDER, "optional: true}", "optional: yes}", "CV1006", "yes", "`true`", Safe),
    // Names of other things.
    (
        ORDER,
        "references: sales.customer",
        "references: sales.custmer",
        "CV2004",
        "sales.custmer",
        "`sales.customer`",
        Unsafe,
    ),
    (ORDER, "type: uuid, from: shop", "type: uuid, from: shp", "CV2002", "shp", "`shop`", Unsafe),
    (CUSTOMER, "pii: device", "pii: devise", "CV2005", "devise", "`device`", Unsafe),
    (ORDER, "key: [order_id]", "key: [orderid]", "CV2003", "orderid", "`order_id`", Unsafe),
    (ORDER, "Status__c: status", "Status__c: staus", "CV2003", "staus", "`status`", Unsafe),
    (
        ORDER,
        "paid: [shipped, cancelled]",
        "paid: [shiped, cancelled]",
        "CV2007",
        "shiped",
        "`shipped`",
        Unsafe,
    ),
    (ORDER, "expect: tax <= total", "expect: taxx <= total", "CV2003", "taxx", "`tax`", Unsafe),
    (DAILY, "o.country AS country", "o.contry AS country", "CV2016", "contry", "`country`", Unsafe),
    (
        DAILY,
        "FROM sales.order AS o",
        "FROM sales.orders AS o",
        "CV2015",
        "sales.orders",
        "`sales.order`",
        Unsafe,
    ),
    // Values.
    (
        ORDER,
        "revision: {id: 8, type: int32",
        "revision: {id: 8, type: integer",
        "CV1008",
        "integer",
        "`int32`",
        Safe,
    ),
    (CUSTOMER, "type: string(80)", "type: strng(80)", "CV1008", "strng(80)", "`string`", Unsafe),
    (
        CUSTOMER,
        "type: string(80)",
        "type: varchar(80)",
        "CV1008",
        "varchar(80)",
        "`string(80)`",
        Safe,
    ),
    (
        ORDER,
        "tax: {id: 5, type: \"decimal(12,2)\"",
        "tax: {id: 5, type: decimal(12,2)",
        "CV1008",
        "decimal(12,2)",
        "quotes",
        Safe,
    ),
    (DAILY, "every: 5m", "every: 5 minutes", "CV1011", "5 minutes", "`2m`", Safe),
    (ORDER, "version: 1.0.0", "version: 1.0", "CV1010", "1.0", "`1.0.0`", Safe),
    (ORDER, "revision: {id: 8", "revision: {id: 7", "CV3012", "7", "next free id is 10", No),
    // Signs.
    (ORDER, "expect: tax <= total", "expect: tax =< total", "CV2011", "=<", "`<=`", Unsafe),
    (
        ORDER,
        "from: [shop, events]",
        "from: [shop events]",
        "CV2002",
        "[shop events]",
        "a comma",
        No,
    ),
    (ORDER, "from: [shop, events]", "from: [shop, events", "CV1001", "", "`]`", No),
    (
        ORDER,
        "purpose: One row per order.",
        "purpose: Orders: one row each.",
        "CV1001",
        "",
        "quote",
        No,
    ),
    (ORDER, "  tax: {id: 5", "\ttax: {id: 5", "CV1001", "", "spaces", Unsafe),
    // Indentation.
    (
        ORDER,
        "  crm:\n    object: Order__c",
        "  crm:\n  object: Order__c",
        "CV1001",
        "object",
        "not indented below `crm`",
        Unsafe,
    ),
    (ORDER, "  tax: {id: 5", "   tax: {id: 5", "CV1001", "tax", "deeper than `total`", Unsafe),
    (ORDER, "  tax: {id: 5", " tax: {id: 5", "CV1001", "tax", "`total`", Unsafe),
    (
        ORDER,
        "    merge: ranked",
        "     merge: ranked",
        "CV1001",
        "merge",
        "deeper than `from`",
        Unsafe,
    ),
    (ORDER, "    merge: ranked", "   merge: ranked", "CV1001", "merge", "`from`", Unsafe),
    // Queries.
    (DAILY, "FROM sales.order AS o", "FORM sales.order AS o", "CV2013", "FORM", "`FROM`", Unsafe),
    (DAILY, "GROUP BY", "GRUOP BY", "CV2013", "GRUOP", "`GROUP`", Unsafe),
    (DAILY, "SELECT CAST", "SELEKT CAST", "CV2013", "SELEKT", "`SELECT`", Unsafe),
    (
        DAILY,
        "SUM(o.total) AS total",
        "SUM(o.total AS total",
        "CV2013",
        "(",
        "close it with `)`",
        No,
    ),
    (DAILY, "SUM(o.total) AS total", "SUM(o.total)) AS total", "CV2013", ")", "take it away", No),
    (
        DAILY,
        "SUM(o.total) AS total",
        "SUM(o.total) AS total,",
        "CV2013",
        ",",
        "a comma too many",
        Unsafe,
    ),
    (DAILY, "AS day, o.country", "AS day o.country", "CV2013", "o", "a comma is missing", Unsafe),
    (
        DAILY,
        "o.country AS country, SUM",
        "o.country AS contry, SUM",
        "CV2018",
        "country",
        "`contry`",
        Unsafe,
    ),
];

fn trust(found: &Diagnostic) -> Mend {
    let fixes = found.fixes.iter().map(|fix| fix.applicability);
    match fixes.min() {
        Some(Applicability::Safe) => Safe,
        Some(Applicability::Unsafe) => Unsafe,
        Some(Applicability::Placeholder) | None => No,
    }
}

/// What is wrong with what is said of a typo.
fn judged(typo: &Typo) -> Result<(), String> {
    let (file, from, to, code, marked, says, mend) = *typo;
    let mut files = common::base();
    let text = files.get_mut(file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
    *text = text.replace(from, to);
    let compiled = compile(SourceSet::new(files));
    let all: Vec<&Diagnostic> = compiled.diagnostics.iter().collect();
    let [found] = all.as_slice() else {
        let all: Vec<String> =
            all.iter().map(|one| format!("{} {}", one.code, one.headline)).collect();
        return Err(format!("{} findings: {all:#?}", all.len()));
    };
    let source = compiled.sources.get(found.span.file).unwrap();
    let there = source.text.get(found.span.start..found.span.end).unwrap();
    let texts =
        [&found.help[..], &found.why, std::slice::from_ref(&found.headline)].concat().join("\n");
    let told = (found.code.to_string(), source.path.as_str());
    if told != (code.to_owned(), file) || (!marked.is_empty() && there != marked) {
        return Err(format!("{told:?} at {there:?}: {texts}"));
    }
    if !texts.contains(says) || (found.help.is_empty() && found.fixes.is_empty()) {
        return Err(format!("says: {texts}"));
    }
    if trust(found) != mend {
        return Err(format!("{:?}: {:#?}", trust(found), found.fixes));
    }
    if mend != No {
        let fixes: Vec<_> = found.fixes.iter().take(1).cloned().collect();
        let applied = fix::apply(&compiled.sources, &fixes);
        let mended = compiled
            .sources
            .with_texts(|id, file| applied.files.get(&id).unwrap_or(&file.text).clone());
        let again = compile(mended);
        if again.plan.is_none() {
            return Err(format!("mended it says {:#?} after {fixes:#?}", again.diagnostics));
        }
    }
    Ok(())
}

#[test]
fn a_typo_is_one_finding_that_says_what_was_meant() {
    let wrong: Vec<String> = TYPOS
        .iter()
        .filter_map(|typo| judged(typo).err().map(|why| format!("{:?}: {why}", typo.2)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TYPOS.len(), wrong.join("\n\n"));
    assert!(TYPOS.len() >= 30);
}
