//! The odd inputs, each made in a project that holds together.

use super::common::Project;

/// An odd input, and what is said of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Makes it; `false` where this machine or user cannot.
    pub(crate) make: fn(&Project) -> bool,
    pub(crate) exit: i32,
    /// `code file:line` of each finding.
    pub(crate) expect: &'static [&'static str],
    /// Findings about contracts that are not compared, where it is the old side.
    pub(crate) lost: usize,
    /// Whether the orders are compared then.
    pub(crate) compared: bool,
}

const ORDER: &str = "contracts/sales/order.yaml";
const CUSTOMER: &str = "contracts/sales/customer.yaml";
const DAILY: &str = "contracts/marts/daily.yaml";
const PROJECT: &str = "contracts/project.yaml";
/// A file beside the others.
const INPUT: &str = "contracts/input.yaml";
/// Deeper than any parser should follow.
const DEEP: usize = 10_000;

const fn case(
    name: &'static str,
    make: fn(&Project) -> bool,
    expect: &'static [&'static str],
) -> Case {
    Case { name, make, exit: 1, expect, lost: 1, compared: true }
}

/// What is wrong with the orders takes their comparison away.
const fn order(
    name: &'static str,
    make: fn(&Project) -> bool,
    expect: &'static [&'static str],
) -> Case {
    Case { name, make, exit: 1, expect, lost: 1, compared: false }
}

const fn unread(
    name: &'static str,
    make: fn(&Project) -> bool,
    expect: &'static [&'static str],
) -> Case {
    Case { name, make, exit: 2, expect, lost: 1, compared: true }
}

fn write(project: &Project, path: &str, text: impl AsRef<[u8]>) -> bool {
    project.write(path, text);
    true
}

fn edit(project: &Project, path: &str, from: &str, to: &str) -> bool {
    project.edit(path, from, to);
    true
}

#[cfg(unix)]
fn link(project: &Project, to: &str, path: &str) -> bool {
    std::os::unix::fs::symlink(to, project.path(path)).is_ok()
}

#[cfg(not(unix))]
fn link(_: &Project, _: &str, _: &str) -> bool {
    false
}

/// Takes the right to read away; `false` where the user reads everything all the same.
#[cfg(unix)]
fn forbid(project: &Project, path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let path = project.path(path);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
    std::fs::File::open(path).is_err()
}

#[cfg(not(unix))]
fn forbid(_: &Project, _: &str) -> bool {
    false
}

fn without(project: &Project, path: &str) {
    std::fs::remove_file(project.path(path)).unwrap();
}

/// Another model with a query.
fn model(project: &Project, name: &str, query: &str) -> bool {
    let text = format!(
        "model: marts.{name}\nversion: 1.0.0\nowner: reports@shop.example\npurpose: Odd.\n\
         compatibility: backward\nkey: [day]\nquery: |\n  {query}\nfields:\n  day: {{id: 1, type: date}}\n\
         refresh: {{every: 5m}}\nsinks:\n  lake: {{table: ANALYTICS.MARTS.{}}}\n",
        name.to_uppercase()
    );
    write(project, &format!("contracts/marts/{name}.yaml"), text)
}

fn rule(project: &Project, expect: &str) -> bool {
    edit(project, ORDER, "expect: tax <= total", &format!("expect: \"{expect}\""))
}

fn aliases(project: &Project) -> bool {
    let mut bomb = String::from("entity: sales.bomb\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    write(project, INPUT, bomb)
}

fn pipe(project: &Project) -> bool {
    let made = std::process::Command::new("mkfifo").arg(project.path(INPUT)).status();
    made.is_ok_and(|status| status.success())
}

/// What is broken, and what it comes to.
pub(crate) const CASES: &[Case] = &[
    // What contracts claim.
    order(
        "two contracts claim one entity",
        |at| write(at, INPUT, at.read(ORDER)),
        &["CV1018 contracts/sales/order.yaml:1"],
    ),
    order(
        "an id is used twice",
        |at| edit(at, ORDER, "revision: {id: 8", "revision: {id: 7"),
        &["CV3012 contracts/sales/order.yaml:29"],
    ),
    order(
        "the id of a removed field is used again",
        |at| edit(at, ORDER, "quality:\n", "reserved: [{id: 8, name: legacy}]\nquality:\n"),
        &["CV3014 contracts/sales/order.yaml:29"],
    ),
    case(
        "a model reads itself",
        |at| model(at, "egg", "SELECT m.day AS day FROM marts.egg AS m"),
        &["CV5001 contracts/marts/egg.yaml:1"],
    ),
    case(
        "models read each other",
        |at| {
            model(at, "egg", "SELECT m.day AS day FROM marts.hen AS m")
                && model(at, "hen", "SELECT m.day AS day FROM marts.egg AS m")
        },
        &["CV5001 contracts/marts/egg.yaml:1"],
    ),
    case(
        "two tables differ in case only",
        |at| edit(at, DAILY, "ANALYTICS.MARTS.DAILY", "analytics.Sales.Orders"),
        &["CV3022 contracts/marts/daily.yaml:23"],
    ),
    order(
        "two fields differ in case only",
        |at| edit(at, ORDER, "  revision: {id: 8", "  TAX: {id: 8"),
        &["CV1009 contracts/sales/order.yaml:29"],
    ),
    case(
        "waivers that are not YAML",
        |at| write(at, "contracts/waivers.yaml", "waivers:\n  - {fingerprint: [\n"),
        &["CV1001 contracts/waivers.yaml:2"],
    ),
    case(
        "waivers that are no list",
        |at| write(at, "contracts/waivers.yaml", "waivers: all\n"),
        &["CV1006 contracts/waivers.yaml:1"],
    ),
    case(
        "a waiver without its end",
        |at| {
            let text = "waivers:\n  - fingerprint: 0123456789ab\n    code: DCW054\n    \
                        reason: decided\n    owner: orders@shop.example\n";
            write(at, "contracts/waivers.yaml", text)
        },
        &["CV1005 contracts/waivers.yaml:2"],
    ),
    // Too much of something.
    case(
        "a file of 50 MB",
        |at| write(at, INPUT, format!("entity: sales.huge\n# {}\n", "x".repeat(50 << 20))),
        &["CV1014 contracts/input.yaml:1"],
    ),
    case(
        "lists in lists",
        |at| write(at, INPUT, format!("entity: {}\n", "[".repeat(DEEP))),
        &["CV1015 contracts/input.yaml:1"],
    ),
    case(
        "maps in maps",
        |at| write(at, INPUT, format!("entity: {}\n", "{a: ".repeat(DEEP))),
        &["CV1015 contracts/input.yaml:1"],
    ),
    case(
        "items in items",
        |at| write(at, INPUT, format!("entity: sales.deep\nfields:\n  {}x\n", "- ".repeat(DEEP))),
        &["CV1015 contracts/input.yaml:3"],
    ),
    case("aliases that multiply", aliases, &["CV1002 contracts/input.yaml:2"]),
    order(
        "a rule of countless brackets",
        |at| rule(at, &format!("{}tax <= total{}", "(".repeat(DEEP), ")".repeat(DEEP))),
        &["CV2011 contracts/sales/order.yaml:34"],
    ),
    order(
        "a rule of countless terms",
        |at| rule(at, &format!("tax{} <= total", " + tax".repeat(10 * DEEP))),
        &["CV2011 contracts/sales/order.yaml:34"],
    ),
    order(
        "a rule that is long and fine but for its type",
        |at| rule(at, &format!("tax <= total{}", " AND tax <= total".repeat(3 * DEEP))),
        &["CV2011 contracts/sales/order.yaml:34"],
    ),
    order(
        "a rule of countless denials",
        |at| rule(at, &format!("{}tax <= total", "NOT ".repeat(DEEP))),
        &["CV2011 contracts/sales/order.yaml:34"],
    ),
    case(
        "a query of countless brackets",
        |at| model(at, "egg", &format!("{}SELECT 1{}", "(".repeat(DEEP), ")".repeat(DEEP))),
        &["CV2013 contracts/marts/egg.yaml:8"],
    ),
    case(
        "a query of countless terms",
        |at| {
            model(
                at,
                "egg",
                &format!("SELECT 1{} AS day FROM sales.order AS o", " + 1".repeat(10 * DEEP)),
            )
        },
        &["CV2013 contracts/marts/egg.yaml:8"],
    ),
    case(
        "a query of countless parts",
        |at| {
            let one = "SELECT CAST(o.placed_at AS DATE) AS day FROM sales.order AS o";
            model(at, "egg", &[one].repeat(DEEP).join(" UNION ALL "))
        },
        &["CV2013 contracts/marts/egg.yaml:8"],
    ),
    order(
        "a pattern of countless brackets",
        |at| edit(at, ORDER, "^[A-Z]{2}$", &format!("{}a{}", "(".repeat(DEEP), ")".repeat(DEEP))),
        &["CV3039 contracts/sales/order.yaml:27"],
    ),
    // What is no contract at all.
    unread(
        "bytes that are no text",
        |at| write(at, INPUT, b"# one\nentity: sales.caf\xE9\n"),
        &["CV0005 contracts/input.yaml:2"],
    ),
    unread(
        "text of another encoding",
        |at| write(at, INPUT, b"\xFF\xFEe\0n\0t\0"),
        &["CV0005 contracts/input.yaml:1"],
    ),
    unread(
        "the project is no text",
        |at| write(at, PROJECT, b"project: shop\npurpose: \xC3\x28\n"),
        &["CV0005 contracts/project.yaml:2"],
    ),
    unread(
        "an entity that others refer to is no text",
        |at| write(at, CUSTOMER, b"entity: sales.customer\nowner: \xFF\n"),
        &["CV0005 contracts/sales/customer.yaml:2"],
    ),
    unread(
        "a file that may not be read",
        |at| forbid(at, CUSTOMER),
        &["CV0001 contracts/sales/customer.yaml:1"],
    ),
    unread(
        "a folder that may not be read",
        |at| {
            at.write("contracts/more/x.yaml", "");
            forbid(at, "contracts/more")
        },
        &["CV0001 contracts/more:1"],
    ),
    unread(
        "an entity that others refer to leads nowhere",
        |at| {
            without(at, CUSTOMER);
            link(at, "nowhere.yaml", CUSTOMER)
        },
        &["CV0001 contracts/sales/customer.yaml:1"],
    ),
    unread(
        "the project leads to itself",
        |at| {
            without(at, PROJECT);
            link(at, "project.yaml", PROJECT)
        },
        &["CV0001 contracts/project.yaml:1"],
    ),
    unread(
        "a folder that leads to itself",
        |at| link(at, ".", "contracts/loop"),
        &["CV0001 contracts/loop:1"],
    ),
    Case {
        name: "folders that lead to each other",
        make: |at| {
            at.write("contracts/a/readme.md", "");
            at.write("contracts/b/readme.md", "");
            link(at, "../b", "contracts/a/b") && link(at, "../a", "contracts/b/a")
        },
        exit: 2,
        expect: &["CV0001 contracts/a/b/a:1", "CV0001 contracts/b/a/b:1"],
        lost: 2,
        compared: true,
    },
    unread(
        "folders without end",
        |at| write(at, &format!("contracts/{}x.yaml", "a/".repeat(20)), ""),
        &["CV0001 contracts/a/a/a/a/a/a/a/a/a:1"],
    ),
    unread(
        "a folder with the name of a contract",
        |at| write(at, "contracts/sales/x.yaml/readme.md", ""),
        &["CV0001 contracts/sales/x.yaml:1"],
    ),
    unread("a pipe with the name of a contract", pipe, &["CV0001 contracts/input.yaml:1"]),
    case("an empty file", |at| write(at, INPUT, ""), &["CV1016 contracts/input.yaml:1"]),
    case(
        "a file of comments",
        |at| write(at, INPUT, "# later\n"),
        &["CV1016 contracts/input.yaml:1"],
    ),
];
