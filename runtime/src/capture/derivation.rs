//! Counts the derivations of every contract. What derives a change is the contract and the runtime's own rules; where either is
//! another one than before, what is derived from then on has the next revision: the result of the same change under a corrected
//! derivation wins over its old result, and never the other way round. The count lies in landing, so a rollback to an earlier
//! contract is a derivation of its own: the one that was deployed last wins.

use std::collections::BTreeMap;

use covenant_model::version::Revision;

use super::lane::CaptureLane;
use super::registry::Registry;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::Derivation;

/// The runtime's own part in deriving (guards, protection, decoding). Raised when a correction to it must win over what was
/// derived before.
const RULES: u32 = 1;

/// The derivations in force, given those of the newest manifest. Entities that are no longer in the contracts keep theirs; one
/// that a manifest of before derivations were counted does not name starts with the first.
///
/// # Errors
/// `Config` where the revisions of an entity are used up.
pub fn in_force(
    known: &BTreeMap<String, Derivation>,
    registry: &Registry,
) -> Result<BTreeMap<String, Derivation>> {
    let mut derivations = known.clone();
    for bound in registry.bound() {
        let (name, by) = (&bound.spec.name, format!("{}/{RULES}", bound.spec.contract_hash));
        let revision = match known.get(name) {
            None => Revision(0),
            Some(last) if last.by == by => last.revision,
            Some(last) => Revision(last.revision.0.checked_add(1).ok_or_else(|| used_up(name))?),
        };
        derivations.insert(name.clone(), Derivation { by, revision });
    }
    Ok(derivations)
}

fn used_up(entity: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Config,
        "landing",
        format!(
            "the contract of {entity} was changed {} times, which uses its revisions up",
            u16::MAX
        ),
        "Start the binary whose contract it had last, and begin a new landing before the next change.",
    )
}

impl CaptureLane {
    /// Starts behind the derivations of the newest manifest. They become durable with the next commit, which is made before
    /// anything is accepted.
    pub(super) fn count_derivations(&mut self, known: &BTreeMap<String, Derivation>) -> Result<()> {
        self.derivations = in_force(known, self.deriver.registry())?;
        let derivations = &self.derivations;
        self.deriver.stamping(|entity| {
            derivations.get(entity).map_or(Revision(0), |derivation| derivation.revision)
        });
        Ok(())
    }

    /// The derivation in force, by entity.
    pub fn derivations(&self) -> &BTreeMap<String, Derivation> {
        &self.derivations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::test_support::registry;
    use crate::testing;

    fn revisions(known: &BTreeMap<String, Derivation>) -> Vec<u16> {
        known.values().map(|derivation| derivation.revision.0).collect()
    }

    #[test]
    fn every_other_contract_is_a_derivation_of_its_own_a_rollback_too() {
        let first = testing::entities();
        let mut second = first.clone();
        second[0].contract_hash = "of another contract".to_owned();
        let (first, second) = (registry(first), registry(second));
        let began = in_force(&BTreeMap::new(), &first).unwrap();
        assert_eq!(revisions(&began), [0, 0, 0]);
        assert_eq!(in_force(&began, &first).unwrap(), began, "a restart is none");
        let changed = in_force(&began, &second).unwrap();
        assert_eq!(revisions(&changed).iter().sum::<u16>(), 1);
        let back = in_force(&changed, &first).unwrap();
        assert_eq!(revisions(&back).iter().sum::<u16>(), 2);
        assert_eq!(in_force(&back, &first).unwrap(), back);
    }

    #[test]
    fn entities_that_are_gone_are_remembered_and_revisions_end() {
        let all = registry(testing::entities());
        let mut known = in_force(&BTreeMap::new(), &all).unwrap();
        let gone = Derivation { by: "x".to_owned(), revision: Revision(7) };
        known.insert("gone".to_owned(), gone.clone());
        assert_eq!(in_force(&known, &all).unwrap().get("gone"), Some(&gone));
        for derivation in known.values_mut() {
            *derivation = Derivation { by: "before".to_owned(), revision: Revision(u16::MAX) };
        }
        let error = in_force(&known, &all).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config);
    }
}
