//! Family 3: the order of classes of personal data, and what classes forbid.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    CLASS_ORDER = 3160, Error, "classes that cannot stand above each other",
        what: "A class stands above another one that stands above it, too, or that is protected better.",
        why: "What is computed from data of a class may be of a class above it. In a ring nobody knows \
              which is the more sensitive; below a weaker protection it would be shown.",
        how: "Put a class above those that it may be made of, and protect it at least as well.",
        broken: r"# project.yaml
    address: {protect: mask, about: Postal addresses., above: [contact]}",
        mended: r"# project.yaml
    address: {protect: mask, about: Postal addresses.}";
    PII_REGION = 3161, Error, "personal data in a region that its class forbids",
        what: "A field is stored in a region that its class of personal data forbids, or in a system of \
               which nobody says where it stands.",
        why: "Where data of a class may be stored is law or contract, whether it is protected or not.",
        how: "Take the field out, move the system, or say where it stands (`region`).",
        broken: r"# project.yaml
    contact: {protect: encrypt, about: E-mail and telephone., forbid_regions: [us-*]}",
        mended: r"# project.yaml
    contact: {protect: encrypt, about: E-mail and telephone.}";
    PII_ROLE = 3162, Error, "model reads what its role must not see",
        what: "A model reads a masked column of a class that is hidden from the transformer.",
        why: "It would compute with the mask in place of the value, and nobody would notice.",
        how: "Do not read the column, or let the transformer see the class.",
        broken: r#"# project.yaml
    address: {protect: mask, about: Postal addresses., forbid_roles: [transformer]}
# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total, MAX(c.street) AS street
# marts/daily.yaml
  total: {id: 3, type: "decimal(18,2)", unit: EUR}
  street: {id: 4, type: string(200), nullable: true, pii: address}"#,
        mended: r#"# project.yaml
    address: {protect: mask, about: Postal addresses.}
# marts/daily.yaml
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total
# marts/daily.yaml
  total: {id: 3, type: "decimal(18,2)", unit: EUR}"#;
    PII_EVENT = 3163, Error, "personal data tells events apart",
        what: "The member that identifies or orders events tells a field with a class of personal data.",
        why: "It stands in versions, in file statistics and in answers to producers, in the open, where nothing \
              can be erased.",
        how: "Let producers send an id, a sequence and a time that are about the event.",
        broken: r"# sales/order.yaml
  events: {stream: order-events, event_id: carrier, order: sequence, occurred_at: occurred_at}
# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true, pii: contact}",
        mended: r"# sales/order.yaml
  events: {stream: order-events, event_id: event_id, order: sequence, occurred_at: occurred_at}
# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
}
