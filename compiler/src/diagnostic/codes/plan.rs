//! Family 5: order and groups.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    MODEL_CYCLE = 5001, Error, "models form a cycle",
        what: "Models read each other in a circle.",
        why: "Each of the models reads another, and none can run first.",
        how: "Break the circle, for instance by a model that both read.",
        broken: r"# marts/egg.yaml
model: marts.egg
version: 1.0.0
owner: reports@shop.example
purpose: Half of a circle.
compatibility: backward
key: [day]
query: |
  SELECT m.day AS day FROM marts.hen AS m
fields:
  day: {id: 1, type: date}
refresh: {every: 5m}
sinks:
  lake: {table: ANALYTICS.MARTS.EGG}
# marts/hen.yaml
model: marts.hen
version: 1.0.0
owner: reports@shop.example
purpose: Half of a circle.
compatibility: backward
key: [day]
query: |
  SELECT m.day AS day FROM marts.egg AS m
fields:
  day: {id: 1, type: date}
refresh: {every: 5m}
sinks:
  lake: {table: ANALYTICS.MARTS.HEN}",
        mended: "";
    GROUP_NAME = 5002, Error, "two merge groups of one name",
        what: "A field is named like a source, and each would give its name to a merge group.",
        why: "A merge group is named after its owner, or after its field where it is a group of \
             its own; the guard column carries that name. A field that is named like a source \
             would share it.",
        how: "Rename the field or the source.",
        broken: r"# sales/order.yaml
  events: {id: 7, type: string(40), from: events, nullable: true, optional: true}",
        mended: r"# sales/order.yaml
  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}";
}
