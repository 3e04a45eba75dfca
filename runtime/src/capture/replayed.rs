//! Landed changes once more, into the lane: one writer lands them, with the position of the replay in the same commit.

use super::lane::CaptureLane;
use crate::error::Result;
use crate::replay::Portion;

impl CaptureLane {
    /// A portion of a replay.
    ///
    /// # Errors
    /// Those of [`CaptureLane::adopt`].
    pub fn accept_replay(&mut self, portion: Portion) -> Result<()> {
        self.adopt(&portion.job, portion.position.clone())?;
        self.open.add_again(&portion.files, portion.floors, portion.changes, self.clock.now_us());
        Ok(())
    }
}
