//! The self-test: every operation on awkward sizes, against the plain loops that define what is right.
//!
//! One table for two readers: `fulmen selftest`, which a user runs on a driver that we have never
//! seen, and the parity tests. A new kernel gets its rows here.

mod attention;
mod case;
mod nodes;
mod norms;
mod pointwise;
mod products;
mod resample;

pub use case::{Case, Verdict, nmse};
pub use nodes::{NodeVerdict, demo_model};

use crate::graph::Element;
use case::Forge;

/// Values in 32 bits: sums in another order than the reference's, functions to a few units in the last place.
const TOLERANCE_F32: f64 = 1e-9;
/// Values in 16 bits: each is written with an error of up to 2⁻¹¹ of itself.
const TOLERANCE_F16: f64 = 1e-6;

/// All cases, in both precisions, operation by operation.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut table = Table::default();
    products::linear(&mut table);
    products::conv3x3(&mut table);
    attention::attention(&mut table);
    attention::guide(&mut table);
    norms::group_norm(&mut table);
    norms::layer_norm(&mut table);
    pointwise::pointwise(&mut table);
    pointwise::activate(&mut table);
    resample::resample(&mut table);
    resample::pad(&mut table);
    resample::tokens(&mut table);
    resample::picture(&mut table);
    table.cases
}

/// The list as it grows.
#[derive(Default)]
struct Table {
    cases: Vec<Case>,
}

impl Table {
    /// Adds a case in both precisions. `build` records the operation and answers its value.
    fn add(
        &mut self,
        kernel: &'static str,
        variant: &str,
        build: impl Fn(&mut Forge) -> crate::graph::Tensor,
    ) {
        for element in [Element::F32, Element::F16] {
            let mut forge = Forge::new(element, self.cases.len());
            let y = build(&mut forge);
            self.cases.push(forge.finish(kernel, variant, y));
        }
    }
}
