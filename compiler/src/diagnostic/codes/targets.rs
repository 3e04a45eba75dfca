//! Family 3: meaning of sinks, promises and models.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    MODEL_SINK = 3031, Error, "model without a warehouse table",
        what: "A model has no warehouse table.",
        why: "A model is computed in the warehouse and not delivered elsewhere yet.",
        how: "Add `sinks: {<warehouse>: {table: DATABASE.SCHEMA.NAME}}`.",
        broken: r"# marts/daily.yaml
refresh: {every: 5m}",
        mended: r"# marts/daily.yaml
refresh: {every: 5m}

sinks:
  lake: {table: ANALYTICS.MARTS.DAILY}

expect:
  freshness: {lake: 10m}";
    NO_FRESHNESS_SINK = 3032, Error, "freshness of a system that gets nothing",
        what: "`expect.freshness` promises something of a system that is no sink of the contract.",
        why: "It could never be kept or broken.",
        how: "Promise it of a sink, or remove the promise.",
        broken: r"# marts/daily.yaml
  freshness: {lake: 10m, crm: 15m}",
        mended: r"# marts/daily.yaml
  freshness: {lake: 10m}";
    BAD_SALESFORCE_NAME = 3033, Error, "not a Salesforce name",
        what: "A name is no Salesforce API name.",
        why: "Salesforce would refuse the field when it is deployed.",
        how: "Use letters, digits and single underscores, beginning with a letter; custom names \
             end in `__c`, relationships in `__r`.",
        broken: r"# sales/order.yaml
    object: Order-List",
        mended: r"# sales/order.yaml
    object: Order__c";
    BAD_TRANSITION = 3034, Error, "transition that `ranked` would undo",
        what: "A transition leads to a state that stands earlier in the enum.",
        why: "Under `ranked` the later state in the enum wins. A transition to an earlier state \
             would never be shown.",
        how: "Reorder the enum, or drop the transition.",
        broken: r"# sales/order.yaml
      paid: [shipped, cancelled]
      shipped: [paid]",
        mended: r"# sales/order.yaml
      paid: [shipped, cancelled]";
    NO_SINK = 3035, Warning, "entity that goes nowhere",
        what: "An entity has no sink.",
        why: "It would be captured and landed, and nobody could read it.",
        how: "Give it a sink, or remove it.",
        broken: r"# sales/lonely.yaml
entity: sales.lonely
version: 1.0.0
owner: x@shop.example
purpose: Nobody reads it.
compatibility: full
key: [id]
sources:
  shop: {table: public.lonely}
fields:
  id: {id: 1, type: int64, from: shop}",
        mended: "";
    OPTIONAL_NOT_NULLABLE = 3036, Error, "optional field that cannot be null",
        what: "An optional field cannot be null.",
        why: "Until a change carries the field, the row has no value for it.",
        how: "Add `nullable: true`.",
        broken: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, optional: true}",
        mended: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
    RULE_UNREADABLE = 3037, Error, "rule after apply over a protected field",
        what: "A rule over fields of two sources reads a protected field.",
        why: "A rule over fields of two owners is checked in the warehouse, where encrypted and \
             tokenized fields are unreadable and dropped ones are absent.",
        how: "Leave the field out of the rule.",
        broken: r#"# sales/customer.yaml
quality:
  - {name: gold_has_phone, expect: "tier <> 'gold' OR email IS NOT NULL", on_fail: alarm}

sinks:"#,
        mended: r"# sales/customer.yaml
sinks:";
    NOTHING_TO_MERGE = 3038, Error, "non-`latest` rule on a key or dropped field",
        what: "A merge rule stands at a key or dropped field.",
        why: "Key fields and dropped fields have no merge group, so a merge rule has nothing to \
             decide.",
        how: "Remove it.",
        broken: r"# sales/order.yaml
  order_id: {id: 1, type: uuid, from: shop, merge: first}",
        mended: r"# sales/order.yaml
  order_id: {id: 1, type: uuid, from: shop}";
    BAD_PATTERN = 3039, Error, "not a regular expression",
        what: "`pattern` is no regular expression.",
        why: "What cannot be read would guard nothing; back references and look-around could take \
             for ever on somebody's input.",
        how: "`pattern` is a regular expression in the syntax of Rust's `regex` crate, which the \
             whole text must match.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z{2}$"}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    STALE_PROMISE = 3040, Error, "promise that the schedule breaks",
        what: "A model promises more freshness than its schedule can keep.",
        why: "A model's rows are as old as its last run. A promise of freshness that is tighter \
             than the time between two runs cannot be kept.",
        how: "Run it more often, or promise less.",
        broken: r"# marts/daily.yaml
refresh: {every: 1h}",
        mended: r"# marts/daily.yaml
refresh: {every: 5m}";
    MODEL_TYPE = 3041, Error, "field cannot hold the column it shows",
        what: "A field shows a column of another type.",
        why: "The field shows a column as it is, and its type is not the column's, nor a wider one \
             of the same kind: values would be cut, rounded or refused.",
        how: "Declare the column's type, or convert in the query with `CAST`.",
        broken: r"# marts/daily.yaml
  country: {id: 2, type: string(1)}",
        mended: r"# marts/daily.yaml
  country: {id: 2, type: string(2)}";
    INPUT_NOT_STORED = 3042, Error, "model reads what its warehouse does not hold",
        what: "A model reads what its own warehouse does not hold.",
        why: "A model is computed in its warehouse, from tables there. An entity or model that it \
             reads has no table in that warehouse.",
        how: "Give it one under `sinks`, or do not read it.",
        broken: r"# sales/order.yaml
sinks:
# sales/order.yaml
  freshness: {crm: 10m}",
        mended: r"# sales/order.yaml
sinks:
  lake: {table: ANALYTICS.SALES.ORDERS}
# sales/order.yaml
  freshness: {lake: 10m}";
    NULL_SHOWN = 3043, Error, "field is never null, its column may be",
        what: "A field is declared without `nullable`, and the query may give null there.",
        why: "The table refuses null, so the run would fail. Null comes from nullable fields, the far \
             side of an outer join, aggregates over no rows, a CASE without ELSE, and NULLIF.",
        how: "Declare `nullable: true`, or give a value instead: `COALESCE(x, 0)`.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(NULLIF(o.total, 0)) AS total",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
}
