//! Family 3: words by which contracts change. CV3060 to CV3079.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    BAD_DEFAULT = 3060, Error, "default that the field would refuse",
        what: "A `default` is no value of its field.",
        why: "A record that leaves the field out gets the default: it must pass the field's own \
             type, limits, pattern and symbols. Fields of type uuid, timestamp, json and bytes \
             have none.",
        how: "Write a value that a record could carry.",
        broken: r"# sales/order.yaml
  revision: {id: 8, type: int32, from: shop, default: many}",
        mended: r"# sales/order.yaml
  revision: {id: 8, type: int32, from: shop}";
    NEEDLESS_DEFAULT = 3061, Error, "default that would never be used",
        what: "A `default` stands at a field that a record leaves out for another reason.",
        why: "A change that leaves out an optional or large field does not touch it, Salesforce \
             leaves out what did not change, and a record without its key is about no row.",
        how: "Remove `default`, or what makes the field optional.",
        broken: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true, default: none}",
        mended: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
    PERSONAL_DEFAULT = 3062, Error, "default of personal data",
        what: "A field of a class of personal data has a `default`.",
        why: "A default stands in the contract, in generated code and in tables, unprotected.",
        how: "Remove the default; let the field be `nullable` and `optional`.",
        broken: r"# sales/customer.yaml
  email: {id: 3, type: string(254), from: shop, pii: contact, default: nobody@shop.example}",
        mended: r"# sales/customer.yaml
  email: {id: 3, type: string(254), from: shop, pii: contact}";
    BAD_ALIAS = 3063, Error, "alias that cannot be read",
        what: "A name under `aliases` is taken, or no source would ever use it.",
        why: "Events and Salesforce records that still use the old name are read as this field. A \
             name that means something else there would mix two fields; a column of PostgreSQL \
             has one name at a time.",
        how: "Name what the field was called by a stream or in Salesforce, or remove the alias.",
        broken: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true, aliases: [sequence]}",
        mended: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
    BAD_OPEN = 3064, Error, "enum that cannot be open",
        what: "`open: true` stands at a field where symbols must be known.",
        why: "Unknown symbols of an open enum are kept as they are. They have no rank, no \
             transitions and no place in a key, and other types have no symbols.",
        how: "Remove `open`, or what needs every symbol to be known.",
        broken: r"# sales/order.yaml
    type: enum [placed, paid, shipped, cancelled]
    open: true",
        mended: r"# sales/order.yaml
    type: enum [placed, paid, shipped, cancelled]";
    CLOSED_SHARED = 3065, Error, "closed stream that others read",
        what: "`unknown: closed` stands at a stream that another entity reads as well.",
        why: "Members of one entity are unknown to the other: every event would be quarantined.",
        how: "Leave the stream open, or give each entity its own.",
        broken: r"# sales/order.yaml
  events: {stream: order-events, event_id: event_id, order: sequence, occurred_at: occurred_at, unknown: closed}
# sales/parcel.yaml
entity: sales.parcel
version: 1.0.0
owner: orders@shop.example
purpose: One row per parcel of an order.
compatibility: full

key: [parcel_id]

sources:
  events: {stream: order-events, event_id: event_id, order: sequence, occurred_at: occurred_at}

fields:
  parcel_id: {id: 1, type: uuid, from: events}
  weight_g: {id: 2, type: int32, from: events}

sinks:
  lake: {table: ANALYTICS.SALES.PARCELS}",
        mended: r"# sales/order.yaml
  events: {stream: order-events, event_id: event_id, order: sequence, occurred_at: occurred_at}";
    BAD_RENAMED = 3066, Error, "renamed symbol that is none",
        what: "An entry of `renamed` does not lead from a former symbol to a declared one.",
        why: "Records that use the old symbol are read as the new one. A symbol that is still \
             declared means itself, and one that is not declared is no meaning.",
        how: "Write `renamed: {<former symbol>: <declared symbol>}`, at a closed enum that is no \
             personal data.",
        broken: r"# sales/order.yaml
    type: enum [placed, paid, shipped, cancelled]
    renamed: {sent: shiped}",
        mended: r"# sales/order.yaml
    type: enum [placed, paid, shipped, cancelled]";
    BAD_FORMERLY = 3067, Error, "former name that is taken",
        what: "`formerly` names something that is there, or that another entity was called.",
        why: "It says that an entity which is gone under that name is this one. One entity cannot \
             become two, and what is still there was not renamed.",
        how: "Write the name that the entity had in the version before, or remove `formerly`.",
        broken: r"# sales/order.yaml
compatibility: full
formerly: sales.customer",
        mended: r"# sales/order.yaml
compatibility: full
";
}
