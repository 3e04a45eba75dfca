//! Mappings against an org's describes: one case per mismatch. A case changes one thing of an org, or of the contracts, that
//! fit each other, and says which findings must follow; the whole text is a snapshot.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use covenant_compiler::diagnostic::human;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{Compiled, compile};
use serde_json::{Value, json};

/// The org's pages.
const HOST: &str = "shop.my.salesforce.com";

/// Contracts and the describes beside them.
struct World {
    files: BTreeMap<String, String>,
    objects: BTreeMap<&'static str, Value>,
}

fn field(name: &str, kind: &str, more: Value) -> Value {
    let mut field = json!({
        "name": name, "label": name.replace('_', " "), "type": kind,
        "length": 0, "precision": 0, "scale": 0, "digits": 0,
        "createable": true, "updateable": true, "calculated": false, "nillable": true,
        "defaultedOnCreate": false, "externalId": false, "idLookup": false, "unique": false,
        "caseSensitive": false, "filterable": true, "restrictedPicklist": false, "autoNumber": false,
        "permissionable": true, "picklistValues": [], "referenceTo": [], "relationshipName": null,
        "compoundFieldName": null
    });
    for (key, value) in more.as_object().unwrap() {
        field[key] = value.clone();
    }
    field
}

fn picklist(name: &str, values: &[&str]) -> Value {
    let values: Vec<Value> = values
        .iter()
        .map(|value| json!({"active": true, "value": value, "label": value}))
        .collect();
    field(
        name,
        "picklist",
        json!({"length": 255, "restrictedPicklist": true, "picklistValues": values}),
    )
}

fn object(name: &str, own: Vec<Value>) -> Value {
    let key = json!({
        "length": 36, "externalId": true, "idLookup": true, "unique": true, "caseSensitive": true
    });
    let fixed = json!({"length": 18, "createable": false, "updateable": false, "nillable": false});
    let mut fields = vec![
        field("Id", "id", fixed),
        field("SystemModstamp", "datetime", json!({"createable": false, "updateable": false})),
        field("Covenant_Revision__c", "double", json!({"precision": 18})),
        field("Covenant_Deleted__c", "boolean", json!({"nillable": false})),
        field(if name == "Account" { "Customer_Id__c" } else { "Order_Id__c" }, "string", key),
    ];
    fields.extend(own);
    let at = format!("/services/data/v60.0/sobjects/{name}");
    json!({
        "name": name, "label": name, "createable": true, "updateable": true, "deletable": true,
        "queryable": true, "customSetting": false, "fields": fields,
        "urls": {"sobject": at, "uiDetailTemplate": format!("https://{HOST}/{{ID}}")}
    })
}

impl World {
    fn new() -> Self {
        let mut files = common::base();
        let project = files.get_mut("project.yaml").unwrap();
        *project =
            project.replace("share: 25%", &format!("share: 25%, describe: crm, org: {HOST}"));
        let account = vec![
            field("Name", "string", json!({"length": 255, "nillable": false})),
            field("Email__c", "string", json!({"length": 254})),
            field(
                "BillingStreet",
                "textarea",
                json!({"length": 255, "compoundFieldName": "BillingAddress"}),
            ),
            picklist("Tier__c", &["bronze", "silver", "gold"]),
        ];
        let parent =
            json!({"length": 18, "referenceTo": ["Account"], "relationshipName": "Customer__r"});
        let order = vec![
            picklist("Status__c", &["placed", "paid", "shipped", "cancelled"]),
            field("Total__c", "double", json!({"precision": 12, "scale": 2})),
            field("Customer__c", "reference", parent),
        ];
        let objects =
            [("Account", object("Account", account)), ("Order__c", object("Order__c", order))];
        Self { files, objects: objects.into() }
    }

    /// Sets an attribute of a field.
    fn set(&mut self, object: &str, name: &str, attribute: &str, value: Value) {
        let fields = self.objects.get_mut(object).unwrap()["fields"].as_array_mut().unwrap();
        let field = fields.iter_mut().find(|field| field["name"] == name).unwrap();
        assert!(field.get(attribute).is_some_and(|old| *old != value), "{name}.{attribute}");
        field[attribute] = value;
    }

    fn drop(&mut self, object: &str, name: &str) {
        let fields = self.objects.get_mut(object).unwrap()["fields"].as_array_mut().unwrap();
        let before = fields.len();
        fields.retain(|field| field["name"] != name);
        assert_eq!(fields.len() + 1, before, "{name}");
    }

    fn edit(&mut self, file: &str, from: &str, to: &str) {
        let text = self.files.get_mut(file).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        *text = text.replace(from, to);
    }

    fn compile(&self) -> Compiled {
        let mut files: Vec<(String, String)> = self.files.clone().into_iter().collect();
        for (name, object) in &self.objects {
            let text = serde_json::to_string_pretty(object).unwrap();
            files.push((format!("crm/{name}.describe.json"), text));
        }
        compile(SourceSet::new(files))
    }
}

fn codes(compiled: &Compiled) -> Vec<String> {
    let found: BTreeSet<String> =
        compiled.diagnostics.iter().map(|one| one.code.to_string()).collect();
    found.into_iter().collect()
}

#[test]
fn what_fits_is_not_reported() {
    let compiled = World::new().compile();
    assert_eq!(human::render(&compiled.diagnostics, &compiled.sources), "");
    let grants = compiled.plan.unwrap().grants;
    let account: Vec<(&str, bool)> =
        grants["Account"].iter().map(|(name, written)| (name.as_str(), *written)).collect();
    assert_eq!(account, [("BillingAddress", true), ("Name", true)]);
}

type Case = (&'static str, &'static str, fn(&mut World));

/// Name, code, change.
const CASES: &[Case] = &[
    ("standard_field_absent", "CV3125", |w| w.drop("Account", "BillingStreet")),
    ("custom_field_absent", "CV3126", |w| w.drop("Account", "Email__c")),
    ("custom_field_misspelt", "CV3126", |w| {
        w.edit("sales/customer.yaml", "Email__c: email", "Emial__c: email")
    }),
    ("read_field_absent", "CV3126", |w| w.drop("Account", "Tier__c")),
    ("revision_absent", "CV3126", |w| w.drop("Order__c", "Covenant_Revision__c")),
    ("external_id_absent", "CV3126", |w| w.drop("Order__c", "Order_Id__c")),
    ("relationship_absent", "CV3126", |w| w.drop("Order__c", "Customer__c")),
    ("modstamp_absent", "CV3125", |w| w.drop("Account", "SystemModstamp")),
    ("custom_object_absent", "CV3126", |w| drop(w.objects.remove("Order__c"))),
    ("standard_object_absent", "CV3123", |w| drop(w.objects.remove("Account"))),
    ("text_too_long", "CV3129", |w| w.set("Account", "Name", "length", json!(40))),
    ("widened_digits", "CV3126", |w| w.set("Order__c", "Total__c", "precision", json!(8))),
    ("too_few_digits", "CV3129", |w| {
        w.set("Order__c", "Total__c", "type", json!("currency"));
        w.set("Order__c", "Total__c", "precision", json!(8));
    }),
    ("too_few_decimals", "CV3129", |w| {
        w.set("Order__c", "Total__c", "type", json!("percent"));
        w.set("Order__c", "Total__c", "precision", json!(18));
        w.set("Order__c", "Total__c", "scale", json!(0));
    }),
    ("revision_too_small", "CV3129", |w| {
        w.set("Account", "Covenant_Revision__c", "precision", json!(9))
    }),
    ("another_type", "CV3128", |w| w.set("Order__c", "Total__c", "type", json!("string"))),
    ("no_email", "CV3128", |w| w.set("Account", "Email__c", "type", json!("email"))),
    ("flag_is_a_text", "CV3128", |w| {
        w.set("Account", "Covenant_Deleted__c", "type", json!("string"))
    }),
    ("type_of_a_later_version", "CV3128", |w| {
        w.set("Order__c", "Total__c", "type", json!("hologram"))
    }),
    ("widened_picklist", "CV3126", |w| {
        w.set(
            "Order__c",
            "Status__c",
            "picklistValues",
            json!([{"active": true, "value": "placed"}]),
        )
    }),
    ("value_inactive", "CV3130", |w| {
        w.set("Order__c", "Status__c", "name", json!("Status"));
        w.edit("sales/order.yaml", "Status__c: status", "Status: status");
        w.set(
            "Order__c",
            "Status",
            "picklistValues",
            json!([
                {"active": true, "value": "placed"}, {"active": true, "value": "paid"},
                {"active": true, "value": "shipped"}, {"active": false, "value": "cancelled"}
            ]),
        );
    }),
    ("computed", "CV3127", |w| {
        w.set("Account", "Name", "calculated", json!(true));
        w.set("Account", "Name", "createable", json!(false));
        w.set("Account", "Name", "updateable", json!(false));
    }),
    ("read_only", "CV3127", |w| {
        w.set("Order__c", "Total__c", "createable", json!(false));
        w.set("Order__c", "Total__c", "updateable", json!(false));
    }),
    ("parent_for_good", "CV3127", |w| w.set("Order__c", "Customer__c", "updateable", json!(false))),
    ("object_read_only", "CV3127", |w| {
        w.objects.get_mut("Order__c").unwrap()["createable"] = json!(false)
    }),
    ("custom_setting", "CV3127", |w| {
        w.objects.get_mut("Order__c").unwrap()["customSetting"] = json!(true)
    }),
    ("id_not_external", "CV3131", |w| {
        w.set("Account", "Customer_Id__c", "externalId", json!(false))
    }),
    ("id_not_unique", "CV3131", |w| w.set("Account", "Customer_Id__c", "unique", json!(false))),
    ("id_ignores_case", "CV3131", |w| {
        w.set("Account", "Customer_Id__c", "caseSensitive", json!(false))
    }),
    ("id_too_short", "CV3131", |w| w.set("Order__c", "Order_Id__c", "length", json!(18))),
    ("not_fed", "CV3132", |w| {
        let more = field("Region__c", "string", json!({"length": 9, "nillable": false}));
        w.objects.get_mut("Order__c").unwrap()["fields"].as_array_mut().unwrap().push(more);
    }),
    ("may_be_missing", "CV3132", |w| w.set("Account", "BillingStreet", "nillable", json!(false))),
    ("lookup_elsewhere", "CV3133", |w| {
        w.set("Order__c", "Customer__c", "referenceTo", json!(["Contact"]))
    }),
    ("tells_other_values", "CV3134", |w| {
        w.set(
            "Account",
            "Tier__c",
            "picklistValues",
            json!([{"active": true, "value": "platinum"}]),
        )
    }),
    ("tells_any_value", "CV3134", |w| {
        w.set("Account", "Tier__c", "restrictedPicklist", json!(false))
    }),
    ("version", "CV3121", |w| {
        w.objects.get_mut("Account").unwrap()["urls"]["sobject"] =
            json!("/services/data/v48.0/sobjects/Account")
    }),
    ("org", "CV3122", |w| {
        w.objects.get_mut("Account").unwrap()["urls"]["uiDetailTemplate"] =
            json!("https://other.my.salesforce.com/{ID}")
    }),
    ("other_object", "CV3120", |w| w.objects.get_mut("Order__c").unwrap()["name"] = json!("Order")),
    ("list_of_objects", "CV3120", |w| {
        *w.objects.get_mut("Account").unwrap() = json!({"encoding": "UTF-8", "sobjects": []})
    }),
    ("refused_by_the_api", "CV3120", |w| {
        *w.objects.get_mut("Account").unwrap() =
            json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])
    }),
    ("cut", "CV3120", |w| {
        *w.objects.get_mut("Account").unwrap() =
            json!({"name": "Account", "fields": [{"name": "Id", "type": "id"}]})
    }),
    ("unasked", "CV3124", |w| {
        w.edit("project.yaml", "describe: crm, ", "");
        w.objects.remove("Order__c");
    }),
    ("empty_folder", "CV3123", |w| {
        w.edit("project.yaml", "describe: crm", "describe: orgs");
        w.objects.clear();
    }),
];

#[test]
fn every_mismatch_is_one_finding_with_both_places() {
    let mut wrong = Vec::new();
    for (name, code, change) in CASES {
        let mut world = World::new();
        change(&mut world);
        let compiled = world.compile();
        let text = human::render(&compiled.diagnostics, &compiled.sources);
        if codes(&compiled) != [*code] || compiled.diagnostics.iter().count() != 1 {
            wrong
                .push(format!("{name}: expected one {code}, found {:?}\n{text}", codes(&compiled)));
            continue;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/org");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(*name, text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bytes_that_are_no_json_are_placed() {
    let mut world = World::new();
    world.objects.remove("Account");
    world
        .files
        .insert("crm/Account.describe.json".to_owned(), "{\n  \"name\": Account\n}".to_owned());
    let compiled = world.compile();
    let one: Vec<_> = compiled.diagnostics.iter().collect();
    assert_eq!(codes(&compiled), ["CV3120"]);
    assert!(one[0].headline.contains("line 2, column 11"), "{}", one[0].headline);
}

#[test]
fn the_envelope_of_the_command_line_tool_is_opened() {
    let mut world = World::new();
    for object in world.objects.values_mut() {
        *object = json!({"status": 0, "result": object.clone(), "warnings": []});
    }
    let compiled = world.compile();
    assert_eq!(human::render(&compiled.diagnostics, &compiled.sources), "");
}

/// The body of a recorded answer of a real org, where the recordings are at hand.
fn recorded(object: &str) -> Option<String> {
    let shared = std::env::var_os("COVENANT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        std::path::PathBuf::from,
    );
    let path =
        shared.join(format!("salesforce/cumulusci_cassettes/GET_sobjects_{object}_describe.yaml"));
    let text = std::fs::read_to_string(path).ok()?;
    let recording: Value = serde_saphyr::from_str(&text).unwrap();
    Some(recording["response"]["body"]["string"].as_str().unwrap().to_owned())
}

#[test]
fn mappings_are_held_against_a_real_orgs_answer() {
    let Some(account) = recorded("Account") else {
        eprintln!("SKIP: no recorded describes below COVENANT_SHARED or ../shared");
        return;
    };
    let mut world = World::new();
    let with = |world: &World| {
        let mut files: Vec<(String, String)> = world.files.clone().into_iter().collect();
        files.push(("crm/Account.describe.json".to_owned(), account.clone()));
        let order = serde_json::to_string(&world.objects["Order__c"]).unwrap();
        files.push(("crm/Order__c.describe.json".to_owned(), order));
        compile(SourceSet::new(files))
    };
    // another org, and another version
    assert_eq!(codes(&with(&world)), ["CV3122"]);
    world.edit("project.yaml", HOST, "data-platform-9432-dev-ed.cs40.my.salesforce.com");
    let order = world.objects.get_mut("Order__c").unwrap();
    order["urls"]["uiDetailTemplate"] =
        json!("https://data-platform-9432-dev-ed.cs40.my.salesforce.com/{ID}");
    assert_eq!(codes(&with(&world)), ["CV3121"]);
    world.edit("project.yaml", "\"60.0\"", "\"48.0\"");
    let order = world.objects.get_mut("Order__c").unwrap();
    order["urls"]["sobject"] = json!("/services/data/v48.0/sobjects/Order__c");
    // the metadata is not deployed there: what it creates is missing, and nothing else
    let compiled = with(&world);
    let text = human::render(&compiled.diagnostics, &compiled.sources);
    assert_eq!(codes(&compiled), ["CV3126"], "{text}");
    assert_eq!(compiled.diagnostics.iter().count(), 5, "{text}");
    // real lengths: a city has 40 characters there, a street 255
    world.edit("sales/customer.yaml", "BillingStreet: street", "BillingCity: street");
    let compiled = with(&world);
    let found = compiled.diagnostics.iter().find(|one| one.code.number == 3129).unwrap();
    assert_eq!(found.headline, "`BillingCity` holds 40 characters, and `street` may have 200");
    // a formula, a part of the whole, and what Salesforce fills
    for (there, code) in [("BillingAddress", 3127), ("LastActivityDate", 3127), ("Nmae", 3125)] {
        world.edit("sales/customer.yaml", "BillingCity: street", &format!("{there}: street"));
        let compiled = with(&world);
        assert!(compiled.diagnostics.iter().any(|one| one.code.number == code), "{there}");
        world.edit("sales/customer.yaml", &format!("{there}: street"), "BillingCity: street");
    }
}

impl World {
    /// Writes contracts and describes below a folder.
    fn write(&self, project: &common::Project, folder: &str) {
        for (path, text) in &self.files {
            project.write(&format!("{folder}/{path}"), text);
        }
        for (name, object) in &self.objects {
            let text = serde_json::to_string_pretty(object).unwrap();
            project.write(&format!("{folder}/crm/{name}.describe.json"), text);
        }
    }
}

/// The contracts stay as they are, and the org changes: what `diff` says, and its exit code.
#[test]
fn an_org_that_changes_alone_is_told_by_a_diff() {
    let alone = |(_, _, change): &&Case| {
        let mut world = World::new();
        change(&mut world);
        world.files == World::new().files
    };
    let project = common::Project::new();
    World::new().write(&project, "released");
    World::new().write(&project, "contracts");
    let diff = ["diff", "--against", "released", "--format", "json"];
    let same = project.run(&diff);
    assert_eq!((same.code(), same.codes()), (0, Vec::new()), "{}", same.said());
    let mut wrong = Vec::new();
    for (name, code, change) in CASES.iter().filter(alone) {
        let project = common::Project::new();
        World::new().write(&project, "released");
        let mut world = World::new();
        change(&mut world);
        world.write(&project, "contracts");
        let ran = project.run(&diff);
        // what deploying the generated metadata mends is a warning, and all others stop the diff
        let exit = i32::from(*code != "CV3126");
        if ran.codes() != [*code] || ran.code() != exit {
            wrong.push(format!(
                "{name}: {code}, exit {}: {:?} {}",
                ran.code(),
                ran.codes(),
                ran.said()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // what the old describes lacked already is no change
    let project = common::Project::new();
    let mut world = World::new();
    world.drop("Account", "Email__c");
    world.write(&project, "released");
    world.set("Account", "Name", "length", json!(256));
    world.write(&project, "contracts");
    let same = project.run(&diff);
    assert_eq!((same.code(), same.codes()), (0, Vec::new()), "{}", same.said());
}
