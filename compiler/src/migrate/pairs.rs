//! Which entities of a change are others than before: looked at once, since most are the same.

use std::collections::BTreeSet;

use covenant_model::spec::EntitySpec;

use crate::plan::Plan;

/// The entities of two plans.
pub(super) struct Pairs<'p> {
    /// On both sides, and not the same.
    pub(super) changed: Vec<(&'p EntitySpec, &'p EntitySpec)>,
    /// In the new contracts only.
    pub(super) added: Vec<&'p EntitySpec>,
    /// In the old contracts only.
    pub(super) removed: Vec<&'p EntitySpec>,
    /// Names of those that are the same on both sides.
    same: BTreeSet<&'p str>,
}

impl<'p> Pairs<'p> {
    pub(super) fn new(old: &'p Plan, new: &'p Plan) -> Self {
        let mut pairs = Self {
            changed: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            same: BTreeSet::new(),
        };
        for before in &old.entities {
            match new.successor(before) {
                Some(after) if before == after => {
                    pairs.same.insert(&after.name);
                }
                Some(after) => pairs.changed.push((before, after)),
                None => pairs.removed.push(before),
            }
        }
        let added = new.entities.iter().filter(|after| old.predecessor(after).is_none());
        pairs.added.extend(added);
        pairs
    }

    /// Whether the entity is the same on both sides.
    pub(super) fn is_same(&self, entity: &EntitySpec) -> bool {
        self.same.contains(entity.name.as_str())
    }

    /// Whether all are.
    pub(super) fn all_same(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }
}
