//! LoRAs that members of a body ask for.

use crate::problem::Problem;

/// The most of one list, as of a prompt's tags: each changes every weight once more before the first step.
const MOST: usize = 64;

/// Refuses a list that is too long.
///
/// # Errors
/// 400 that names the list.
pub(super) fn bounded(member: &'static str, count: usize) -> Result<(), Problem> {
    if count <= MOST {
        return Ok(());
    }
    let message = format!("`{member}` has {count} entries, and at most {MOST} are read; leave some out");
    Err(Problem::field(member, message))
}
