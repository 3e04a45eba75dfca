//! Words about lifecycle and personal data: the day on which a change is judged, and what counts as declassified.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use covenant_compiler::compat::{self, Grade};
use covenant_compiler::emit::{duckdb, snowflake};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_compiler::{Compiled, compile};
use jiff::civil::date;

/// The base of the messages with patches `(file, from, to)`.
fn compiled(patches: &[(&str, &str, &str)]) -> Compiled {
    let mut files = common::base();
    for (file, from, to) in patches {
        let text = files.get_mut(*file).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        *text = text.replace(from, to);
    }
    compile(SourceSet::new(files))
}

fn codes(compiled: &Compiled) -> Vec<String> {
    compiled.diagnostics.iter().map(|one| one.code.to_string()).collect()
}

fn plan(patches: &[(&str, &str, &str)]) -> Plan {
    let compiled = compiled(patches);
    let found = codes(&compiled);
    compiled.plan.unwrap_or_else(|| panic!("{found:?}"))
}

const ORDER: &str = "sales/order.yaml";
const CUSTOMER: &str = "sales/customer.yaml";
const DAILY: &str = "marts/daily.yaml";
const REVISION: &str = "revision: {id: 8, type: int32, from: shop}";

#[test]
fn what_is_retired_before_its_last_day_is_found_on_that_day_only() {
    let going =
        "revision: {id: 8, type: int32, from: shop, status: deprecated, sunset: 2027-06-30}";
    let gone = "revision: {id: 8, type: int32, from: shop, status: retired, sunset: 2027-06-30}";
    let old = plan(&[(ORDER, REVISION, going)]);
    let new = plan(&[(ORDER, REVISION, gone)]);
    let on = |today| {
        let found = compat::diff_on(&old, &new, today);
        let early = found.iter().find(|finding| finding.rule.code == "DCM251");
        early.map(|finding| finding.grade)
    };
    assert_eq!(on(Some(date(2027, 6, 29))), Some(Grade::Error));
    assert_eq!(on(Some(date(2027, 6, 30))), None);
    assert_eq!(on(Some(date(2027, 7, 1))), None);
    assert_eq!(on(None), None, "without a day nothing is said about days");
}

#[test]
fn what_goes_after_its_last_day_was_announced() {
    let going =
        "revision: {id: 8, type: int32, from: shop, status: deprecated, sunset: 2027-06-30}";
    let old = plan(&[(ORDER, REVISION, going)]);
    let gone = [(ORDER, REVISION, "")];
    let compiled = compiled(&gone);
    let new = compiled.plan.unwrap();
    let on = |old: &Plan, today| {
        let found = compat::diff_on(old, &new, today);
        let removed = found.iter().find(|finding| finding.rule.code == "DCW010").unwrap();
        (removed.grade, removed.headline.contains("as announced: its last day was 2027-06-30"))
    };
    assert_eq!(on(&old, Some(date(2027, 6, 29))), (Grade::Error, false));
    assert_eq!(on(&old, Some(date(2027, 6, 30))), (Grade::Warning, true));
    assert_eq!(on(&old, None), (Grade::Error, false), "without a day nothing is said about days");
    let silent = plan(&[]);
    assert_eq!(on(&silent, Some(date(2027, 7, 1))), (Grade::Error, false));
}

/// The grade of a rule's first finding on a day, and whether it says that the removal was announced.
fn removed(old: &Plan, new: &Plan, code: &str, day: jiff::civil::Date) -> (Grade, bool) {
    let found = compat::diff_on(old, new, Some(day));
    let one = found.iter().find(|finding| finding.rule.code == code).unwrap();
    (one.grade, one.headline.contains("as announced: its last day was 2027-06-30"))
}

const GOING: &str = "version: 1.0.0\nstatus: deprecated\nsunset: 2027-06-30";
const COUPON: &str = "
entity: sales.coupon
version: 1.0.0
owner: orders@shop.example
purpose: One row per coupon.
compatibility: full
key: [coupon_id]
key_reuse: never
sources:
  shop: {table: public.coupons}
fields:
  coupon_id: {id: 1, type: int64, from: shop}
  percent: {id: 2, type: int32, from: shop}
sinks:
  lake: {table: ANALYTICS.SALES.COUPONS}
";

#[test]
fn entities_models_and_columns_go_after_their_last_day_unless_somebody_stays() {
    let with = |file: &str, text: Option<&str>| {
        let mut files = common::base();
        match text {
            Some(text) => files.insert(file.to_owned(), text.to_owned()),
            None => files.remove(file),
        };
        let compiled = compile(SourceSet::new(files));
        let found = codes(&compiled);
        compiled.plan.unwrap_or_else(|| panic!("{found:?}"))
    };
    let (early, late) = (date(2027, 6, 29), date(2027, 6, 30));

    let coupon = COUPON.replace("version: 1.0.0", GOING);
    let (old, new) = (with("sales/coupon.yaml", Some(&coupon)), plan(&[]));
    assert_eq!(removed(&old, &new, "DCW001", early), (Grade::Error, false));
    assert_eq!(removed(&old, &new, "DCW001", late), (Grade::Warning, true));
    // Its records in the org are still kept up to date.
    let crm = "  crm:\n    object: Coupon__c\n    external_id: Coupon_Id__c\n    fields:\n      \
               Percent__c: percent\n";
    let old = with("sales/coupon.yaml", Some(&format!("{}{crm}", coupon.trim_start())));
    assert_eq!(removed(&old, &new, "DCW001", late), (Grade::Error, false));

    let (old, new) = (plan(&[(DAILY, "version: 1.0.0", GOING)]), with(DAILY, None));
    assert_eq!(removed(&old, &new, "DCM223", early), (Grade::Error, false));
    assert_eq!(removed(&old, &new, "DCM223", late), (Grade::Warning, true));

    let (column, sum) = ("unit: EUR}\n\nrefresh", ", SUM(o.total) AS total");
    let going = "unit: EUR, status: deprecated, sunset: 2027-06-30}\n\nrefresh";
    let old = plan(&[(DAILY, column, going)]);
    let total = "  total: {id: 3, type: \"decimal(18,2)\", unit: EUR}\n";
    let new = plan(&[(DAILY, total, ""), (DAILY, sum, "")]);
    assert_eq!(removed(&old, &new, "DCM223", early), (Grade::Error, false));
    assert_eq!(removed(&old, &new, "DCM223", late), (Grade::Warning, true));
    // Another type is no removal.
    let new = plan(&[(DAILY, "decimal(18,2)", "decimal(16,2)")]);
    assert_eq!(removed(&old, &new, "DCM223", late), (Grade::Error, false));

    // A model reads the field up to the very change.
    let country = "country: {id: 6, type: string(2), from: shop, pattern: \"^[A-Z]{2}$\"";
    let going = format!("{country}, status: deprecated, sunset: 2027-06-30}}");
    let old = plan(&[(ORDER, &format!("{country}}}"), &going)]);
    let new = plan(&[
        (ORDER, &format!("  {country}}}\n"), ""),
        (DAILY, "key: [day, country]", "key: [day]"),
        (DAILY, "o.country AS country, ", ""),
        (DAILY, "AS DATE), o.country\n", "AS DATE)\n"),
        (DAILY, "  country: {id: 2, type: string(2)}\n", ""),
    ]);
    assert_eq!(removed(&old, &new, "DCW010", late), (Grade::Error, false));
}

/// The column `country` of the model, as an expression over a customer's street, under a declaration.
fn declassified(expr: &str, having: &str, declared: &str) -> Vec<String> {
    let column = format!("{expr} AS country");
    let aggregates = expr.contains("COUNT(") || expr.contains("MAX(");
    let by = if aggregates { String::new() } else { format!(", {expr}") };
    let group = format!("GROUP BY CAST(o.placed_at AS DATE), o.country{by}{having}");
    let ty = if expr.contains("COUNT(") { "int64" } else { "string(200)" };
    let field = format!("country: {{id: 2, type: {ty}, nullable: true, {declared}}}");
    codes(&compiled(&[
        (DAILY, "o.country AS country", &column),
        (DAILY, "GROUP BY CAST(o.placed_at AS DATE), o.country", &group),
        (DAILY, "country: {id: 2, type: string(2)}", &field),
        (DAILY, "key: [day, country]", "key: [day]"),
        (CUSTOMER, "pii: address}", "pii: address, subject: customer_id}"),
    ]))
}

#[test]
fn only_what_is_really_declassified_counts() {
    let none: [&str; 0] = [];
    let enough = "\n  HAVING COUNT(DISTINCT c.customer_id) >= 10";
    let count = "declassify: {by: count, min_group: 10}";
    assert_eq!(declassified("COUNT(c.street)", enough, count), none);
    let more = "\n  HAVING SUM(o.total) > 0 AND COUNT(DISTINCT c.street) > 9";
    assert_eq!(declassified("CAST(COUNT(c.street) AS BIGINT)", more, count), none);
    for (expr, by) in [
        ("LEFT(c.street, 3)", "truncate"),
        ("SUBSTR(c.street, 1, 3)", "truncate"),
        ("SHA2(LOWER(c.street), 256)", "hash"),
        ("SHA256(c.street)", "hash"),
        ("CASE WHEN c.street LIKE 'A%' THEN 'a' ELSE 'other' END", "bucket"),
    ] {
        let by = format!("declassify: {{by: {by}}}");
        assert_eq!(declassified(expr, "", &format!("{by}, pii: device")), none, "{expr}");
        // It is still about somebody.
        assert_eq!(declassified(expr, "", &by), ["CV3019"], "{expr}");
    }
}

#[test]
fn what_hides_nobody_is_refused() {
    let count = "declassify: {by: count, min_group: 10}, pii: address";
    let refused = ["CV3091"];
    // Orders are no persons, too few persons are no crowd, any of two conditions is none.
    for having in [
        "",
        "\n  HAVING COUNT(*) >= 10",
        "\n  HAVING COUNT(DISTINCT o.order_id) >= 10",
        "\n  HAVING COUNT(DISTINCT c.customer_id) >= 9",
        "\n  HAVING COUNT(DISTINCT c.customer_id) >= 10 OR SUM(o.total) > 0",
        "\n  HAVING COUNT(DISTINCT c.customer_id) <= 10",
    ] {
        assert_eq!(declassified("COUNT(c.street)", having, count), refused, "{having}");
    }
    for (expr, by) in [
        ("MAX(c.street)", "hash"),
        ("MD5(c.street)", "hash"),
        ("SHA256(c.street || o.country)", "hash"),
        ("LEFT(c.street, 200)", "truncate"),
        ("SUBSTR(c.street, 2, 3)", "truncate"),
        ("LEFT(c.street, 3)", "hash"),
        ("CASE WHEN c.street LIKE 'A%' THEN c.street ELSE 'other' END", "bucket"),
        // Stored encrypted: the first characters of a ciphertext are nobody's.
        ("LEFT(c.email, 3)", "truncate"),
        ("o.country", "bucket"),
    ] {
        let class = if expr.contains("email") { "contact" } else { "address" };
        let declared = format!("declassify: {{by: {by}}}, pii: {class}");
        assert_eq!(declassified(expr, "", &declared), refused, "{expr}");
    }
}

#[test]
fn what_is_unique_is_a_query_in_both_warehouses() {
    let unique = "revision: {id: 8, type: int32, from: shop, unique: true}";
    let plan = plan(&[
        (ORDER, REVISION, unique),
        (ORDER, "key_reuse: never", "key_reuse: never\nunique: [[placed_at, country]]"),
        (CUSTOMER, "pii: contact}", "pii: contact, unique: true}"),
    ]);
    let mut tree = OutputTree::default();
    duckdb::emit(&plan, &mut tree).unwrap();
    snowflake::emit(&plan, &mut tree).unwrap();
    for target in ["duckdb", "snowflake"] {
        let text = tree.get(&format!("{target}/sales_order/unique.sql")).unwrap();
        assert!(text.contains("'unique(revision)'") && text.contains("UNION ALL"), "{text}");
        assert!(text.contains("'unique(country, placed_at)'"), "{text}");
        let text = tree.get(&format!("{target}/sales_customer/unique.sql")).unwrap();
        assert!(text.contains("GROUP BY email_token"), "protected values by their token: {text}");
    }
}
