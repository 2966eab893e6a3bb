//! Which convolutions are computed by Winograd's F(4, 3) along lines: half of the products, summed in another order.
//!
//! What it saves in products it spends on reading and writing what is transformed, in f32. So it is for kernels whose
//! products take longer than that: many channels, and no matrix units.
//!
//! The rule sees neither how many pictures nor how many lines there are, so that a picture has the same bits alone, beside
//! others, and in strips. What it chooses is measured beside the kernels that make all products.

use crate::gpu::device::Facts;
use crate::gpu::work::{Operation, Task};

/// Channels from which on more is saved than the transformations take.
const LEAST_INPUTS: usize = 128;
const LEAST_OUTPUTS: usize = 64;
/// Pixels of a line from which on transforming the weight costs little: pictures have about as many lines.
const LEAST_WIDTH: usize = 32;

/// Whether a convolution is computed in this way where nothing was measured.
pub(in crate::gpu) fn suits(facts: &Facts, task: &Task, stride: usize, width: usize) -> bool {
    // A doubled picture takes fewer products as it is.
    if stride != 1 || task.operation == Operation::Doubled {
        return false;
    }
    facts.winograd.unwrap_or_else(|| {
        let is_wide = task.depth >= 9 * LEAST_INPUTS && task.columns >= LEAST_OUTPUTS && width >= LEAST_WIDTH;
        let by_matrix_units = facts.units.is_some() && task.suits_matrix_units();
        is_wide && !by_matrix_units
    })
}
