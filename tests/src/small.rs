//! A small entity that has everything a fold can meet: a key of two fields, two owners, a group of several fields, a large
//! field, `ranked`, `max` and `first`, an encrypted and a dropped field, rows that move.

use std::collections::BTreeMap;

use covenant_compiler::plan::Plan;
use covenant_model::spec::{
    ApplyForm, Compatibility, EntityEvolution, EntitySpec, Expectations, FieldEvolution, FieldSpec,
    GroupSpec, KeyChange, KeyReuse, MergeRule, ModelField, ModelSpec, PiiSpec, ProjectSpec,
    Protection, SourceSpec, UnknownMembers, WarehouseSink,
};
use covenant_model::terms::{DatasetTerms, Extensions, FieldTerms};
use covenant_model::value::LogicalType;

/// Index of the fields of [`parcel`].
#[allow(missing_docs)]
pub mod field {
    pub const REGION: usize = 0;
    pub const CODE: usize = 1;
    pub const WEIGHT: usize = 2;
    pub const ORDER: usize = 3;
    pub const EMAIL: usize = 4;
    pub const LARGE: usize = 5;
    pub const STATUS: usize = 6;
    pub const SEEN_AT: usize = 7;
    pub const FIRST_DEPOT: usize = 8;
    pub const BORN: usize = 9;
}

/// The states of a parcel, in rank order.
pub const STATES: [&str; 4] = ["new", "taken", "moving", "there"];

/// The entity; rows are applied in the given form.
pub fn parcel(apply: ApplyForm) -> EntitySpec {
    let text = || LogicalType::String { max_chars: None };
    let both = ["store", "carrier"];
    let states = STATES.iter().map(|state| (*state).to_owned()).collect();
    let decimal = LogicalType::Decimal { precision: 10, scale: 2 };
    let mut fields = vec![
        plain(1, "region", LogicalType::Int32, &["store"]),
        plain(2, "code", text(), &["store"]),
        plain(3, "weight", decimal, &["store"]),
        // a reserved word, on purpose
        plain(4, "order", text(), &["store"]),
        secret(plain(5, "email", text(), &["store"]), Protection::Encrypt),
        FieldSpec { large: true, ..plain(6, "photo", text(), &["store"]) },
        ruled(plain(7, "status", LogicalType::Enum { symbols: states }, &both), MergeRule::Ranked),
        ruled(plain(8, "seen_at", LogicalType::Timestamp, &["carrier"]), MergeRule::Max),
        ruled(plain(9, "first_depot", text(), &both), MergeRule::First),
        secret(plain(10, "born", LogicalType::Date, &["store"]), Protection::Drop),
    ];
    let groups = vec![
        group("store", MergeRule::Latest, &["store"], &[2, 3, 4]),
        group("photo", MergeRule::Latest, &["store"], &[5]),
        group("status", MergeRule::Ranked, &both, &[6]),
        group("seen_at", MergeRule::Max, &["carrier"], &[7]),
        group("first_depot", MergeRule::First, &both, &[8]),
    ];
    for (ix, group) in groups.iter().enumerate() {
        for field in &group.fields {
            if let Some(field) = fields.get_mut(*field) {
                field.group = Some(ix);
            }
        }
    }
    entity(fields, groups, apply)
}

fn entity(fields: Vec<FieldSpec>, groups: Vec<GroupSpec>, apply: ApplyForm) -> EntitySpec {
    let postgres = SourceSpec::Postgres {
        system: "store".to_owned(),
        schema: "public".to_owned(),
        table: "parcels".to_owned(),
        filter: None,
    };
    let stream = SourceSpec::Stream {
        system: "carrier".to_owned(),
        stream: "scans".to_owned(),
        event_id: "id".to_owned(),
        order: None,
        occurred_at: "at".to_owned(),
        unknown: UnknownMembers::default(),
    };
    EntitySpec {
        name: "yard.parcel".to_owned(),
        version: "1.0.0".to_owned(),
        contract_hash: "00".repeat(32),
        owner: "yard@acme.example".to_owned(),
        purpose: "One row per parcel in the yard; for tests.".to_owned(),
        compatibility: Compatibility::Full,
        key: vec![field::REGION, field::CODE],
        key_reuse: KeyReuse::Never,
        key_change: KeyChange::Rekey,
        existence_owner: "store".to_owned(),
        fields,
        groups,
        sources: BTreeMap::from([("store".to_owned(), postgres), ("carrier".to_owned(), stream)]),
        warehouse: Some(sink("PARCELS", true, apply)),
        salesforce: None,
        quality: Vec::new(),
        expect: Expectations::default(),
        reserved: Vec::new(),
        terms: DatasetTerms::default(),
        unique: Vec::new(),
        evolution: EntityEvolution::default(),
    }
}

/// A plan of [`parcel`] and one model over it.
pub fn plan(apply: ApplyForm) -> Plan {
    let count = ModelField {
        id: 2,
        name: "parcels".to_owned(),
        ty: LogicalType::Int64,
        nullable: false,
        pii: None,
        unit: None,
        about: None,
        lineage: Vec::new(),
        terms: FieldTerms::default(),
        declassify: None,
    };
    let region =
        ModelField { id: 1, name: "region".to_owned(), ty: LogicalType::Int32, ..count.clone() };
    let model = ModelSpec {
        name: "marts.by_region".to_owned(),
        version: "1.0.0".to_owned(),
        contract_hash: "11".repeat(32),
        owner: "yard@acme.example".to_owned(),
        purpose: "Parcels per region, for tests.".to_owned(),
        compatibility: Compatibility::Backward,
        key: vec!["region".to_owned()],
        query: "SELECT p.region AS region, COUNT(*) AS parcels\nFROM yard.parcel AS p\n\
                GROUP BY p.region\n"
            .to_owned(),
        inputs: vec!["yard.parcel".to_owned()],
        rows_by: Vec::new(),
        fields: vec![region, count],
        warehouse: WarehouseSink { schema: "MARTS".to_owned(), ..sink("BY_REGION", false, apply) },
        refresh_s: 300,
        window: None,
        key_tested: false,
        expect: Expectations::default(),
        terms: DatasetTerms::default(),
    };
    Plan {
        project: project(),
        entities: vec![parcel(apply)],
        models: vec![model],
        jobs: Vec::new(),
        grants: BTreeMap::new(),
    }
}

fn project() -> ProjectSpec {
    ProjectSpec {
        name: "yard".to_owned(),
        version: "1.0.0".to_owned(),
        owner: "yard@acme.example".to_owned(),
        purpose: "For tests.".to_owned(),
        systems: BTreeMap::new(),
        pii_classes: BTreeMap::new(),
        purposes: BTreeMap::new(),
        environments: BTreeMap::new(),
        monthly_usd: None,
        classify_required: false,
        extensions: Extensions::default(),
    }
}

fn sink(table: &str, history: bool, apply: ApplyForm) -> WarehouseSink {
    WarehouseSink {
        system: "warehouse".to_owned(),
        database: "ANALYTICS".to_owned(),
        schema: "YARD".to_owned(),
        table: table.to_owned(),
        history,
        apply,
    }
}

fn plain(id: u32, name: &str, ty: LogicalType, from: &[&str]) -> FieldSpec {
    FieldSpec {
        id,
        name: name.to_owned(),
        ty,
        nullable: true,
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
        group: None,
        terms: FieldTerms::default(),
        subject: None,
        evolution: FieldEvolution::default(),
    }
}

fn secret(field: FieldSpec, protect: Protection) -> FieldSpec {
    FieldSpec { pii: Some(PiiSpec { class: "contact".to_owned(), protect }), ..field }
}

fn ruled(field: FieldSpec, merge: MergeRule) -> FieldSpec {
    FieldSpec { merge, ..field }
}

fn group(name: &str, rule: MergeRule, owners: &[&str], fields: &[usize]) -> GroupSpec {
    GroupSpec {
        name: name.to_owned(),
        rule,
        owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
        fields: fields.to_vec(),
    }
}
