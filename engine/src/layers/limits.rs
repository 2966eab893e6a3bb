//! How large the numbers of a configuration may be: what no model comes near is a mistake, or an attack.
//!
//! Together the limits bound what a network is made of: no configuration makes it longer than some hundred
//! thousand tensors.

/// Channels, and rows of a table.
const MAX_EXTENT: usize = 1 << 20;
/// Levels of resolution.
const MAX_LEVELS: usize = 8;
/// Residual blocks of a level.
const MAX_BLOCKS: usize = 16;
/// Layers in a row.
const MAX_LAYERS: usize = 128;

/// What does not fit in a configuration, as a sentence.
pub(crate) type Fits = Result<(), String>;

/// Channels or rows that a network can have, one number or one a level.
pub(crate) fn extents(field: &str, values: &[usize]) -> Fits {
    within(field, values, MAX_EXTENT)
}

/// Residual blocks that a level can have.
pub(crate) fn blocks(field: &str, values: &[usize]) -> Fits {
    within(field, values, MAX_BLOCKS)
}

/// Layers that can stand in a row.
pub(crate) fn layers(field: &str, values: &[usize]) -> Fits {
    within(field, values, MAX_LAYERS)
}

/// One value for each level.
pub(crate) fn one_a_level(field: &str, found: usize, levels: usize) -> Fits {
    require(found == levels, || format!("`{field}` must have {levels} entries, one a level"))
}

/// The first field of which the check failed.
pub(crate) fn all(checks: &[(&str, bool)], what: &str) -> Fits {
    let failed = checks.iter().find(|(_, fits)| !fits);
    failed.map_or(Ok(()), |(field, _)| Err(format!("`{field}` {what}")))
}

/// A sentence where something does not fit.
pub(crate) fn require(fits: bool, what: impl FnOnce() -> String) -> Fits {
    if fits { Ok(()) } else { Err(what()) }
}

fn within(field: &str, values: &[usize], most: usize) -> Fits {
    let some = (1..=MAX_LEVELS).contains(&values.len());
    require(some, || format!("`{field}` must have 1 to {MAX_LEVELS} entries"))?;
    let fit = values.iter().all(|value| (1..=most).contains(value));
    require(fit, || format!("`{field}` must be from 1 to {most}"))
}
