//! Whether landing still holds what a reader needs next. Readers apply commits in order and without holes, so one that is
//! missing stops them: it must never look as if there were nothing to do.

use super::{CommitNumber, Landing, LandingCommit};
use crate::error::{ErrorKind, Result, RuntimeError};

/// Who reads landing commits, and what a person does where one of them is missing.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// `the warehouse`
    pub who: &'static str,
    /// `apply`
    pub place: &'static str,
    /// How it is brought back without the missing commits.
    pub rebuild: &'static str,
}

/// The commit behind `last`; none where `last` is the newest.
///
/// # Errors
/// `Gap` where landing no longer holds it, naming it and the first one that it holds; `Gap` where landing ends before `last`.
pub async fn following(
    landing: &dyn Landing,
    last: CommitNumber,
    reader: Reader,
) -> Result<Option<LandingCommit>> {
    let next = last.next();
    if let Some(commit) = landing.commit_at(next).await? {
        return Ok(Some(commit));
    }
    let newest = landing.newest().await?.map_or(CommitNumber(0), |commit| commit.number);
    if newest < last {
        return Err(ends_before(reader, last, newest));
    }
    if newest == last {
        return Ok(None);
    }
    // It may have been put between the two looks.
    if let Some(commit) = landing.commit_at(next).await? {
        return Ok(Some(commit));
    }
    let held = first_held(landing, next, newest).await?;
    Err(RuntimeError::new(
        ErrorKind::Gap,
        reader.place,
        format!(
            "{} has commit {} and needs commit {} next: that is the first one that landing no longer holds; it holds {} to {}",
            reader.who, last.0, next.0, held.0, newest.0
        ),
        format!(
            "Put the manifests {} to {} and their data files back into landing, or take a copy of {} that has commit {} or a \
             later one. Where neither exists: {}",
            next.0,
            held.0.saturating_sub(1),
            reader.who,
            held.0.saturating_sub(1),
            reader.rebuild
        ),
    ))
}

/// Refuses where landing ends before what `reader` has.
///
/// # Errors
/// `Gap`, with both numbers; those of the landing.
pub async fn not_behind(landing: &dyn Landing, last: CommitNumber, reader: Reader) -> Result<()> {
    let newest = landing.newest().await?.map_or(CommitNumber(0), |commit| commit.number);
    if newest < last { Err(ends_before(reader, last, newest)) } else { Ok(()) }
}

/// The first commit that landing holds in `(missing, newest]`. Retention removes from the front, so what is held has no hole.
pub async fn first_held(
    landing: &dyn Landing,
    missing: CommitNumber,
    newest: CommitNumber,
) -> Result<CommitNumber> {
    let (mut gone, mut held) = (missing.0, newest.0);
    while held - gone > 1 {
        let middle = gone + (held - gone) / 2;
        if landing.commit_at(CommitNumber(middle)).await?.is_some() {
            held = middle;
        } else {
            gone = middle;
        }
    }
    Ok(CommitNumber(held))
}

fn ends_before(reader: Reader, last: CommitNumber, newest: CommitNumber) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Gap,
        reader.place,
        format!("{} has commit {}, landing ends at {}", reader.who, last.0, newest.0),
        "Landing was restored from an older copy, or the data folder is another pipeline's: put the missing commits back",
    )
}
