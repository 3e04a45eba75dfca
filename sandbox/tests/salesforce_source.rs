//! An org from Salesforce source files: what a good folder gives, and how a bad one is refused.

use std::fs;
use std::path::Path;

use covenant_sandbox::salesforce::org::{FieldKind, OnDelete, Org};
use covenant_sandbox::salesforce::schema::Schema;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
const NS: &str = r#"xmlns="http://soap.sforce.com/2006/04/metadata""#;

fn put(dir: &Path, path: &str, root: &str, body: &str) {
    let file = dir.join("main/default/objects").join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("created");
    fs::write(file, format!("{HEAD}\n<{root} {NS}>{body}</{root}>\n")).expect("written");
}

fn field(dir: &Path, object: &str, name: &str, body: &str) {
    let path = format!("{object}/fields/{name}.field-meta.xml");
    let body = format!("<fullName>{name}</fullName><label>{name} label</label>{body}");
    put(dir, &path, "CustomField", &body);
}

fn good(dir: &Path) {
    field(
        dir,
        "Account",
        "Customer_Id__c",
        "<type>Text</type><length>12</length><externalId>true</externalId><unique>true</unique>\
         <caseSensitive>true</caseSensitive>",
    );
    let object = "<label>Order</label><pluralLabel>Orders</pluralLabel>\
        <nameField><label>No.</label><type>AutoNumber</type><displayFormat>O-{0000}</displayFormat></nameField>";
    put(dir, "Order__c/Order__c.object-meta.xml", "CustomObject", object);
    field(
        dir,
        "Order__c",
        "Customer__c",
        "<type>Lookup</type><referenceTo>Account</referenceTo>\
         <relationshipName>Orders</relationshipName><deleteConstraint>Restrict</deleteConstraint>",
    );
    field(
        dir,
        "Order__c",
        "Covenant_Revision__c",
        "<type>Number</type><precision>18</precision><scale>0</scale>",
    );
    field(
        dir,
        "Order__c",
        "Status__c",
        "<type>Picklist</type><valueSet><restricted>true</restricted><valueSetDefinition>\
         <sorted>false</sorted><value><fullName>paid</fullName><default>false</default></value>\
         <value><fullName>sent</fullName><default>false</default></value>\
         </valueSetDefinition></valueSet>",
    );
    put(
        dir,
        "Order__c/validationRules/Revision.validationRule-meta.xml",
        "ValidationRule",
        "<fullName>Revision</fullName><active>true</active><errorConditionFormula>AND(NOT(ISNEW()), \
         Covenant_Revision__c &lt; PRIORVALUE(Covenant_Revision__c))</errorConditionFormula>\
         <errorMessage>Stale delivery.</errorMessage>",
    );
}

#[test]
fn source_is_merged_over_the_standard_org() {
    let dir = tempfile::tempdir().expect("a folder");
    good(dir.path());
    let mut org = Org::standard();
    org.merge_sfdx(dir.path()).expect("merged");
    let schema = Schema::compile(&org).expect("compiled");
    let account = schema.object("account").expect("Account");
    assert!(account.field_ix("Name").is_some(), "standard fields stay");
    let key = account.field(account.field_ix("Customer_Id__c").expect("the new field"));
    assert!(key.external_id && key.unique && key.case_sensitive);
    let order = schema.object("Order__c").expect("Order__c");
    assert_eq!((order.label.as_str(), order.label_plural.as_str()), ("Order", "Orders"));
    assert_eq!(order.key_prefix, "a00");
    let parent = order.field(order.relationship("Customer__r").expect("the parent's name"));
    assert!(matches!(parent.kind, FieldKind::Reference { on_delete: OnDelete::Restrict, .. }));
    let status = order.field(order.field_ix("Status__c").expect("Status__c"));
    let wanted = vec!["paid".to_owned(), "sent".to_owned()];
    assert_eq!(status.kind, FieldKind::Picklist { values: wanted, restricted: true });
    let name = order.field(order.field_ix("Name").expect("Name"));
    assert_eq!(name.kind, FieldKind::AutoNumber { format: "O-{0000}".to_owned() });
    assert_eq!(order.rules[0].def.message, "Stale delivery.");
    let text = serde_json::to_string(&org).expect("JSON");
    assert_eq!(serde_json::from_str::<Org>(&text).expect("an org"), org, "an org is plain data");
}

#[test]
fn a_bad_folder_is_refused_with_the_file_and_the_reason() {
    let refused = |bad: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().expect("a folder");
        good(dir.path());
        bad(dir.path());
        let mut org = Org::standard();
        match org.merge_sfdx(dir.path()) {
            Err(error) => error.to_string(),
            Ok(()) => Schema::compile(&org).expect_err("refused").to_string(),
        }
    };
    let with = |body: &'static str| refused(&move |dir| field(dir, "Order__c", "Bad__c", body));
    for (why, wanted) in [
        (with("<type>Text</type>"), "<length> is missing"),
        (with("<type>Text</type><length>many</length>"), "<length> is no number: many"),
        (with("<type>Text</type><length>256</length>"), "1 to 255"),
        (with("<type>Location</type>"), "type Location are not simulated"),
        (with("<type>Lookup</type><referenceTo>Nope__c</referenceTo>"), "refers to Nope__c"),
        (with("<type>Number</type><precision>19</precision><scale>0</scale>"), "precision must be"),
        (with("<type>Text</type><length>5<length>"), "Bad__c.field-meta.xml"),
    ] {
        assert!(why.contains(wanted), "{wanted} in {why}");
    }
    let rule = refused(&|dir| {
        put(
            dir,
            "Order__c/validationRules/R.validationRule-meta.xml",
            "ValidationRule",
            "<fullName>R</fullName><active>true</active><errorMessage>x</errorMessage>\
             <errorConditionFormula>Nope__c = 1</errorConditionFormula>",
        );
    });
    assert_eq!(rule, "validation rule Order__c.R: no field Nope__c");
    let nowhere = tempfile::tempdir().expect("a folder");
    let error = Org::standard().merge_sfdx(nowhere.path()).expect_err("refused");
    assert!(error.to_string().contains("main/default/objects"), "{error}");
}
