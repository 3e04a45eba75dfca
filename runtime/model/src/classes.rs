//! The order of classes of personal data. `above` declares it: a class stands above those that it names, and above what they
//! stand above. What is forbidden to a class is forbidden to every class above it.

use std::collections::BTreeSet;

use crate::spec::ProjectSpec;
use crate::terms::WarehouseRole;

/// What is forbidden to a class, by itself and by every class below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bans {
    /// Systems that must never get it.
    pub systems: BTreeSet<String>,
    /// Roles of the warehouse that never see it.
    pub roles: BTreeSet<WarehouseRole>,
    /// Patterns of regions.
    pub regions: BTreeSet<String>,
}

impl ProjectSpec {
    /// The class itself and every class that it stands above, also where they go round in a ring.
    pub fn classes_below<'a>(&'a self, class: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![class];
        while let Some(class) = open.pop() {
            if found.insert(class) {
                let above = self.pii_classes.get(class).map(|spec| &spec.terms.above);
                open.extend(above.into_iter().flatten().map(String::as_str));
            }
        }
        found
    }

    /// Whether what is made of data of class `lower` may be of class `upper`.
    pub fn class_covers(&self, upper: &str, lower: &str) -> bool {
        self.classes_below(upper).contains(lower)
    }

    /// The classes that cover all of some: what may be made of data of all of them. Sorted by name.
    pub fn classes_over(&self, lower: &BTreeSet<&str>) -> Vec<&str> {
        let covers = |upper: &&str| lower.iter().all(|class| self.class_covers(upper, class));
        self.pii_classes.keys().map(String::as_str).filter(covers).collect()
    }

    /// What is forbidden to a class.
    pub fn bans(&self, class: &str) -> Bans {
        let mut bans = Bans::default();
        for below in self.classes_below(class) {
            let Some(spec) = self.pii_classes.get(below) else { continue };
            bans.systems.extend(spec.forbid.iter().cloned());
            bans.roles.extend(spec.terms.forbid_roles.iter().copied());
            bans.regions.extend(spec.terms.forbid_regions.iter().cloned());
        }
        bans
    }
}

/// Whether a region is one that a pattern names: `us-east-1`, or `us-*`.
pub fn region_matches(pattern: &str, region: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => region.starts_with(start),
        None => region == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_at_the_end() {
        assert!(region_matches("us-*", "us-east-1"));
        assert!(!region_matches("us-*", "eu-central-1"));
        assert!(region_matches("eu-central-1", "eu-central-1"));
        assert!(!region_matches("eu", "eu-central-1"));
    }
}
