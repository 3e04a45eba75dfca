//! The org that every simulator starts from: Account, Contact and User as far as integrations touch them.

use super::org::{FieldDef, FieldKind, NAME_LENGTH, ObjectDef, OnDelete, Org, TEXT_MAX};

/// Length of the two external id fields of the default Account.
const EXTERNAL_ID_LENGTH: u32 = 64;
/// Length of a standard long text field.
const DESCRIPTION_LENGTH: u32 = 32_000;

impl Org {
    /// Account (with a unique and a non-unique external id), Contact and User.
    #[must_use]
    pub fn standard() -> Self {
        Self { objects: vec![account(), contact(), user()] }
    }
}

fn text(name: &str, label: &str, length: u32) -> FieldDef {
    FieldDef::new(name, label, FieldKind::text(length))
}

fn phone(name: &str, label: &str) -> FieldDef {
    FieldDef::new(name, label, FieldKind::Phone { length: 40 })
}

fn picklist(name: &str, label: &str, values: &[&str]) -> FieldDef {
    let values = values.iter().map(|v| (*v).to_owned()).collect();
    FieldDef::new(name, label, FieldKind::Picklist { values, restricted: false })
}

fn description(label: &str) -> FieldDef {
    FieldDef::new("Description", label, FieldKind::LongText { length: DESCRIPTION_LENGTH })
}

fn parent(name: &str, label: &str, to: &str, relationship: &str, on_delete: OnDelete) -> FieldDef {
    let (to, relationship) = (to.to_owned(), relationship.to_owned());
    FieldDef::new(name, label, FieldKind::Reference { to, relationship, on_delete })
}

fn address(prefix: &str) -> [FieldDef; 5] {
    let field = |part: &str, label: &str, kind| {
        FieldDef::new(&format!("{prefix}{part}"), &format!("{prefix} {label}"), kind)
    };
    [
        field("Street", "Street", FieldKind::TextArea { length: TEXT_MAX }),
        field("City", "City", FieldKind::text(40)),
        field("State", "State/Province", FieldKind::text(80)),
        field("PostalCode", "Zip/Postal Code", FieldKind::text(20)),
        field("Country", "Country", FieldKind::text(80)),
    ]
}

fn account() -> ObjectDef {
    let mut object = ObjectDef::new("Account", "Account", "Accounts");
    object.key_prefix = Some("001".to_owned());
    object.fields = vec![
        text("Name", "Account Name", TEXT_MAX).required(),
        picklist("Type", "Account Type", &["Prospect", "Customer - Direct", "Other"]),
        parent("ParentId", "Parent Account ID", "Account", "Parent", OnDelete::SetNull),
        phone("Phone", "Account Phone"),
        phone("Fax", "Account Fax"),
        text("AccountNumber", "Account Number", 40),
        FieldDef::new("Website", "Website", FieldKind::Url { length: TEXT_MAX }),
        picklist("Industry", "Industry", &["Retail", "Manufacturing", "Technology", "Other"]),
        FieldDef::new(
            "AnnualRevenue",
            "Annual Revenue",
            FieldKind::Currency { precision: 18, scale: 0 },
        ),
        FieldDef::new("NumberOfEmployees", "Employees", FieldKind::Int { digits: 8 }),
        picklist("Rating", "Account Rating", &["Hot", "Warm", "Cold"]),
        text("Site", "Account Site", 80),
        description("Account Description"),
        text("External_Id__c", "External Id", EXTERNAL_ID_LENGTH).external(true),
        text("Legacy_Key__c", "Legacy Key", EXTERNAL_ID_LENGTH).external(false),
    ];
    object.fields.extend(address("Billing"));
    object.fields.extend(address("Shipping"));
    object
}

fn contact() -> ObjectDef {
    let mut object = ObjectDef::new("Contact", "Contact", "Contacts");
    object.key_prefix = Some("003".to_owned());
    let mut email = FieldDef::new("Email", "Email", FieldKind::Email { length: 80 });
    email.id_lookup = true;
    object.fields = vec![
        text("LastName", "Last Name", 80).required(),
        text("FirstName", "First Name", 40),
        text("Name", "Full Name", 121).read_only(),
        parent("AccountId", "Account ID", "Account", "Account", OnDelete::Cascade),
        parent("ReportsToId", "Reports To ID", "Contact", "ReportsTo", OnDelete::SetNull),
        email,
        phone("Phone", "Business Phone"),
        phone("MobilePhone", "Mobile Phone"),
        text("Title", "Title", 128),
        text("Department", "Department", 80),
        FieldDef::new("Birthdate", "Birthdate", FieldKind::Date),
        FieldDef::new("HasOptedOutOfEmail", "Email Opt Out", FieldKind::Checkbox),
        description("Contact Description"),
        text("External_Id__c", "External Id", EXTERNAL_ID_LENGTH).external(true),
    ];
    object.fields.extend(address("Mailing"));
    object
}

fn user() -> ObjectDef {
    let mut object = ObjectDef::new("User", "User", "Users");
    object.key_prefix = Some("005".to_owned());
    object.writable = false;
    object.fields = vec![
        text("Username", "Username", NAME_LENGTH).read_only(),
        text("Name", "Full Name", 121).read_only(),
        FieldDef::new("IsActive", "Active", FieldKind::Checkbox).read_only(),
    ];
    object
}
