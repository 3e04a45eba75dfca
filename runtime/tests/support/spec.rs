//! Two entities with Salesforce sinks: customers, and orders that look them up. Groups: `latest`, `ranked`, `max`.

use std::collections::BTreeMap;

use covenant_model::spec::{
    Compatibility, EntityEvolution, EntitySpec, Expectations, FieldEvolution, FieldSpec, GroupSpec,
    KeyChange, KeyReuse, MergeRule, OnDelete, SalesforceField, SalesforceSink,
};
use covenant_model::terms::{DatasetTerms, FieldTerms};
use covenant_model::value::LogicalType;

pub const CUSTOMER: &str = "sales.customer";
pub const ORDER: &str = "sales.order";

fn field(
    id: u32,
    name: &str,
    ty: LogicalType,
    merge: MergeRule,
    group: Option<usize>,
) -> FieldSpec {
    FieldSpec {
        id,
        name: name.to_owned(),
        ty,
        nullable: true,
        optional: false,
        large: false,
        from: BTreeMap::new(),
        merge,
        generation: None,
        transitions: BTreeMap::new(),
        pii: None,
        references: None,
        unit: None,
        min: None,
        max: None,
        pattern: None,
        format: None,
        about: None,
        group,
        terms: FieldTerms::default(),
        subject: None,
        evolution: FieldEvolution::default(),
    }
}

fn entity(name: &str, fields: Vec<FieldSpec>, sink: SalesforceSink) -> EntitySpec {
    let group = |name: &str, rule, field| GroupSpec {
        name: name.to_owned(),
        rule,
        owners: vec!["store".to_owned()],
        fields: vec![field],
    };
    EntitySpec {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        contract_hash: String::new(),
        owner: String::new(),
        purpose: String::new(),
        compatibility: Compatibility::Full,
        key: vec![0],
        key_reuse: KeyReuse::Never,
        key_change: KeyChange::Rekey,
        existence_owner: "store".to_owned(),
        groups: vec![
            group("store", MergeRule::Latest, 1),
            group("status", MergeRule::Ranked, 2),
            group("points", MergeRule::Max, 3),
        ],
        fields,
        sources: BTreeMap::new(),
        warehouse: None,
        salesforce: Some(sink),
        quality: Vec::new(),
        expect: Expectations::default(),
        reserved: Vec::new(),
        terms: DatasetTerms::default(),
        unique: Vec::new(),
        evolution: EntityEvolution::default(),
    }
}

fn fields(first: &str) -> Vec<FieldSpec> {
    let text = || LogicalType::String { max_chars: None };
    vec![
        field(1, "id", text(), MergeRule::Latest, None),
        field(2, first, text(), MergeRule::Latest, Some(0)),
        field(3, "status", text(), MergeRule::Ranked, Some(1)),
        field(4, "points", LogicalType::Int64, MergeRule::Max, Some(2)),
    ]
}

fn sink(object: &str, external_id: &str, on_delete: OnDelete) -> SalesforceSink {
    let plain = |target: &str, source| SalesforceField {
        target: target.to_owned(),
        parent_external_id: None,
        parent_object: None,
        source,
        required: false,
    };
    SalesforceSink {
        system: "salesforce".to_owned(),
        object: object.to_owned(),
        external_id: external_id.to_owned(),
        filter: None,
        on_delete,
        on_leave: on_delete,
        max_removals_percent: 20,
        max_updates_percent: None,
        reveal: None,
        fields: vec![plain("Status__c", 2), plain("Points__c", 3)],
        parents: Vec::new(),
        revision_field: "Covenant_Revision__c".to_owned(),
        deleted_field: "Covenant_Deleted__c".to_owned(),
        adopt: None,
    }
}

pub fn customer(on_delete: OnDelete) -> EntitySpec {
    let mut sink = sink("Account", "Customer_Id__c", on_delete);
    sink.fields.push(SalesforceField {
        target: "Name".to_owned(),
        parent_external_id: None,
        parent_object: None,
        source: 1,
        required: false,
    });
    entity(CUSTOMER, fields("name"), sink)
}

pub fn order(on_delete: OnDelete) -> EntitySpec {
    let mut sink = sink("Order__c", "Order_Id__c", on_delete);
    sink.fields.push(SalesforceField {
        target: "Customer__r".to_owned(),
        parent_external_id: Some("Customer_Id__c".to_owned()),
        parent_object: Some("Account".to_owned()),
        source: 1,
        required: false,
    });
    sink.parents.push(CUSTOMER.to_owned());
    entity(ORDER, fields("customer"), sink)
}
