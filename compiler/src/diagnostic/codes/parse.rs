//! Family 1: text to tree.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    NOT_YAML = 1001, Error, "not YAML",
        what: "The file is not well-formed YAML.",
        why: "The most common causes: a tab used for indentation, a text that holds `: ` or ` #` \
             without quotes, a bracket that is not closed, and `decimal(12,2)` without quotes \
             inside `{...}`.",
        how: "Indent with spaces, close brackets, and quote texts that hold `: `, ` #` or a comma \
             inside braces.",
        broken: r"# project.yaml
budget: {monthly_usd: 100",
        mended: r"# project.yaml
budget: {monthly_usd: 100}";
    YAML_FEATURE = 1002, Error, "a feature of YAML outside the language",
        what: "An anchor, alias, tag, merge key, directive or second document stands in the file.",
        why: "A contract is documentation: what applies to a field stands at the field, and one \
             file declares one thing.",
        how: "Write the value out where it applies.",
        broken: r"# sales/customer.yaml
owner: &me crm@shop.example
# sales/customer.yaml
purpose: *me",
        mended: r"# sales/customer.yaml
owner: crm@shop.example
# sales/customer.yaml
purpose: One row per customer.";
    UNKNOWN_KEY = 1003, Error, "unknown key",
        what: "A key is not part of the language at this place.",
        why: "Ignoring it would mean that something somebody asked for does not happen, so it is \
             an error.",
        how: "Take one of the keys that the message lists.",
        broken: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nulable: true, pii: address}",
        mended: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: address}";
    DUPLICATE_KEY = 1004, Error, "duplicate key",
        what: "The same key stands twice in one map.",
        why: "YAML readers differ in which one they take; here it is an error.",
        how: "Remove one.",
        broken: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0}
  tax: {id: 50, type: int64, from: shop}"#,
        mended: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0}"#;
    MISSING_KEY = 1005, Error, "missing key",
        what: "A key that has no sensible default is not there.",
        why: "Contracts state who answers for the data, what a row is and which changes are \
             promised not to happen, because consumers depend on it.",
        how: "Add it.",
        broken: r"# sales/order.yaml
version: 1.0.0",
        mended: r"# sales/order.yaml
version: 1.0.0
owner: orders@shop.example";
    WRONG_KIND = 1006, Error, "value of another kind",
        what: "A value is a text where a list or map is expected, or the other way round, or a \
             number does not fit.",
        why: "What was meant cannot be guessed, and a guess would be built.",
        how: "Write it as the message says.",
        broken: r"# sales/order.yaml
owner:",
        mended: r"# sales/order.yaml
owner: orders@shop.example";
    UNKNOWN_WORD = 1007, Error, "unknown word",
        what: "The value must be one of a few words, and is none of them.",
        why: "What was meant cannot be guessed, and a guess would be built.",
        how: "Take one of the words that the message lists.",
        broken: r"# sales/order.yaml
    merge: rank",
        mended: r"# sales/order.yaml
    merge: ranked";
    BAD_TYPE = 1008, Error, "not a type",
        what: "The text is no type of the language.",
        why: "Types are `bool`, `int32`, `int64`, `decimal(p,s)`, `string`, `string(n)`, `uuid`, \
             `date`, `timestamp`, `enum [a, b]`, `json` and `bytes`. A decimal has 1 to 37 \
             digits: its merge guard has room for no more. There are no floating-point types, \
             since sums of money would depend on the order in which they are added.",
        how: "Take one of the types that the message lists, and put those with a comma in quotes.",
        broken: r"# sales/order.yaml
  tax: {id: 5, type: decimal(12,2), from: shop, unit: EUR, min: 0}",
        mended: r#"# sales/order.yaml
  tax: {id: 5, type: "decimal(12,2)", from: shop, unit: EUR, min: 0}"#;
    BAD_NAME = 1009, Error, "not a name",
        what: "A name has capitals, dashes or spaces, or more than 50 characters.",
        why: "Then every target (PostgreSQL, Snowflake, Rust, Salesforce) takes it without quotes, \
             and no two names meet when a system folds case.",
        how: "Write it in lower case, with digits and `_`, beginning with a letter.",
        broken: r"# sales/customer.yaml
  fullName: {id: 2, type: string(80), from: shop}
# sales/customer.yaml
      Name: fullName",
        mended: r"# sales/customer.yaml
  name: {id: 2, type: string(80), from: shop}
# sales/customer.yaml
      Name: name";
    BAD_VERSION = 1010, Error, "not a version",
        what: "A version is not three numbers.",
        why: "A contract's version is `major.minor.patch`: a breaking change raises the first \
             number, an addition the second, a correction the third.",
        how: "Write it as `1.0.0`.",
        broken: r#"# sales/order.yaml
version: "1.0""#,
        mended: r"# sales/order.yaml
version: 1.0.0";
    BAD_DURATION = 1011, Error, "not a duration",
        what: "A duration is not a whole number above 0 and a unit.",
        why: "A number alone would be taken for seconds by one reader and minutes by the next.",
        how: "Write `2m` or `10m` for freshness and schedules, `90d` or `3y` for retention.",
        broken: r"# marts/daily.yaml
refresh: {every: 5}",
        mended: r"# marts/daily.yaml
refresh: {every: 5m}";
    BAD_FILTER = 1012, Error, "not an age filter",
        what: "`where` of a sink is something else than an age.",
        why: "A row may leave a sink only by growing old: any other condition could flip back and \
             forth with every change, and each flip would be a delete and an insert in the sink.",
        how: "Write `<field> > now() - <number> days|months|years`.",
        broken: r"# sales/order.yaml
    where: status <> cancelled",
        mended: r"# sales/order.yaml
    where: placed_at > now() - 18 months";
    BAD_SHARE = 1013, Error, "not a share",
        what: "`share` is not a whole number from 1 to 100 and `%`.",
        why: "It is the part of an organisation's daily API calls that the pipeline may use: more \
             than all of them cannot be, and none would stand still.",
        how: "Write it as `25%`.",
        broken: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 125%}"#,
        mended: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%}"#;
    FILE_TOO_LARGE = 1014, Error, "file too large",
        what: "A contract file has more than 1 MiB or 100,000 values.",
        why: "It is a mistake: a data file in the wrong folder, or generated YAML.",
        how: "Keep one entity or model per file, and data out of the folder.",
        broken: "",
        mended: "";
    TOO_DEEP = 1015, Error, "nested too deep",
        what: "Values nest more than 16 deep.",
        why: "Deeper files are generated by mistake, or made to exhaust whoever reads them.",
        how: "Write the contract flat; the language itself needs 6.",
        broken: r"# project.yaml
budget: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        mended: r"# project.yaml
budget: {monthly_usd: 100}";
    EMPTY_FILE = 1016, Error, "empty file",
        what: "A `.yaml` file under the contracts folder declares nothing.",
        why: "Somebody meant to declare something, and it does not happen.",
        how: "Remove it or begin it with `entity:`, `model:` or `project:`.",
        broken: r"# sales/later.yaml
# later",
        mended: "";
    NO_KIND = 1017, Error, "neither entity, model nor project",
        what: "A contract file does not say what it declares.",
        why: "Nothing else says what its other keys mean.",
        how: "Begin it with `entity: <area>.<name>`, `model: <area>.<name>`, `project: <name>` or \
             `waivers:`.",
        broken: r"# sales/later.yaml
entitiy: sales.later
version: 1.0.0",
        mended: "";
    DECLARED_TWICE = 1018, Error, "declared twice",
        what: "Two files declare an entity or model of the same name, or two project files exist.",
        why: "Names are unique over entities and models, since queries and references use them.",
        how: "Rename or remove one of them.",
        broken: r"# sales/second.yaml
model: sales.order
version: 1.0.0",
        mended: "";
    NO_PROJECT = 1019, Error, "no project",
        what: "No file declares the project.",
        why: "`project.yaml` declares systems, classes of personal data, purposes, environments \
             and the budget. Without it nothing that a contract names can be looked up.",
        how: "Add `project.yaml` beside the contracts, beginning with `project: <name>`.",
        broken: r"# project.yaml",
        mended: r#"# project.yaml
project: shop
version: 1.0.0
owner: data@shop.example
purpose: The valid contracts that every case of this folder breaks in one place.

systems:
  shop: {kind: postgres, purpose: The shop's database., publication: shop_pub, slot: shop_slot}
  events: {kind: stream, purpose: Events of the floor.}
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%}
  lake: {kind: snowflake, purpose: Reports., database: ANALYTICS}

pii:
  classes:
    contact: {protect: encrypt, about: E-mail and telephone.}
    freetext: {protect: encrypt, about: Typed by people., forbid: [crm]}
    secret: {protect: encrypt, about: Must not reach the lake., forbid: [lake]}
    address: {protect: mask, about: Postal addresses.}
    device: {protect: tokenize, about: Identifiers of devices.}
    birth: {protect: drop, about: Dates of birth.}
  purposes:
    service: The service desk calls customers.

budget: {monthly_usd: 100}"#;
}
