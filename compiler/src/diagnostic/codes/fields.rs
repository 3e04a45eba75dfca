//! Family 3: meaning of keys, fields and merging.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    NO_KEY = 3001, Error, "no key",
        what: "A contract has no key.",
        why: "Every row needs a key: it is what changes are folded by, what sinks upsert by, and \
             what tombstones remember.",
        how: "Add `key: [<field>]`.",
        broken: r"# sales/order.yaml
compatibility: full",
        mended: r"# sales/order.yaml
compatibility: full

key: [order_id]";
    BAD_KEY = 3002, Error, "field cannot be part of a key",
        what: "A key field can be null, left out or personal data, or has a type without exact \
             equality.",
        why: "Changes are folded and sinks upsert by the key; it stands in file names, logs and \
             the ledger.",
        how: "Use an identifier of the source's own, such as a number or a UUID.",
        broken: r"# sales/customer.yaml
  customer_id: {id: 1, type: string, from: shop, nullable: true, large: true, pii: contact}
# sales/order.yaml
  customer_id: {id: 2, type: string(12), from: shop, about: x}
# sales/order.yaml
      Total__c: total",
        mended: r"# sales/customer.yaml
  customer_id: {id: 1, type: string(12), from: shop}
# sales/order.yaml
  customer_id: {id: 2, type: string(12), from: shop, references: sales.customer}
# sales/order.yaml
      Total__c: total
      Customer__r.Customer_Id__c: customer_id";
    NO_EXISTENCE_OWNER = 3003, Error, "nobody, or more than one, owns existence",
        what: "The key fields come from more than one source.",
        why: "A delete by one source and an insert by the other have no common order.",
        how: "Let all key fields come `from` the one source that creates and deletes rows.",
        broken: r"# sales/order.yaml
  order_id: {id: 1, type: uuid, from: [shop, events]}",
        mended: r"# sales/order.yaml
  order_id: {id: 1, type: uuid, from: shop}";
    NO_SOURCE = 3004, Error, "field without source",
        what: "A field of an entity has no `from`.",
        why: "A field that nobody tells would always be null.",
        how: "Say which source tells it.",
        broken: r"# sales/order.yaml
  revision: {id: 8, type: int32}",
        mended: r"# sales/order.yaml
  revision: {id: 8, type: int32, from: shop}";
    TWO_OWNERS = 3005, Error, "two owners where versions decide",
        what: "Two sources tell a field under `latest` or `first`.",
        why: "Versions order the changes of one source. Two sources have no common order, so the \
             newer (`latest`) or older (`first`) of two values from different sources does not \
             exist: the outcome would depend on which arrives last.",
        how: "Give the field one owner, or a rule that compares the values themselves: `ranked`, \
             `max` or `min`; or split it into two fields.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: [shop, events], pattern: "^[A-Z]{2}$"}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    REUSE_NEEDS_LATEST = 3006, Error, "rule needs `key_reuse: never`",
        what: "A rule other than `latest` is used where keys can come back.",
        why: "`ranked`, `max`, `min` and `first` keep a value for ever. When a deleted key comes \
             back as another row, whether the old row's value still counts would depend on \
             arrival.",
        how: "Declare `key_reuse: never`, or use `latest`.",
        broken: r"# sales/order.yaml
key: [order_id]",
        mended: r"# sales/order.yaml
key: [order_id]
key_reuse: never";
    RANKED_TYPE = 3007, Error, "`ranked` on something that is no enum",
        what: "`merge: ranked` stands at a field that is no enum.",
        why: "The order of an enum's symbols is the rank; other types have none.",
        how: "Make it an enum in the order of its states, or take another rule.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, merge: ranked, pattern: "^[A-Z]{2}$"}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    UNORDERABLE = 3008, Error, "`max` or `min` on a type without order",
        what: "`max` or `min` is used on a type that targets order differently.",
        why: "Texts are ordered differently by every collation.",
        how: "Use a number, decimal, date or timestamp.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, merge: max, pattern: "^[A-Z]{2}$"}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    BAD_GENERATION = 3009, Error, "`generation` does not fit",
        what: "`generation` names a field that cannot count corrections.",
        why: "A higher generation marks a correction that may lower the rank; a change without one \
             could not be placed.",
        how: "Name an integer field of the same owner, carried by every change, and use it under \
             `merge: ranked` only.",
        broken: r"# sales/order.yaml
    merge: ranked
    generation: carrier
# sales/order.yaml
    from: [shop]",
        mended: r"# sales/order.yaml
    merge: ranked
# sales/order.yaml
    from: [shop, events]";
    TRANSITIONS_TYPE = 3010, Error, "transitions on something that is no enum",
        what: "`transitions` stands at a field that is no enum.",
        why: "They are the steps between the states of an enum.",
        how: "Make it an enum, or remove the transitions.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, transitions: {DE: [NL]}, pattern: "^[A-Z]{2}$"}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    REKEY_REUSE = 3011, Error, "`rekey` needs `key_reuse: never`",
        what: "`key_change: rekey` is used where keys can come back.",
        why: "When a key changes, what other owners and sinks know of the old row moves to the new \
             one. Were the old key used again, moves would form circles and two rows would mix. \
             With `key_reuse: never` moves form a forest.",
        how: "Declare `key_reuse: never`, or reject changed keys.",
        broken: r"# sales/customer.yaml
key: [customer_id]",
        mended: r"# sales/customer.yaml
key: [customer_id]
key_reuse: never";
    DUPLICATE_ID = 3012, Error, "id used twice",
        what: "Two fields have one id.",
        why: "A field's id is what stays when it is renamed; stored files are read by it. No two \
             fields, removed ones included, share one.",
        how: "Give the newer one the next free id, which the message names.",
        broken: r"# sales/order.yaml
  revision: {id: 7, type: int32, from: shop}",
        mended: r"# sales/order.yaml
  revision: {id: 8, type: int32, from: shop}";
    DUPLICATE_NAME = 3013, Error, "name used twice",
        what: "Two names of a contract meet where case is folded or the pipeline adds a column.",
        why: "Snowflake and Salesforce do not tell upper from lower case, and the pipeline adds \
             columns such as `<field>_token`: two names that meet there would be one column.",
        how: "Rename one of them.",
        broken: r"# sales/customer.yaml
  email_token: {id: 2, type: string(80), from: shop}
# sales/customer.yaml
      Name: email_token",
        mended: r"# sales/customer.yaml
  name: {id: 2, type: string(80), from: shop}
# sales/customer.yaml
      Name: name";
    RESERVED_NAME = 3014, Error, "name of a removed field",
        what: "A field has the id or name of a field that was removed.",
        why: "Old files and old consumers would read the new field as the old one.",
        how: "Take an id and a name that were never used.",
        broken: r"# sales/order.yaml
reserved: [{id: 8, name: legacy}, {id: 90, name: tax}]

quality:",
        mended: r"# sales/order.yaml
quality:";
    NOT_LARGE = 3015, Error, "field must be `large: true`",
        what: "A long text from PostgreSQL is not declared `large`.",
        why: "PostgreSQL stores long values out of line and leaves them out of updates that do not \
             touch them. Declared `large`, the field is a merge group of its own, and an update \
             without it does not erase it.",
        how: "Limit the text to 500 characters, or declare it.",
        broken: r"# sales/customer.yaml
  notes: {id: 6, type: string, from: shop, nullable: true, pii: freetext}",
        mended: r"# sales/customer.yaml
  notes: {id: 6, type: string, from: shop, nullable: true, large: true, pii: freetext}";
    LARGE_SOURCE = 3016, Error, "`large` without a PostgreSQL source",
        what: "`large: true` stands at a field that PostgreSQL does not tell.",
        why: "Only PostgreSQL leaves unchanged values out because of their size.",
        how: "For other sources say `optional: true`.",
        broken: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, large: true}",
        mended: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
}
