//! A contract cut down to what one finding is about: the key, a field and the one that counts its corrections, or the fields of one
//! quality rule. Where several changes come together no whole record may pass on both sides; the part that is left shows one of them.

use std::collections::BTreeSet;

use covenant_model::expr::Expr;
use covenant_model::spec::{EntitySpec, FieldIx};

use super::compose::ids;
use super::search::Focus;
use crate::plan;

/// Both contracts, cut down alike. `None`: a focus on the whole has no part.
pub(super) fn reduced(
    old: &EntitySpec,
    new: &EntitySpec,
    focus: &Focus,
) -> Option<(EntitySpec, EntitySpec)> {
    let mut kept: BTreeSet<u32> = BTreeSet::new();
    for spec in [old, new] {
        kept.extend(ids(spec, &spec.key));
        match focus {
            Focus::Entity => return None,
            Focus::Field(id) | Focus::Lost(id) => {
                kept.insert(*id);
                let field = spec.fields.iter().find(|field| field.id == *id);
                let counter = field.and_then(|field| field.generation);
                kept.extend(ids(spec, &Vec::from_iter(counter)));
            }
            Focus::Quality(name) => {
                let rules = spec.quality.iter().filter(|rule| rule.name == *name);
                kept.extend(rules.flat_map(|rule| ids(spec, &rule.expect.fields())));
            }
        }
    }
    Some((cut(old, &kept, focus)?, cut(new, &kept, focus)?))
}

fn cut(spec: &EntitySpec, kept: &BTreeSet<u32>, focus: &Focus) -> Option<EntitySpec> {
    let places: Vec<FieldIx> = (0..spec.fields.len())
        .filter(|ix| spec.fields.get(*ix).is_some_and(|field| kept.contains(&field.id)))
        .collect();
    let place = |ix: FieldIx| places.iter().position(|one| *one == ix);
    let mut cut = spec.clone();
    cut.fields = places.iter().filter_map(|ix| spec.fields.get(*ix).cloned()).collect();
    for field in &mut cut.fields {
        field.generation = field.generation.and_then(place);
    }
    cut.key = spec.key.iter().map(|ix| place(*ix)).collect::<Option<_>>()?;
    cut.quality.retain(|rule| *focus == Focus::Quality(rule.name.clone()));
    for rule in &mut cut.quality {
        rule.expect = moved(&rule.expect, &place)?;
    }
    // Nothing is delivered or stored here, and nothing is compared with what was released.
    (cut.salesforce, cut.warehouse) = (None, None);
    plan::group(&mut cut);
    Some(cut)
}

/// The same expression over other places.
fn moved(expr: &Expr, place: &impl Fn(FieldIx) -> Option<FieldIx>) -> Option<Expr> {
    let inner = |expr: &Expr| moved(expr, place).map(Box::new);
    Some(match expr {
        Expr::Field(ix) => Expr::Field(place(*ix)?),
        Expr::IsNull(ix) => Expr::IsNull(place(*ix)?),
        Expr::Number { .. } | Expr::Text(_) | Expr::Bool(_) => expr.clone(),
        Expr::Arithmetic(op, left, right) => Expr::Arithmetic(*op, inner(left)?, inner(right)?),
        Expr::Compare(op, left, right) => Expr::Compare(*op, inner(left)?, inner(right)?),
        Expr::And(left, right) => Expr::And(inner(left)?, inner(right)?),
        Expr::Or(left, right) => Expr::Or(inner(left)?, inner(right)?),
        Expr::Not(one) => Expr::Not(inner(one)?),
        Expr::In(one, all) => {
            let all = all.iter().map(|one| moved(one, place)).collect::<Option<_>>()?;
            Expr::In(inner(one)?, all)
        }
    })
}
