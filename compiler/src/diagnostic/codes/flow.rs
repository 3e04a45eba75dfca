//! Family 3: meaning of what flows where.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    PII_FORBIDDEN = 3017, Error, "personal data to a system that its class forbids",
        what: "A field reaches a system that its class of personal data forbids.",
        why: "The class says that the system must never get the field, protected or not.",
        how: "Remove the mapping, or change the class after talking to whoever answers for it.",
        broken: r"# sales/customer.yaml
      Name: notes",
        mended: r"# sales/customer.yaml
      Name: name";
    PII_NOT_REVEALED = 3018, Error, "protected field to a sink that needs plaintext",
        what: "An encrypted or tokenized field goes to a sink that shows values to people.",
        why: "Salesforce needs plaintext, and every reveal of personal data is audited under its \
             purpose.",
        how: "Add `reveal: <purpose>` to the sink, or take the field out; a tokenized field cannot \
             be revealed at all.",
        broken: r"# sales/customer.yaml
    external_id: Customer_Id__c",
        mended: r"# sales/customer.yaml
    external_id: Customer_Id__c
    reveal: service";
    PII_LOST = 3019, Error, "model column loses its class of personal data",
        what: "A model column is computed from personal data and declares none.",
        why: "The column is computed from personal data, and personal data stays personal in a \
             sum, a maximum or a concatenation.",
        how: "Declare `pii` with the class of its source, or do not read the field.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, MAX(c.email) AS country, SUM(o.total) AS total",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    PII_DROPPED = 3020, Error, "dropped field is used",
        what: "A field of a class that is dropped at capture is delivered, ruled on or read.",
        why: "The class of the field is `drop`: it is never landed, so nothing can be delivered, \
             ruled on after apply, or read.",
        how: "Leave it out, or change the class after talking to whoever answers for it.",
        broken: r"# sales/customer.yaml
      Birth__c: born_on",
        mended: r"# sales/customer.yaml
      Name: name";
    LOOP = 3021, Error, "Salesforce gets its own field back",
        what: "A field that Salesforce tells is written back to Salesforce.",
        why: "The field is owned by Salesforce. Writing it back would be an echo that Salesforce \
             reports as a change, which would be written back again.",
        how: "Map it in one direction.",
        broken: r"# sales/customer.yaml
      Level__c: tier
# sales/customer.yaml
      Tier__c: email",
        mended: r"# sales/customer.yaml
      Name: name
# sales/customer.yaml
      Email__c: email";
    SAME_TARGET = 3022, Error, "two datasets write one target",
        what: "Two entities or models write one table or Salesforce object, or one that is the pipeline's own.",
        why: "Each would take the other's rows for its own. Names that are generated count, too: beside an entity's \
              table its `_STATE`, `_HISTORY`, `_INTERVALS` and `_MOVES`, the schema `COVENANT`, and batch tables and \
              files, which carry the dataset's name with `_` for its points.",
        how: "Give one of them a target, or a name, of its own.",
        broken: r"# marts/daily.yaml
  lake: {table: ANALYTICS.SALES.ORDERS_STATE}",
        mended: r"# marts/daily.yaml
  lake: {table: ANALYTICS.MARTS.DAILY}";
    CROSS_OWNER_QUARANTINE = 3023, Error, "rule over two owners cannot quarantine",
        what: "A quality rule over fields of two sources says `on_fail: quarantine`.",
        why: "A record can be kept aside only at capture, and at capture only the fields of one \
             source are there. A rule over fields of two owners is checked after they have been \
             joined, when the row is already there: it can only alarm.",
        how: "Say `on_fail: alarm`.",
        broken: r"# sales/order.yaml
    expect: status <> 'shipped' OR carrier IS NOT NULL",
        mended: r"# sales/order.yaml
    expect: tax <= total";
    LOOKUP_PARENT = 3024, Error, "lookup does not lead to a delivered entity",
        what: "A lookup leads to a record that is not delivered under that external id.",
        why: "Its records are delivered first; a lookup to anything else would be refused.",
        how: "Reference an entity that is delivered to the same Salesforce with exactly this \
             external id.",
        broken: r"# sales/order.yaml
      Customer__r.Number__c: customer_id
      Country__r.Code__c: country",
        mended: r"# sales/order.yaml
      Customer__r.Customer_Id__c: customer_id";
    MAPPED_TWICE = 3025, Error, "Salesforce field written twice",
        what: "Two mappings, or a mapping and the external id, write one Salesforce field.",
        why: "Salesforce takes one and does not say which.",
        how: "Remove one of them.",
        broken: r"# sales/order.yaml
      Total__c: total
      total__c: tax
      Order_Id__c: revision",
        mended: r"# sales/order.yaml
      Total__c: total";
    BAD_FILTER_FIELD = 3026, Error, "age filter over something that has no age",
        what: "`where` names a field that is no date or timestamp, or can be null.",
        why: "A row without a date would neither stay nor age out.",
        how: "Name a date or timestamp that every row has.",
        broken: r"# sales/order.yaml
    where: country > now() - 18 months",
        mended: r"# sales/order.yaml
    where: placed_at > now() - 18 months";
    BOUNDS = 3027, Error, "bounds do not fit",
        what: "`min`, `max`, `pattern` or `format` do not fit the type, or contradict each other.",
        why: "A rule that cannot hold would quarantine everything, one that cannot fail would \
             guard nothing.",
        how: "Use bounds for numbers, pattern and format for texts, and keep `min` below `max`.",
        broken: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, min: 0.001, max: lots}"#,
        mended: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0}"#;
    WRONG_DATABASE = 3028, Error, "table outside the system's database",
        what: "A table stands outside the database of its system.",
        why: "The warehouse role may write one database. A table elsewhere would need rights that \
             nobody has reviewed.",
        how: "Name a table of the system's database.",
        broken: r"# marts/daily.yaml
  lake: {table: FINANCE.MARTS.DAILY}",
        mended: r"# marts/daily.yaml
  lake: {table: ANALYTICS.MARTS.DAILY}";
    REFERENCE_TYPE = 3029, Error, "reference of another type than the key",
        what: "A field that references an entity has another type than its key.",
        why: "It holds that key: joins and lookups would compare unlike things.",
        how: "Give it the type of the referenced entity's one key field.",
        broken: r"# sales/order.yaml
  customer_id: {id: 2, type: int64, from: shop, references: sales.customer}",
        mended: r"# sales/order.yaml
  customer_id: {id: 2, type: string(12), from: shop, references: sales.customer}";
    MODEL_KEY = 3030, Error, "model key is no field",
        what: "The key of a model names something that is no field, can be null, or is personal \
             data.",
        why: "Sinks and readers find the rows by it.",
        how: "Name declared, non-nullable fields.",
        broken: r"# marts/daily.yaml
key: [day, land]",
        mended: r"# marts/daily.yaml
key: [day, country]";
}
