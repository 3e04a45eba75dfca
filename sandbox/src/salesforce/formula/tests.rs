//! Rules as the compiler writes them, and the refusals.

use super::{Formula, FormulaError, Scope};
use crate::salesforce::decimal::Decimal;
use crate::salesforce::schema::FieldIx;
use crate::salesforce::value::FieldValue;

struct Record {
    now: Vec<FieldValue>,
    before: Option<Vec<FieldValue>>,
}

impl Scope for Record {
    fn current(&self, field: FieldIx) -> &FieldValue {
        &self.now[field.0]
    }
    fn prior(&self, field: FieldIx) -> Option<&FieldValue> {
        self.before.as_ref().map(|values| &values[field.0])
    }
}

fn resolve(name: &str) -> Option<FieldIx> {
    match name.to_ascii_lowercase().as_str() {
        "covenant_revision__c" => Some(FieldIx(0)),
        "status__c" => Some(FieldIx(1)),
        _ => None,
    }
}

fn record(now: i64, before: Option<i64>) -> Record {
    let values = |n| vec![FieldValue::Number(Decimal::whole(n)), FieldValue::text("open")];
    Record { now: values(now), before: before.map(values) }
}

fn holds(formula: &str, record: &Record) -> bool {
    Formula::parse(formula, &resolve).expect("a formula").holds(record)
}

const REVISION: &str = "AND(NOT(ISNEW()), Covenant_Revision__c < PRIORVALUE(Covenant_Revision__c))";

#[test]
fn the_delivery_revision_never_goes_down() {
    assert!(!holds(REVISION, &record(1, None)), "a new record has no prior revision");
    assert!(holds(REVISION, &record(6, Some(7))));
    assert!(!holds(REVISION, &record(7, Some(7))), "the same revision again is harmless");
    assert!(!holds(REVISION, &record(8, Some(7))));
    let (low, high) = (999_999_999_999_999_998, 999_999_999_999_999_999);
    assert!(holds(REVISION, &record(low, Some(high))), "18 digits compare exactly");
}

#[test]
fn a_blank_is_neither_below_nor_above() {
    let mut blank = record(0, Some(7));
    blank.now[0] = FieldValue::Null;
    assert!(!holds(REVISION, &blank));
    assert!(holds("ISBLANK(Covenant_Revision__c)", &blank));
    assert!(holds("AND(ISCHANGED(Covenant_Revision__c), ISBLANK(Covenant_Revision__c))", &blank));
}

#[test]
fn operators_and_functions() {
    let open = record(6, Some(7));
    for formula in [
        "Covenant_Revision__c + 1 = PRIORVALUE(Covenant_Revision__c)",
        "Covenant_Revision__c * 2 == 12 && !(1 > 2)",
        "IF(ISPICKVAL(Status__c, \"open\"), TRUE, FALSE)",
        "OR(Status__c <> 'open', LEN(Status__c) = 4)",
        "BEGINS(Status__c & \"ed\", \"opened\")",
        "CONTAINS(TEXT(Status__c), \"pe\")",
        "BLANKVALUE(NULL, 3) - 4 = -1",
        "1 + 2 * 3 = 7 || FALSE",
        "NOT ( ISCHANGED ( Status__c ) )",
    ] {
        assert!(holds(formula, &open), "{formula}");
    }
}

#[test]
fn refuses_what_it_cannot_evaluate() {
    let why = |text: &str| Formula::parse(text, &resolve).expect_err("refused");
    assert_eq!(why("VLOOKUP(1)"), FormulaError::UnknownFunction("VLOOKUP".to_owned()));
    assert_eq!(why("Nope__c = 1"), FormulaError::UnknownField("Nope__c".to_owned()));
    assert_eq!(why("PRIORVALUE(1)"), FormulaError::NeedsField("PRIORVALUE"));
    assert_eq!(why("\"open"), FormulaError::UnclosedText);
    assert!(matches!(why("AND("), FormulaError::Expected { .. }));
    assert!(matches!(why("1 / 2"), FormulaError::Expected { .. }));
    assert!(matches!(why("IF(TRUE, 1)"), FormulaError::Arguments { .. }));
    assert_eq!(why(&"(".repeat(500)), FormulaError::TooDeep);
}
