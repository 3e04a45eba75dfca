//! Family 3: meaning.

use super::{Code, Severity};

codes! {
    NO_KEY = 3001, Error, "no key",
        "Every row needs a key: it is what changes are folded by, what sinks upsert by, and what \
         tombstones remember.";
    BAD_KEY = 3002, Error, "field cannot be part of a key",
        "A key field is never null, never left out of a change, never personal data (keys stand in file \
         names, logs and the ledger) and of a type whose equality is exact: no json, no bytes, no \
         unlimited text.";
    NO_EXISTENCE_OWNER = 3003, Error, "nobody, or more than one, owns existence",
        "The source that the key fields come `from` decides whether a row exists; the others only add to \
         it. It must be the same single source for every key field.";
    NO_SOURCE = 3004, Error, "field without source",
        "Every field of an entity says with `from` which source tells it. A field that nobody tells would \
         always be null.";
    TWO_OWNERS = 3005, Error, "two owners where versions decide",
        "Versions order the changes of one source. Two sources have no common order, so the newer (`latest`) or \
         older (`first`) of two values from different sources does not exist: the outcome would depend on which \
         arrives last. Give the field one owner, or a rule that compares the values themselves: `ranked`, `max` \
         or `min`; or split it into two fields.";
    REUSE_NEEDS_LATEST = 3006, Error, "rule needs `key_reuse: never`",
        "`ranked`, `max`, `min` and `first` keep a value for ever. When a deleted key comes back as \
         another row, whether the old row's value still counts would depend on arrival. Declare \
         `key_reuse: never`, or use `latest`.";
    RANKED_TYPE = 3007, Error, "`ranked` on something that is no enum",
        "The order of an enum's symbols is the rank; other types have none.";
    UNORDERABLE = 3008, Error, "`max` or `min` on a type without order",
        "`max` and `min` need a type that every target orders alike: whole numbers, decimals, dates, \
         timestamps. Texts are ordered differently by every collation.";
    BAD_GENERATION = 3009, Error, "`generation` does not fit",
        "`generation` names an integer field of the same owner, carried by every change, and only counts \
         under `merge: ranked`: a higher generation marks a correction that may lower the rank.";
    TRANSITIONS_TYPE = 3010, Error, "transitions on something that is no enum",
        "`transitions` lists the steps between the states of an enum.";
    REKEY_REUSE = 3011, Error, "`rekey` needs `key_reuse: never`",
        "When a key changes, what other owners and sinks know of the old row moves to the new one. Were \
         the old key used again, moves would form circles and two rows would mix. With `key_reuse: never` \
         moves form a forest.";
    DUPLICATE_ID = 3012, Error, "id used twice",
        "A field's id is what stays when it is renamed; stored files are read by it. No two fields, \
         removed ones included, share one.";
    DUPLICATE_NAME = 3013, Error, "name used twice",
        "Snowflake and Salesforce do not tell upper from lower case, and the pipeline adds columns such \
         as `<field>_token`: two names that meet there would be one column.";
    RESERVED_NAME = 3014, Error, "name of a removed field",
        "The id or name stands under `reserved`: it belonged to a field that was removed. Old files and \
         old consumers would read the new field as the old one. Take another.";
    NOT_LARGE = 3015, Error, "field must be `large: true`",
        "PostgreSQL stores long values out of line and leaves them out of updates that do not touch them. \
         Declared `large`, the field is a merge group of its own, and an update without it does not erase \
         it. Limit the text to 500 characters, or declare it.";
    LARGE_SOURCE = 3016, Error, "`large` without a PostgreSQL source",
        "Only PostgreSQL leaves unchanged values out because of their size. For other sources say \
         `optional: true`.";
    PII_FORBIDDEN = 3017, Error, "personal data to a system that its class forbids",
        "The class says that the system must never get the field, protected or not. Remove the mapping, \
         or change the class after talking to whoever answers for it.";
    PII_NOT_REVEALED = 3018, Error, "protected field to a sink that needs plaintext",
        "Salesforce shows values to people, so it needs plaintext, and the field is encrypted or \
         tokenized. A sink that reveals says for which purpose: `reveal: <purpose>`; every reveal is \
         audited. A tokenized field cannot be revealed at all.";
    PII_LOST = 3019, Error, "model column loses its class of personal data",
        "The column is computed from personal data, and personal data stays personal in a sum, a maximum \
         or a concatenation. Declare `pii` with the class of its source, or do not read the field.";
    PII_DROPPED = 3020, Error, "dropped field is used",
        "The class of the field is `drop`: it is never landed, so nothing can be delivered, ruled on \
         after apply, or read.";
    LOOP = 3021, Error, "Salesforce gets its own field back",
        "The field is owned by Salesforce. Writing it back would be an echo that Salesforce reports as a \
         change, which would be written back again. Map it in one direction.";
    SAME_TARGET = 3022, Error, "two datasets write one target",
        "Two entities or models write the same table or Salesforce object. Each would take the other's \
         rows for its own.";
    CROSS_OWNER_QUARANTINE = 3023, Error, "rule over two owners cannot quarantine",
        "A record can be kept aside only at capture, and at capture only the fields of one source are \
         there. A rule over fields of two owners is checked after they have been joined, when the row is \
         already there: it can only alarm. Say `on_fail: alarm`.";
    LOOKUP_PARENT = 3024, Error, "lookup does not lead to a delivered entity",
        "`Customer__r.Customer_Id__c: customer_id` refers to a record by its external id, so the field \
         must `reference` an entity that is delivered to the same Salesforce under exactly that external \
         id. Its records are then delivered first.";
    MAPPED_TWICE = 3025, Error, "Salesforce field written twice",
        "Two mappings, or a mapping and the external id, write the same Salesforce field. Salesforce \
         takes one and does not say which.";
    BAD_FILTER_FIELD = 3026, Error, "age filter over something that has no age",
        "`where` needs a date or timestamp field that is never null: a row without a date would neither stay nor age out.";
    BOUNDS = 3027, Error, "bounds do not fit",
        "`min`, `max`, `pattern` and `format` must fit the type (bounds for numbers, \
         pattern and format for texts), and `min` must not be above `max`.";
    WRONG_DATABASE = 3028, Error, "table outside the system's database",
        "The warehouse role may write one database. A table elsewhere would need rights that nobody has \
         reviewed.";
    REFERENCE_TYPE = 3029, Error, "reference of another type than the key",
        "A field that references an entity holds its key, so the entity has a single key field and the \
         types are equal; otherwise joins and lookups would compare unlike things.";
    MODEL_KEY = 3030, Error, "model key is no field",
        "The key of a model names declared, non-nullable fields: sinks and readers find its rows by it.";
    MODEL_SINK = 3031, Error, "model without a warehouse table",
        "A model is computed in the warehouse and needs `sinks: <warehouse>: {table: ...}`; it is not \
         delivered to other systems yet.";
    NO_FRESHNESS_SINK = 3032, Error, "freshness of a system that gets nothing",
        "`expect.freshness` promises how soon a change is visible in a sink. The system is no sink of \
         this contract.";
    BAD_SALESFORCE_NAME = 3033, Error, "not a Salesforce name",
        "Salesforce API names are letters, digits and single underscores, beginning with a letter; custom \
         ones end in `__c`, relationships in `__r`.";
    BAD_TRANSITION = 3034, Error, "transition that `ranked` would undo",
        "Under `ranked` the later state in the enum wins. A transition to an earlier state would never be \
         shown. Reorder the enum, or drop the transition.";
    NO_SINK = 3035, Warning, "entity that goes nowhere",
        "The entity has no sink: it would be captured and landed, and nobody could read it.";
    OPTIONAL_NOT_NULLABLE = 3036, Error, "optional field that cannot be null",
        "Until a change carries the field, the row has no value for it. An optional field is therefore \
         `nullable: true`.";
    RULE_UNREADABLE = 3037, Error, "rule after apply over a protected field",
        "A rule over fields of two owners is checked in the warehouse, where encrypted and tokenized \
         fields are unreadable and dropped ones are absent. Leave the field out of the rule.";
    NOTHING_TO_MERGE = 3038, Error, "non-`latest` rule on a key or dropped field",
        "Key fields and dropped fields have no merge group, so a merge rule has nothing to decide.";
    BAD_PATTERN = 3039, Error, "not a regular expression",
        "`pattern` is a regular expression in the syntax of Rust's `regex` crate, which the whole text must match. \
         Back references and look-around are not part of it: they could take for ever on somebody's input.";
    STALE_PROMISE = 3040, Error, "promise that the schedule breaks",
        "A model's rows are as old as its last run. A promise of freshness that is tighter than the time between \
         two runs cannot be kept. Run it more often, or promise less.";
    MODEL_TYPE = 3041, Error, "field cannot hold the column it shows",
        "The field shows a column as it is, and its type is not the column's, nor a wider one of the same kind: \
         values would be cut, rounded or refused. Declare the column's type, or convert in the query with `CAST`.";
    INPUT_NOT_STORED = 3042, Error, "model reads what its warehouse does not hold",
        "A model is computed in its warehouse, from tables there. An entity or model that it reads has no table in \
         that warehouse. Give it one under `sinks`, or do not read it.";
}
