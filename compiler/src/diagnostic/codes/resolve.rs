//! Family 2: names.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    UNKNOWN_SYSTEM = 2001, Error, "unknown system",
        what: "A source, sink, freshness promise or `forbid` names a system that is not declared.",
        why: "Nobody could connect to it.",
        how: "Take a declared name, or declare the system in `project.yaml`.",
        broken: r"# sales/customer.yaml
  shop: {system: shopp, table: public.customers}",
        mended: r"# sales/customer.yaml
  shop: {table: public.customers}";
    UNKNOWN_SOURCE = 2002, Error, "unknown source",
        what: "`from` names a source that the entity does not list under `sources`.",
        why: "The field would never get a value.",
        how: "Take a listed source, or list it.",
        broken: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: event, nullable: true, optional: true}",
        mended: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
    UNKNOWN_FIELD = 2003, Error, "unknown field",
        what: "A key, quality rule, mapping, filter or generation names a field that does not \
             exist.",
        why: "What was asked for cannot happen without the field.",
        how: "Take a declared field.",
        broken: r"# sales/customer.yaml
key: [customerid]",
        mended: r"# sales/customer.yaml
key: [customer_id]";
    UNKNOWN_ENTITY = 2004, Error, "unknown entity",
        what: "`references` names an entity that no file declares.",
        why: "A dangling reference would break lookups in Salesforce and joins in the warehouse.",
        how: "Take a declared entity, or declare it.",
        broken: r"# sales/order.yaml
  customer_id: {id: 2, type: string(12), from: shop, references: sales.costumer}",
        mended: r"# sales/order.yaml
  customer_id: {id: 2, type: string(12), from: shop, references: sales.customer}";
    UNKNOWN_CLASS = 2005, Error, "unknown class of personal data",
        what: "`pii` names a class that `project.yaml` does not declare.",
        why: "How a value is protected is decided by its class and nowhere else, so an unknown \
             class cannot be guessed.",
        how: "Take a declared class, or declare it under `pii.classes`.",
        broken: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: adress}",
        mended: r"# sales/customer.yaml
  street: {id: 4, type: string(200), from: shop, nullable: true, pii: address}";
    UNKNOWN_PURPOSE = 2006, Error, "unknown purpose",
        what: "`reveal` names a purpose that `project.yaml` does not declare.",
        why: "Every reveal of personal data is audited under its purpose.",
        how: "Take a declared purpose, or declare it under `pii.purposes`.",
        broken: r"# sales/customer.yaml
    reveal: services",
        mended: r"# sales/customer.yaml
    reveal: service";
    UNKNOWN_STATE = 2007, Error, "unknown state",
        what: "`transitions` names a state that the enum does not have.",
        why: "The step could never be taken.",
        how: "Take one of the enum's states.",
        broken: r"# sales/order.yaml
      placed: [payed, cancelled]",
        mended: r"# sales/order.yaml
      placed: [paid, cancelled]";
    SOURCE_SHAPE = 2008, Error, "source does not fit its system",
        what: "A source lacks a key that its kind of system needs, or has one of another kind.",
        why: "Each kind of system is read in its own way.",
        how: "A PostgreSQL source has `table: schema.name`; a stream has `stream`, `event_id`, \
             `occurred_at` and, where producers count, `order`; Salesforce has `object` and \
             `key`.",
        broken: r"# sales/order.yaml
  shop: {table: orders}",
        mended: r"# sales/order.yaml
  shop: {table: public.orders}";
    SINK_SHAPE = 2009, Error, "sink does not fit its system",
        what: "A sink lacks a key that its kind of system needs, or has one of another kind.",
        why: "Each kind of system is written in its own way.",
        how: "Snowflake takes `table: DATABASE.SCHEMA.NAME` and `history`; Salesforce takes \
             `object`, `external_id`, `fields`, and optionally `where`, `on_delete`, `on_leave`, `max_removals`, `max_updates`, `reveal` and `adopt`.",
        broken: r"# marts/daily.yaml
  lake: {table: ANALYTICS.MARTS.Daily-Sales}",
        mended: r"# marts/daily.yaml
  lake: {table: ANALYTICS.MARTS.DAILY}";
    NO_ORDER = 2010, Error, "stream without order",
        what: "A stream says neither how its events are ordered nor when they occurred.",
        why: "Events come late, twice and out of order. Only a sequence (`order`) or the event \
             time (`occurred_at`) together with the event's id (`event_id`) says which of two \
             events is newer; the time of arrival does not. Without them there is no join, and \
             the outcome would depend on the network.",
        how: "Add `order`, or `occurred_at` together with `event_id`.",
        broken: r"# sales/order.yaml
  events: {stream: order-events, event_id: event_id, order: sequence}",
        mended: r"# sales/order.yaml
  events: {stream: order-events, event_id: event_id, order: sequence, occurred_at: occurred_at}";
    BAD_EXPRESSION = 2011, Error, "not a rule",
        what: "A quality rule is something else than a boolean expression over the fields of one \
             record.",
        why: "It is checked in Rust at capture and as SQL in the warehouse, so it holds only what \
             means the same in both: no functions, no division, no floating-point numbers.",
        how: "Use comparisons, `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `IS NULL`, and `+ - *` over \
             numbers.",
        broken: r"# sales/order.yaml
    expect: ABS(tax) <= total",
        mended: r"# sales/order.yaml
    expect: tax <= total";
    EXPRESSION_TYPE = 2012, Error, "types of a rule do not fit",
        what: "A quality rule compares or adds things that are not alike.",
        why: "A typo would otherwise be a rule that always holds, or never.",
        how: "Compare numbers with numbers, texts with texts, and an enum with its own symbols.",
        broken: r"# sales/order.yaml
    expect: tax <= '5'",
        mended: r"# sales/order.yaml
    expect: tax <= total";
    BAD_QUERY = 2013, Error, "not a query",
        what: "The query of a model is not one `SELECT` that Snowflake and DuckDB read alike.",
        why: "The same model runs in both warehouses, and its lineage is read out of it.",
        how: "Write one `SELECT`, with CTEs, joins and subqueries as needed.",
        broken: r"# marts/daily.yaml
  SELEC CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    SELECT_STAR = 2014, Error, "`*` in a query",
        what: "A query selects `*`.",
        why: "With `*` the columns of a model change whenever an input changes, and neither \
             lineage nor the flow of personal data can be read from the query.",
        how: "Name the columns; `COUNT(*)` is fine.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, o.*",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    UNKNOWN_TABLE = 2015, Error, "query reads something unknown",
        what: "A query reads something that is no entity, model or CTE.",
        why: "Other tables are outside the contracts: nobody could say when they are fresh or what \
             breaks when they change.",
        how: "Declare an entity for it, or read another one.",
        broken: r"# marts/daily.yaml
  JOIN sales.customers AS c ON c.customer_id = o.customer_id",
        mended: r"# marts/daily.yaml
  JOIN sales.customer AS c ON c.customer_id = o.customer_id";
    UNKNOWN_COLUMN = 2016, Error, "query reads an unknown column",
        what: "A query reads a column that is not there.",
        why: "The model would fail in the warehouse, at night.",
        how: "Take a field of what the query reads at this place.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.totl) AS total",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    AMBIGUOUS_COLUMN = 2017, Error, "ambiguous column",
        what: "More than one table of the query has a column of that name.",
        why: "Which one is meant would depend on the warehouse.",
        how: "Qualify it with the table's alias.",
        broken: r"# marts/daily.yaml
  JOIN sales.customer AS c ON c.customer_id = o.customer_id AND customer_id IS NOT NULL",
        mended: r"# marts/daily.yaml
  JOIN sales.customer AS c ON c.customer_id = o.customer_id";
    OUTPUT_COLUMNS = 2018, Error, "query and fields differ",
        what: "The output columns of the query are not the declared fields, by name and in order.",
        why: "The fields are what consumers are promised, the query is how they are computed.",
        how: "Name the columns as the fields are named, in their order.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total)",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    DROPPED_COLUMN = 2019, Error, "query reads a field that is never landed",
        what: "A query reads a field whose class of personal data is `drop`.",
        why: "The field's class of personal data is `drop`: capture forgets the value before \
             anything touches disk, so there is no column to read.",
        how: "Leave the column out, or change the class after talking to whoever answers for it.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, MAX(c.born_on) AS country, SUM(o.total) AS total",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    UNKNOWN_MAPPING = 2020, Error, "mapping names nothing",
        what: "`key` or `fields` of a Salesforce source maps a field that does not exist or does \
             not come from it.",
        why: "The mapping would never be used, and what was meant would be missing.",
        how: "Take a field of the entity that comes `from` this source.",
        broken: r"# sales/customer.yaml
    fields: {level: Tier__c}",
        mended: r"# sales/customer.yaml
    fields: {tier: Tier__c}";
    ONE_WAREHOUSE = 2021, Error, "not the same in every warehouse",
        what: "A query uses what only one warehouse has, or what answers otherwise in another.",
        why: "Models are rendered for Snowflake and DuckDB and must give the same rows in both; \
             a function that one of them lacks fails at night, one that differs does so silently.",
        how: "Take a function that all warehouses share: docs/language.md lists them.",
        broken: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, NVL(o.country, '--') AS country, SUM(o.total) AS total",
        mended: r"# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total";
    ROW_FILTER = 2022, Error, "rows filtered by more than the key",
        what: "`where` of a PostgreSQL source is something else than comparisons of key fields with literals, joined by `AND`.",
        why: "The log tells of a row that leaves a filter only where the key says so: a row that left by another column would stay \
              in every target, and a change that leaves that column out could not be judged.",
        how: "Filter by the key, or take every row and limit what is delivered with `where` of the sink.",
        broken: r"# sales/customer.yaml
  shop: {table: public.customers, where: name = 'DE'}",
        mended: r"# sales/customer.yaml
  shop: {table: public.customers}";
    OUTBOX = 2023, Error, "not an outbox",
        what: "`outbox` of a stream names no table of a PostgreSQL database, or one that an entity is read from.",
        why: "Events are read from the database's log, where each stands with the rest of its transaction; of an outbox only \
              insertions count.",
        how: "Name a PostgreSQL system, and a table of its own with its schema.",
        broken: r"# project.yaml
  events: {kind: stream, purpose: Events of the floor., outbox: {system: shop, table: outbox}}",
        mended: r"# project.yaml
  events: {kind: stream, purpose: Events of the floor.}";
}
