//! Family 3: how long something is there, who relies on it, and whose data it is.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    BAD_SUNSET = 3080, Error, "sunset that is no day, or of something that stays",
        what: "`sunset` is no day, or stands at something that is active.",
        why: "Readers plan by it: they leave what is deprecated until that day.",
        how: "Write it as `2027-06-30`, at something whose `status` is `deprecated` or `retired`.",
        broken: r"# sales/order.yaml
  revision: {id: 8, type: int32, from: shop, sunset: 2027-06-30}",
        mended: r"# sales/order.yaml
  revision: {id: 8, type: int32, from: shop}";
    READS_WHAT_ENDS = 3081, Warning, "something that stays reads something that goes",
        what: "A model, a reference or a Salesforce mapping reads what is deprecated or retired.",
        why: "After the sunset it reads nothing; whoever deprecated the source does not know of it.",
        how: "Read what replaces it, or deprecate the reader too.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$", status: deprecated, sunset: 2027-06-30}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    BAD_UNIQUE = 3082, Error, "uniqueness that cannot be checked",
        what: "`unique` names the key, a dropped field, a field without exact equality, or the \
             entity has no table.",
        why: "Rows are compared in the warehouse, by the values that are stored there.",
        how: "Name fields that the warehouse can compare, and that are not the whole key.",
        broken: r"# sales/order.yaml
  order_id: {id: 1, type: uuid, from: shop, unique: true}",
        mended: r"# sales/order.yaml
  order_id: {id: 1, type: uuid, from: shop}";
    BAD_SUBJECT = 3083, Error, "subject that is nobody",
        what: "`subject` leads to no field, or to one that identifies nobody.",
        why: "A person who asks to be forgotten is found by it.",
        how: "Name a field of the key, or one that refers to an entity; behind a reference follows \
             `.` and a field of that entity.",
        broken: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: address, subject: tier}",
        mended: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: address}";
    NO_SUBJECT = 3084, Error, "personal data of nobody",
        what: "A field of a class with `erasure: required` does not say whose data it is.",
        why: "Without the person it cannot be found when the person asks to be forgotten.",
        how: "Add `subject: <field>`.",
        broken: r"# project.yaml
    address: {protect: mask, about: Postal addresses., erasure: required}",
        mended: r"# project.yaml
    address: {protect: mask, about: Postal addresses.}";
    REQUIRED_AND_MISSING = 3085, Error, "Salesforce demands what may be missing",
        what: "A Salesforce field is `required`, and the field that feeds it may be null, left out \
             or told later; or it cannot be required in Salesforce.",
        why: "Every record without it would be refused, again and again.",
        how: "Remove `required`, or let the field always be there.",
        broken: r"# sales/customer.yaml
      BillingStreet: {from: street, required: true}",
        mended: r"# sales/customer.yaml
      BillingStreet: street";
    EXAMPLE_OF_A_PERSON = 3086, Error, "example of personal data",
        what: "A field of personal data shows examples.",
        why: "Examples are copied from somewhere, and contracts, schemas and catalogues are read by \
             everybody.",
        how: "Remove them; `pattern` and `format` say what values look like.",
        broken: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: address, examples: [Main Street 1]}",
        mended: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: address}";
    BAD_EXAMPLE = 3087, Error, "example that the field cannot have",
        what: "An example is no value of the type, or breaks `min`, `max`, `pattern` or `format`.",
        why: "Whoever builds on it builds something that is refused.",
        how: "Show values that the field may have.",
        broken: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$", examples: [DE, ger]}"#,
        mended: r#"# sales/order.yaml
  country: {id: 6, type: string(2), from: shop, pattern: "^[A-Z]{2}$"}"#;
    SECRET = 3088, Error, "secret in a contract",
        what: "A text in a contract looks like a key, a token or a password.",
        why: "Contracts are under version control and generated into files: whoever reads them has \
             the secret, and for ever.",
        how: "Revoke it, and keep its successor where secrets are kept; name it by `env:` or an ARN.",
        broken: r"# sales/order.yaml
purpose: Orders, as postgres://shop:hunter2@db/shop has them.",
        mended: r"# sales/order.yaml
purpose: One row per order.";
    UNCLASSIFIED = 3089, Error, "field that does not say whether it is personal data",
        what: "The project says `classify: required`, and a field has no `pii`.",
        why: "A field that nobody thought about is the one that leaks.",
        how: "Add `pii: <class>`, or `pii: none`.",
        broken: r"# project.yaml
pii:
  classify: required
# sales/customer.yaml
  customer_id: {id: 1, type: string(12), from: shop, pii: none}
  name: {id: 2, type: string(80), from: shop}
# sales/customer.yaml
  tier: {id: 8, type: 'enum [bronze, silver, gold]', from: crm, nullable: true, pii: none}",
        mended: r#"# project.yaml
pii:
# sales/customer.yaml
  customer_id: {id: 1, type: string(12), from: shop}
  name: {id: 2, type: string(80), from: shop}
# sales/customer.yaml
  tier: {id: 8, type: "enum [bronze, silver, gold]", from: crm, nullable: true}"#;
    KEPT_TOO_LONG = 3090, Error, "personal data kept for too long",
        what: "A contract keeps personal data for longer than its class allows, or for ever.",
        why: "The class says until when the data may be kept, wherever it is.",
        how: "Shorten `retention` under `expect`, or keep the field elsewhere.",
        broken: r"# project.yaml
    address: {protect: mask, about: Postal addresses., max_retention: 2y}",
        mended: r"# project.yaml
    address: {protect: mask, about: Postal addresses.}";
    NOT_DECLASSIFIED = 3091, Error, "declassified in words only",
        what: "A column of a model says `declassify`, and its expression does not do that.",
        why: "A column is only as impersonal as the query makes it, whatever is said of it. Only \
             forms are accepted that can be told from the expression alone.",
        how: "Write the expression as the message says, or keep the class.",
        broken: r"# marts/daily.yaml
  country: {id: 2, type: string(2), declassify: {by: bucket}}",
        mended: r"# marts/daily.yaml
  country: {id: 2, type: string(2)}";
    CANNOT_MATCH = 3092, Error, "adoption that can match nobody",
        what: "`adopt` matches by a field that a row or a record does not have, or that tells nobody apart.",
        why: "Records that people made are found by values that they and our rows have in common. What Salesforce itself \
              tells, a row does not know before it is adopted; a checkbox is the same for half of all.",
        how: "Match by a field that is delivered, or name the Salesforce field that holds it: `{field: email, in: \
              Old_Email__c}`.",
        broken: r"# sales/customer.yaml
    reveal: service
    adopt: {match: [tier]}",
        mended: r"# sales/customer.yaml
    reveal: service";
    TYPE_TOO_SMALL = 3093, Error, "type of a platform that does not hold every value",
        what: "A type under `types` does not hold every value that the field's `type` allows, or \
               would give some back as something else.",
        why: "A record that the contract allows would be cut, rounded or refused where it is stored.",
        how: "Take the type that the message names, or one that holds more; or let the field's \
              `type` allow less.",
        broken: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0, types: {snowflake: "NUMBER(10,2)"}}"#,
        mended: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0}"#;
    TYPE_OF_NOTHING = 3094, Error, "type for a platform that does not hold the field",
        what: "`types` names a platform to which the field does not go in plaintext.",
        why: "Nothing would have that type: the entity has no such sink, no mapping delivers the \
              field, or a ciphertext or token stands in its place.",
        how: "Remove the entry, or give the entity the sink or the mapping.",
        broken: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0, types: {salesforce: "Number(18,2)"}}"#,
        mended: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0}"#;
}
