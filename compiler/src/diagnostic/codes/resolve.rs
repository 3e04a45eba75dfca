//! Family 2: names.

use super::{Code, Severity};

codes! {
    UNKNOWN_SYSTEM = 2001, Error, "unknown system",
        "A source, sink, freshness promise or `forbid` names a system that `project.yaml` does not \
         declare.";
    UNKNOWN_SOURCE = 2002, Error, "unknown source",
        "`from` names a source that the entity does not list under `sources`.";
    UNKNOWN_FIELD = 2003, Error, "unknown field",
        "A key, quality rule, mapping, filter or generation names a field that does not exist.";
    UNKNOWN_ENTITY = 2004, Error, "unknown entity",
        "`references` names an entity that no file declares. A dangling reference would break lookups in \
         Salesforce and joins in the warehouse.";
    UNKNOWN_CLASS = 2005, Error, "unknown class of personal data",
        "`pii` names a class that `project.yaml` does not declare under `pii.classes`. How a value is \
         protected is decided by its class and nowhere else, so an unknown class cannot be guessed.";
    UNKNOWN_PURPOSE = 2006, Error, "unknown purpose",
        "`reveal` names a purpose that `project.yaml` does not declare under `pii.purposes`. Every reveal \
         of personal data is audited under its purpose.";
    UNKNOWN_STATE = 2007, Error, "unknown state",
        "`transitions` names a state that the enum does not have: the step could never be taken.";
    SOURCE_SHAPE = 2008, Error, "source does not fit its system",
        "A PostgreSQL source has `table: schema.name`; a stream has `stream`, `event_id`, `occurred_at` \
         and, where producers count, `order`; Salesforce has `object` and `key`. Keys of another kind of \
         system are errors.";
    SINK_SHAPE = 2009, Error, "sink does not fit its system",
        "Snowflake takes `table: DATABASE.SCHEMA.NAME` and `history`; Salesforce takes `object`, \
         `external_id`, `fields`, and optionally `where`, `on_delete` and `reveal`. Other systems are no \
         sinks yet.";
    NO_ORDER = 2010, Error, "stream without order",
        "Events come late, twice and out of order. Only a sequence (`order`) or the event time \
         (`occurred_at`) together with the event's id (`event_id`) says which of two events is newer; the \
         time of arrival does not. Without them there is no join, and the outcome would depend on the \
         network.";
    BAD_EXPRESSION = 2011, Error, "not a rule",
        "A quality rule is a boolean SQL expression over the fields of one record: comparisons, `AND`, \
         `OR`, `NOT`, `IN`, `BETWEEN`, `IS NULL`, and `+ - *` over numbers. It is checked in Rust at \
         capture and as SQL in the warehouse, so it holds only what means the same in both: no functions, \
         no division, no floating-point numbers.";
    EXPRESSION_TYPE = 2012, Error, "types of a rule do not fit",
        "Both sides of a comparison must be numbers, texts, dates, timestamps or flags alike, arithmetic \
         needs numbers, and an enum can only equal one of its own symbols: a typo would otherwise be a \
         rule that always holds.";
    BAD_QUERY = 2013, Error, "not a query",
        "A model is one `SELECT` (with CTEs, joins and subqueries) that Snowflake and DuckDB read alike.";
    SELECT_STAR = 2014, Error, "`*` in a query",
        "With `*` the columns of a model change whenever an input changes, and neither lineage nor the \
         flow of personal data can be read from the query. Name the columns; `COUNT(*)` is fine.";
    UNKNOWN_TABLE = 2015, Error, "query reads something unknown",
        "A model reads entities, other models and its own CTEs. Other tables are outside the contracts: \
         nobody could say when they are fresh or what breaks when they change.";
    UNKNOWN_COLUMN = 2016, Error, "query reads an unknown column",
        "The column is not a field of what the query reads at this place.";
    AMBIGUOUS_COLUMN = 2017, Error, "ambiguous column",
        "More than one table of the query has a column of that name. Qualify it with the table's alias.";
    OUTPUT_COLUMNS = 2018, Error, "query and fields differ",
        "The output columns of the query must be the declared fields, by name and in order: the fields \
         are what consumers are promised, the query is how they are computed.";
    DROPPED_COLUMN = 2019, Error, "query reads a field that is never landed",
        "The field's class of personal data is `drop`: capture forgets the value before anything touches \
         disk, so there is no column to read.";
    UNKNOWN_MAPPING = 2020, Error, "mapping names nothing",
        "`key` or `fields` of a Salesforce source maps a field that does not exist or is not told by that \
         source.";
}
