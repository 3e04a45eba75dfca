//! Family 1: text to tree.

use super::{Code, Severity};

codes! {
    NOT_YAML = 1001, Error, "not YAML",
        "The file is not well-formed YAML. The most common causes: a tab used for indentation, a text \
         that holds `: ` or ` #` without quotes, a bracket that is not closed, and `decimal(12,2)` \
         without quotes inside `{...}`.";
    YAML_FEATURE = 1002, Error, "a feature of YAML outside the language",
        "Anchors, aliases, tags, merge keys, directives and several documents in one file are refused. A \
         contract is documentation: what applies to a field stands at the field, and one file declares \
         one thing.";
    UNKNOWN_KEY = 1003, Error, "unknown key",
        "The key is not part of the language at this place. Ignoring it would mean that something \
         somebody asked for does not happen, so it is an error. The message lists the keys that are known \
         here.";
    DUPLICATE_KEY = 1004, Error, "duplicate key",
        "The same key stands twice in one map. YAML readers differ in which one they take; here it is an \
         error. Remove one.";
    MISSING_KEY = 1005, Error, "missing key",
        "A key that has no sensible default is not there. Contracts state who answers for the data, what \
         a row is and which changes are promised not to happen, because consumers depend on it.";
    WRONG_KIND = 1006, Error, "value of another kind",
        "The value is a text where a list or map is expected, or the other way round, or a number does \
         not fit. The carets mark the value.";
    UNKNOWN_WORD = 1007, Error, "unknown word",
        "The value must be one of a few words. The message lists them.";
    BAD_TYPE = 1008, Error, "not a type",
        "Types are `bool`, `int32`, `int64`, `decimal(p,s)`, `string`, `string(n)`, `uuid`, `date`, \
         `timestamp`, `enum [a, b]`, `json` and `bytes`. A decimal has 1 to 37 digits: its merge guard \
         has room for no more. There are no floating-point types, since sums of money would depend on the \
         order in which they are added.";
    BAD_NAME = 1009, Error, "not a name",
        "Names are lower case, with digits and `_`, begin with a letter and have at most 50 characters. \
         Then every target (PostgreSQL, Snowflake, Rust, Salesforce) takes them without quotes, and no \
         two of them meet when a system folds case.";
    BAD_VERSION = 1010, Error, "not a version",
        "A contract's version is `major.minor.patch`: a breaking change raises the first number, an \
         addition the second, a correction the third.";
    BAD_DURATION = 1011, Error, "not a duration",
        "Durations are a whole number above 0 and a unit: `s`, `m`, `h`, `d` for freshness and schedules, \
         `d`, `w`, `months`, `y` for retention.";
    BAD_FILTER = 1012, Error, "not an age filter",
        "`where` of a sink takes `<field> > now() - <number> days|months|years` and nothing else. A row \
         may leave a sink only by growing old: any other condition could flip back and forth with every \
         change, and each flip would be a delete and an insert in the sink.";
    BAD_SHARE = 1013, Error, "not a share",
        "`share` is the part of an organisation's daily API calls that the pipeline may use: a whole \
         number from 1 to 100 and `%`.";
    FILE_TOO_LARGE = 1014, Error, "file too large",
        "A contract file has at most 1 MiB and 100,000 values. More is a mistake: a data file in the \
         wrong folder, or generated YAML. Keep one entity or model per file.";
    TOO_DEEP = 1015, Error, "nested too deep",
        "Values nest at most 16 deep; the language itself needs 6.";
    EMPTY_FILE = 1016, Error, "empty file",
        "A `.yaml` file under the contracts folder declares nothing. Remove it or begin it with \
         `entity:`, `model:` or `project:`.";
    NO_KIND = 1017, Error, "neither entity, model nor project",
        "Every contract file begins with what it declares: `entity: <area>.<name>`, `model: \
         <area>.<name>` or `project: <name>`.";
    DECLARED_TWICE = 1018, Error, "declared twice",
        "Two files declare an entity or model of the same name, or two project files exist. Names are \
         unique over entities and models, since queries and references use them.";
    NO_PROJECT = 1019, Error, "no project",
        "`project.yaml` declares systems, classes of personal data, purposes, environments and the \
         budget. Without it nothing that a contract names can be looked up.";
}
