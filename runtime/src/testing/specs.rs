//! The small shop's contracts, as the compiler would plan them.

use std::collections::BTreeMap;

use covenant_model::expr::{Comparison, Expr};
use covenant_model::spec::{
    Compatibility, EntityEvolution, EntitySpec, Expectations, FieldEvolution, FieldIx, FieldSpec,
    GroupSpec, KeyChange, KeyReuse, MergeRule, OnFail, PiiSpec, Protection, QualityRule,
    SourceSpec, UnknownMembers,
};
use covenant_model::terms::{DatasetTerms, FieldTerms};
use covenant_model::value::LogicalType;

const STORE: &str = "store";
const EVENTS: &str = "events";
const SALESFORCE: &str = "salesforce";

/// States of an order, lowest first.
const STATES: [&str; 4] = ["placed", "paid", "shipped", "delivered"];

fn states() -> LogicalType {
    LogicalType::Enum { symbols: STATES.map(str::to_owned).to_vec() }
}

fn text(max: u32) -> LogicalType {
    LogicalType::String { max_chars: Some(max) }
}

fn field(id: u32, name: &str, ty: LogicalType, from: &[&str], group: Option<usize>) -> FieldSpec {
    FieldSpec {
        id,
        name: name.to_owned(),
        ty,
        nullable: false,
        optional: false,
        large: false,
        from: from.iter().map(|source| ((*source).to_owned(), name.to_owned())).collect(),
        merge: MergeRule::Latest,
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

fn nullable(field: FieldSpec) -> FieldSpec {
    FieldSpec { nullable: true, ..field }
}

fn pii(field: FieldSpec, class: &str, protect: Protection) -> FieldSpec {
    FieldSpec { pii: Some(PiiSpec { class: class.to_owned(), protect }), ..field }
}

fn group(name: &str, rule: MergeRule, owners: &[&str], fields: &[FieldIx]) -> GroupSpec {
    GroupSpec {
        name: name.to_owned(),
        rule,
        owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
        fields: fields.to_vec(),
    }
}

fn table(name: &str) -> (String, SourceSpec) {
    let source = SourceSpec::Postgres {
        system: STORE.to_owned(),
        schema: "public".to_owned(),
        table: name.to_owned(),
        filter: None,
    };
    (STORE.to_owned(), source)
}

fn stream() -> (String, SourceSpec) {
    let source = SourceSpec::Stream {
        system: EVENTS.to_owned(),
        stream: "order-events".to_owned(),
        event_id: "event_id".to_owned(),
        order: Some("sequence".to_owned()),
        occurred_at: "occurred_at".to_owned(),
        unknown: UnknownMembers::default(),
    };
    (EVENTS.to_owned(), source)
}

fn entity(
    name: &str,
    fields: Vec<FieldSpec>,
    groups: Vec<GroupSpec>,
    sources: Vec<(String, SourceSpec)>,
) -> EntitySpec {
    EntitySpec {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        contract_hash: format!("hash-of-{name}"),
        owner: "tests@example.com".to_owned(),
        purpose: "A test.".to_owned(),
        compatibility: Compatibility::Full,
        key: vec![0],
        key_reuse: KeyReuse::Never,
        key_change: KeyChange::Reject,
        existence_owner: STORE.to_owned(),
        fields,
        groups,
        sources: sources.into_iter().collect(),
        warehouse: None,
        salesforce: None,
        quality: Vec::new(),
        expect: Expectations::default(),
        reserved: Vec::new(),
        terms: DatasetTerms::default(),
        unique: Vec::new(),
        evolution: EntityEvolution::default(),
    }
}

/// `shop.order`: two owners of a ranked status, every kind of PII protection, a large field, an optional one, a maximum.
pub fn order() -> EntitySpec {
    let money = LogicalType::Decimal { precision: 12, scale: 2 };
    let mut status = field(2, "status", states(), &[STORE, EVENTS], Some(1));
    status.merge = MergeRule::Ranked;
    let email =
        pii(field(4, "email", text(254), &[STORE], Some(0)), "contact", Protection::Encrypt);
    let mut note =
        nullable(field(8, "note", LogicalType::String { max_chars: None }, &[STORE], Some(2)));
    note.large = true;
    let mut carrier = nullable(field(10, "carrier", text(40), &[EVENTS], Some(3)));
    carrier.optional = true;
    let mut last_event = nullable(field(11, "last_event_at", LogicalType::Timestamp, &[], Some(4)));
    last_event.from = BTreeMap::from([(EVENTS.to_owned(), "occurred_at".to_owned())]);
    last_event.merge = MergeRule::Max;
    let fields = vec![
        field(1, "order_id", LogicalType::Uuid, &[STORE, EVENTS], None),
        status,
        field(3, "total", money, &[STORE], Some(0)),
        FieldSpec { format: Some("email".to_owned()), ..email },
        pii(
            nullable(field(5, "street", text(200), &[STORE], Some(0))),
            "address",
            Protection::Mask,
        ),
        pii(
            nullable(field(6, "session", text(64), &[STORE], Some(0))),
            "device",
            Protection::Tokenize,
        ),
        pii(
            nullable(field(7, "birth", LogicalType::Date, &[STORE], None)),
            "birth",
            Protection::Drop,
        ),
        pii(note, "freetext", Protection::Encrypt),
        field(9, "updated_at", LogicalType::Timestamp, &[STORE], Some(0)),
        carrier,
        last_event,
    ];
    let groups = vec![
        group("store", MergeRule::Latest, &[STORE], &[2, 3, 4, 5, 8]),
        group("status", MergeRule::Ranked, &[STORE, EVENTS], &[1]),
        group("note", MergeRule::Latest, &[STORE], &[7]),
        group("carrier", MergeRule::Latest, &[EVENTS], &[9]),
        group("last_event_at", MergeRule::Max, &[EVENTS], &[10]),
    ];
    let mut spec = entity("shop.order", fields, groups, vec![table("orders"), stream()]);
    let zero = Expr::Number { unscaled: 0, scale: 0 };
    spec.quality.push(QualityRule {
        name: "total_not_negative".to_owned(),
        text: "total >= 0".to_owned(),
        expect: Expr::Compare(Comparison::GreaterOrEqual, Box::new(Expr::Field(2)), Box::new(zero)),
        on_fail: OnFail::Quarantine,
        at_capture: true,
        about: None,
    });
    spec
}

/// `shop.order_event`: every event as told, from the stream that also feeds `shop.order`.
pub fn order_event() -> EntitySpec {
    let mut remark = nullable(field(6, "remark", text(500), &[EVENTS], Some(1)));
    remark.optional = true;
    let fields = vec![
        field(1, "event_id", LogicalType::Uuid, &[EVENTS], None),
        field(2, "order_id", LogicalType::Uuid, &[EVENTS], Some(0)),
        field(3, "sequence", LogicalType::Int64, &[EVENTS], Some(0)),
        field(4, "status", states(), &[EVENTS], Some(0)),
        field(5, "occurred_at", LogicalType::Timestamp, &[EVENTS], Some(0)),
        pii(remark, "freetext", Protection::Encrypt),
    ];
    let groups = vec![
        group("events", MergeRule::Latest, &[EVENTS], &[1, 2, 3, 4]),
        group("remark", MergeRule::Latest, &[EVENTS], &[5]),
    ];
    let mut spec = entity("shop.order_event", fields, groups, vec![stream()]);
    spec.existence_owner = EVENTS.to_owned();
    spec
}

/// `shop.customer`: `key_change: rekey`, and a field that Salesforce owns.
pub fn customer() -> EntitySpec {
    let mut tier = nullable(field(4, "tier", text(20), &[], Some(1)));
    tier.from = BTreeMap::from([(SALESFORCE.to_owned(), "Tier__c".to_owned())]);
    let mut id = field(1, "customer_id", text(12), &[STORE], None);
    id.from.insert(SALESFORCE.to_owned(), "Customer_Id__c".to_owned());
    let mut notes =
        nullable(field(5, "notes", LogicalType::String { max_chars: None }, &[STORE], Some(2)));
    notes.large = true;
    let fields = vec![
        id,
        pii(field(2, "name", text(120), &[STORE], Some(0)), "identity", Protection::Encrypt),
        field(3, "points", LogicalType::Int64, &[STORE], Some(0)),
        tier,
        notes,
    ];
    let groups = vec![
        group("store", MergeRule::Latest, &[STORE], &[1, 2]),
        group("salesforce", MergeRule::Latest, &[SALESFORCE], &[3]),
        group("notes", MergeRule::Latest, &[STORE], &[4]),
    ];
    let account = SourceSpec::Salesforce {
        system: SALESFORCE.to_owned(),
        object: "Account".to_owned(),
        key: BTreeMap::from([("customer_id".to_owned(), "Customer_Id__c".to_owned())]),
    };
    let sources = vec![table("customers"), (SALESFORCE.to_owned(), account)];
    let mut spec = entity("shop.customer", fields, groups, sources);
    spec.key_change = KeyChange::Rekey;
    spec
}
