//! Whether a device's matrix units compute what they should, with the driver that is there.

use super::{Verdict, check};
use crate::Result;
use crate::cases::{self, Case};
use crate::gpu::{Core, GpuBackend, GpuOptions, cooperative_tiles};

/// Cases that are enough to see whether a kernel is right: every one is compiled for every tile, and compiling takes
/// most of the time.
const PRODUCTS: usize = 1;
/// The same of attention, which has no tiles.
const ATTENTION: usize = 4;

/// Runs products, convolutions and attention in halves, and products of f32 in parts, on the matrix units of the device that
/// `choice` names, with every size of their kernels, until one disagrees; `None` where all are right.
///
/// Drivers are known that compile such kernels wrongly, or end the process: run it in one of its own.
///
/// # Errors
/// [`crate::Error::Device`] where there is no such device, or the driver refuses a kernel.
pub fn matrix_units(choice: &str) -> Result<Option<Verdict>> {
    for tile in 0..cooperative_tiles() {
        let options = GpuOptions { core: Some(Core::Cooperative), tile: Some(tile), ..GpuOptions::default() };
        let backend = GpuBackend::open(choice, options)?;
        let attention = if tile == 0 { ATTENTION } else { 0 };
        let products = some("linear", PRODUCTS).chain(some("conv3x3", PRODUCTS));
        for case in products.chain(in_parts()).chain(some("attention", attention)) {
            let verdict = check(case, &backend)?;
            if !verdict.agrees {
                return Ok(Some(verdict));
            }
        }
    }
    Ok(None)
}

/// A product and a convolution that the units multiply in parts.
fn in_parts() -> impl Iterator<Item = Case> {
    let of = |kernel| {
        cases::of(kernel).find(|case| case.variant.starts_with("f32") && case.variant.contains("normalised"))
    };
    ["linear", "conv3x3"].into_iter().filter_map(of)
}

/// So many cases of an operation in halves, evenly from all over the table.
fn some(kernel: &str, count: usize) -> impl Iterator<Item = Case> {
    let all: Vec<Case> = cases::of(kernel).filter(|case| case.variant.starts_with("f16")).collect();
    let step = (all.len() / count.max(1)).max(1);
    all.into_iter().skip(step / 2).step_by(step).take(count)
}
