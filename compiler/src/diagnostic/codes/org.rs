//! Family 3: mappings against what the Salesforce org says of itself.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    BAD_DESCRIBE = 3120, Error, "not the describe of an object",
        what: "A `.describe.json` file is not the answer of Salesforce's describe of one object.",
        why: "Mappings are held against it; what cannot be read would guard nothing.",
        how: "Commit the answer of `GET /services/data/v<version>/sobjects/<Object>/describe` as it \
              is, as `<Object>.describe.json`.",
        broken: "", mended: "";
    DESCRIBE_VERSION = 3121, Error, "describe of another API version",
        what: "A describe was asked in another version of the API than the one that calls are made in.",
        why: "Fields and types differ between versions: what one says is not what the other takes. \
              Nothing of the file is compared.",
        how: "Ask the org again in the version of `api_version`, or change `api_version`.",
        broken: "", mended: "";
    DESCRIBE_ORG = 3122, Error, "describe of another org",
        what: "A describe comes from another org than the one that `org` names.",
        why: "Orgs differ in fields, lengths and picklists. Nothing of the file is compared.",
        how: "Ask the right org and commit its answer, or correct `org`.",
        broken: "", mended: "";
    NO_DESCRIBE = 3123, Error, "object without a describe",
        what: "A system has `describe`, and a standard object that is written or read has no describe.",
        why: "Nothing would say before the first delivery whether the org takes what is mapped.",
        how: "Commit the answer of `GET /services/data/v<version>/sobjects/<Object>/describe` as \
              `<Object>.describe.json` in the folder that `describe` names.",
        broken: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%, describe: org}"#,
        mended: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%}"#;
    DESCRIBE_UNASKED = 3124, Warning, "describe that nothing asks for",
        what: "A describe stands in no folder that a Salesforce system names.",
        why: "It looks like a check, and nothing is held against it.",
        how: "Name its folder as `describe` of the system, or remove the file.",
        broken: "", mended: "";
    NOT_IN_ORG = 3125, Error, "not in the org",
        what: "A mapping names a standard field, a relationship or a field to read that the org does \
               not have, or that the integration user may not see.",
        why: "Salesforce refuses every record that names a field which it does not have.",
        how: "Correct the name, create the field, or grant it to the integration user; then commit \
              the new describe.",
        broken: "", mended: "";
    NOT_YET_IN_ORG = 3126, Warning, "the org waits for its metadata",
        what: "A custom field or object that the generated metadata creates or widens is not like \
               that in the describe.",
        why: "Records that need it are refused until the metadata is deployed.",
        how: "Deploy `generated/salesforce`, and commit the new describe. Use `--fail-on warning` \
              before a release.",
        broken: "", mended: "";
    NOT_WRITABLE = 3127, Error, "Salesforce does not let it be written",
        what: "Rows are delivered into an object or field that the API does not create or change: \
               computed, read only, or not granted.",
        why: "Every record that holds it is refused.",
        how: "Map another field, or grant it to the integration user and commit the new describe.",
        broken: "", mended: "";
    ORG_TYPE = 3128, Error, "another type in the org",
        what: "A field is mapped to a Salesforce field whose type does not take its values.",
        why: "Salesforce refuses the record, or stores something else.",
        how: "Map a field of the right type; the finding names those that fit.",
        broken: "", mended: "";
    ORG_SMALLER = 3129, Error, "the org holds less",
        what: "A field may be longer, or have more digits, than its Salesforce field holds.",
        why: "Salesforce refuses longer texts and larger numbers, and rounds what has more decimals.",
        how: "Bound the field in the contract, map a larger one, or widen it in the org and commit \
              the new describe.",
        broken: "", mended: "";
    ORG_PICKLIST = 3130, Error, "symbol that the picklist does not take",
        what: "A field may have a value that its restricted picklist does not list as active.",
        why: "Salesforce refuses the record (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST).",
        how: "Add the value to the picklist and commit the new describe, or map another field.",
        broken: "", mended: "";
    ORG_EXTERNAL_ID = 3131, Error, "not an external id of the org",
        what: "The field that records are found by is not a unique external id text that tells every \
               two keys apart.",
        why: "Upserts by it are refused, find two records, or write two rows into one.",
        how: "Mark it External ID, Unique and case sensitive in the org, long enough for the key, and \
              commit the new describe.",
        broken: "", mended: "";
    ORG_DEMANDS = 3132, Error, "required in the org, and not always fed",
        what: "Salesforce refuses records without a field that is not mapped, or whose value may be \
               missing.",
        why: "REQUIRED_FIELD_MISSING: no record, or not every one, can be created.",
        how: "Map a field that is always there, or make it optional or give it a default in the org \
              and commit the new describe.",
        broken: "", mended: "";
    ORG_LOOKUP = 3133, Error, "lookup that leads elsewhere",
        what: "A mapped relationship leads to another object than the one the parent is delivered to, \
               or by a field that is no external id there.",
        why: "Salesforce does not find the parent and refuses the record.",
        how: "Use the relationship that leads to the parent's object, and the parent's external id.",
        broken: "", mended: "";
    ORG_TELLS_MORE = 3134, Error, "the org tells what the contract does not take",
        what: "A field that is read from Salesforce may hold values that its contract refuses: longer \
               texts, more digits, other picklist values, nothing.",
        why: "What people type there would be quarantined instead of applied.",
        how: "Widen the field in the contract (`nullable`, `string(n)`, `decimal(p,s)`, the enum or \
              `open`), or restrict it in the org and commit the new describe.",
        broken: "", mended: "";
    CALLS_BEYOND_SHARE = 3135, Error, "more API calls than our share",
        what: "The calls that declared volumes need in a day, with rows gathered as long as the pipeline \
               gathers them, are more than `share` of `daily_calls`.",
        why: "The pipeline stops at its share, and rows would wait longer every day.",
        how: "Deliver fewer rows (`where`, fewer objects), or get the pipeline a larger share.",
        broken: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 15000, share: 25%}"#,
        mended: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%}"#;
    STORAGE_BEYOND = 3136, Error, "more records than the storage holds",
        what: "The records of all rows that are delivered take more than `storage_mb`.",
        why: "Salesforce refuses new records once its storage is full (STORAGE_LIMIT_EXCEEDED), and \
              people's, too.",
        how: "Deliver fewer rows: a shorter `where` together with `on_leave: delete`; or buy storage.",
        broken: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%, storage_mb: 1}"#,
        mended: r#"# project.yaml
  crm: {kind: salesforce, purpose: Where sales works., api_version: "60.0", daily_calls: 100000, share: 25%}"#;
    WINDOW_FIELD = 3150, Error, "no window to compute a model by",
        what: "`refresh: {window: ...}` names no field, or one that is no date or instant, may be null \
               or is not part of the key; or `rebuild` is shorter than `every`.",
        why: "A run replaces the rows of the windows that are open. A row without a window would never be \
              replaced; one that can move to another window without changing its key would stand in both.",
        how: "Name a field of the key that is a date or a timestamp.",
        broken: "# marts/daily.yaml\nrefresh: {every: 5m, window: country, late: 3d, rebuild: 1d}",
        mended: "# marts/daily.yaml\nrefresh: {every: 5m}";
    WINDOW_CROSSED = 3151, Error, "windows that depend on one another",
        what: "A model is to be computed window by window, and the rows of one window are not computed from \
               the input's rows of that window alone.",
        why: "A run computes the open windows only. What changes closed ones as well (a dimension, a \
              running total, LIMIT) would leave them as they are, and the table would depend on when \
              what arrived: it would no longer be a join of its inputs.",
        how: "Leave `window` out, so that every run computes everything; or take what crosses the windows \
              out into a model of its own that reads this one.",
        broken: "# marts/daily.yaml\nrefresh: {every: 5m, window: day, late: 3d, rebuild: 1d}",
        mended: "# marts/daily.yaml\nrefresh: {every: 5m}";
}
