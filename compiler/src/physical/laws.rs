//! The laws of the lattice, over every pair and triple of a grid of types.

use covenant_model::value::LogicalType;

use super::{Alter, Column, PhysicalType, Platform, Relation, alter, of_logical, relation};

const SNOWFLAKE: &str = "BOOLEAN; NUMBER; NUMBER(38,0); INT; BIGINT; NUMBER(10,0); NUMBER(12,2); NUMBER(18,2); \
    NUMBER(12,3); FLOAT; DOUBLE; VARCHAR; STRING; TEXT; VARCHAR(16777216); VARCHAR(20); VARCHAR(40); CHAR; \
    VARCHAR(1); BINARY; BINARY(10); DATE; TIMESTAMP_NTZ; TIMESTAMP_NTZ(6); TIMESTAMP_NTZ(9); TIMESTAMP_LTZ(6); \
    TIMESTAMP_TZ(6); VARIANT; GEOGRAPHY";
const DUCKDB: &str = "BOOLEAN; SMALLINT; INTEGER; INT4; BIGINT; HUGEINT; DECIMAL; DECIMAL(18,3); DECIMAL(12,2); \
    DECIMAL(18,2); REAL; DOUBLE; VARCHAR; TEXT; VARCHAR(20); VARCHAR(40); BLOB; DATE; TIMESTAMP; TIMESTAMP_S; \
    TIMESTAMP_MS; TIMESTAMP_NS; TIMESTAMPTZ; TIMESTAMP WITH TIME ZONE; UUID; JSON; UNION(a INT)";
const POSTGRES: &str = "boolean; smallint; integer; int4; bigint; numeric; numeric(12,2); numeric(18,2); numeric(12,3); \
    real; double precision; text; varchar; varchar(20); character varying(20); varchar(40); bytea; date; timestamp; \
    timestamp(3); timestamptz; timestamptz(3); uuid; jsonb; json; inet";
const SALESFORCE: &str = "Checkbox; Number(18,0); Number(12,2); Number(18,2); Text(20); Text(30); Text(40); \
    Text(255); LongTextArea(255); LongTextArea(32768); Email; Date; DateTime; Geolocation";

fn grid(platform: Platform) -> Vec<PhysicalType> {
    let named = |names: &str| -> Vec<PhysicalType> {
        names.split(';').map(|name| PhysicalType::parse(platform, name)).collect()
    };
    match platform {
        Platform::Snowflake => named(SNOWFLAKE),
        Platform::DuckDb => named(DUCKDB),
        Platform::Postgres => named(POSTGRES),
        Platform::Salesforce => named(SALESFORCE),
        Platform::Json | Platform::Rust => {
            logical().iter().map(|ty| of_logical(platform, ty)).collect()
        }
    }
}

fn logical() -> Vec<LogicalType> {
    let symbols = |names: &[&str]| LogicalType::Enum {
        symbols: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        LogicalType::Bool,
        LogicalType::Int32,
        LogicalType::Int64,
        LogicalType::Decimal { precision: 12, scale: 2 },
        LogicalType::Decimal { precision: 18, scale: 2 },
        LogicalType::Decimal { precision: 12, scale: 3 },
        LogicalType::String { max_chars: None },
        LogicalType::String { max_chars: Some(3) },
        LogicalType::String { max_chars: Some(20) },
        LogicalType::Uuid,
        LogicalType::Date,
        LogicalType::Timestamp,
        symbols(&["web"]),
        symbols(&["web", "store"]),
        symbols(&["store", "phone"]),
        LogicalType::Json,
        LogicalType::Bytes,
    ]
}

/// Same, Synonym and Wider: every value stays what it is.
fn below(old: &PhysicalType, new: &PhysicalType) -> bool {
    relation(old, new).keeps_every_value()
}

#[test]
fn the_order_is_reflexive_transitive_and_antisymmetric_up_to_synonyms() {
    for platform in Platform::ALL {
        let types = grid(platform);
        for a in &types {
            assert_eq!(relation(a, a), Relation::Same, "{platform} {a}");
            for b in &types {
                if below(a, b) && below(b, a) {
                    assert_eq!(a.shape, b.shape, "{platform} {a} and {b}");
                }
                for c in &types {
                    let through = below(a, b) && below(b, c);
                    assert!(!through || below(a, c), "{platform}: {a}, {b}, {c}");
                }
            }
        }
    }
}

#[test]
fn the_way_back_is_the_mirror() {
    for platform in Platform::ALL {
        let types = grid(platform);
        for a in &types {
            for b in &types {
                let there = relation(a, b);
                assert_eq!(relation(b, a), there.mirror(), "{platform}: {a}, {b}");
            }
        }
    }
}

#[test]
fn what_keeps_every_value_needs_no_query_and_what_does_not_never_passes_as_in_place_on_snowflake() {
    let at = Column { table: "t", column: "c" };
    for platform in Platform::ALL {
        let types = grid(platform);
        for a in &types {
            for b in &types {
                let found = alter(platform, &at, a, b);
                let why = format!("{platform}: {a} to {b}: {found:?}");
                match relation(a, b) {
                    Relation::Same | Relation::Synonym => {
                        assert_eq!(found, Alter::Nothing, "{why}")
                    }
                    Relation::Wider => {
                        assert!(!matches!(found, Alter::Precheck { .. }), "{why}");
                    }
                    Relation::Narrower
                    | Relation::Rescaled
                    | Relation::Zone
                    | Relation::Unrelated => {
                        let alarm = !matches!(found, Alter::InPlace { .. } | Alter::Nothing);
                        let stored = matches!(platform, Platform::Snowflake | Platform::Salesforce);
                        assert!(!stored || alarm, "{why}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_examples_of_the_reference() {
    let ty = PhysicalType::parse;
    let at = Column { table: "SALES.ORDERS", column: "c" };
    let cases = [
        (Platform::Snowflake, "VARCHAR(20)", "VARCHAR(40)", Relation::Wider, "in_place"),
        (Platform::Snowflake, "NUMBER(12,2)", "NUMBER(18,2)", Relation::Wider, "in_place"),
        (Platform::Snowflake, "VARCHAR", "STRING", Relation::Synonym, "nothing"),
        (Platform::Snowflake, "NUMBER(38,0)", "BIGINT", Relation::Synonym, "nothing"),
        (Platform::Snowflake, "NUMBER(18,2)", "NUMBER(12,2)", Relation::Narrower, "precheck"),
        (Platform::Snowflake, "VARCHAR(40)", "VARCHAR(20)", Relation::Narrower, "rebuild"),
        (Platform::Snowflake, "NUMBER(12,2)", "NUMBER(12,4)", Relation::Rescaled, "rebuild"),
        (Platform::Snowflake, "TIMESTAMP_NTZ(6)", "TIMESTAMP_TZ(6)", Relation::Zone, "rebuild"),
        (Platform::Snowflake, "VARCHAR", "NUMBER(10,0)", Relation::Unrelated, "rebuild"),
        (Platform::Snowflake, "BINARY", "NUMBER(10,0)", Relation::Unrelated, "impossible"),
        (Platform::DuckDb, "VARCHAR(20)", "VARCHAR", Relation::Synonym, "nothing"),
        (Platform::DuckDb, "INTEGER", "BIGINT", Relation::Wider, "in_place"),
        (Platform::DuckDb, "DECIMAL(12,4)", "DECIMAL(12,2)", Relation::Rescaled, "precheck"),
        (Platform::Postgres, "varchar(20)", "text", Relation::Wider, "in_place"),
        (Platform::Salesforce, "Text(30)", "Text(40)", Relation::Wider, "in_place"),
        (Platform::Salesforce, "Text(40)", "Text(30)", Relation::Narrower, "rebuild"),
        (Platform::Salesforce, "Text(40)", "Number(18,0)", Relation::Unrelated, "impossible"),
        (Platform::Salesforce, "Date", "Text(30)", Relation::Unrelated, "impossible"),
    ];
    for (platform, old, new, expected, verdict) in cases {
        let (old, new) = (ty(platform, old), ty(platform, new));
        assert_eq!(relation(&old, &new), expected, "{platform}: {old} to {new}");
        let found = serde_json::to_value(alter(platform, &at, &old, &new)).unwrap();
        assert_eq!(found["alter"], verdict, "{platform}: {old} to {new}");
    }
}

#[test]
fn what_is_emitted_is_understood() {
    for platform in [Platform::Snowflake, Platform::DuckDb, Platform::Postgres] {
        for ty in logical() {
            let found = of_logical(platform, &ty);
            let unknown = matches!(found.shape, super::Shape::Unknown { .. });
            assert!(!unknown, "{platform} {ty}: {found}");
        }
    }
}
