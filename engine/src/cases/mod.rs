//! One table of cases: every operation on awkward sizes, in both precisions.
//!
//! It has several readers: `fulmen selftest`, on drivers that we have never seen; the tests of the CPU
//! backend; the parity tests, on a device of every poverty; a benchmark. A new operation gets its rows here.

mod attention;
mod case;
mod forge;
mod norms;
mod pointwise;
mod products;
mod resample;

use std::rc::Rc;

pub use case::{Case, nmse};

use crate::graph::{Element, Tensor};
use forge::{Distribution, Forge};

/// Values in 32 bits: sums in another order than the reference's, functions to a few units in the last place.
pub(crate) const BOUND_F32: f64 = 1e-9;
/// Values in 16 bits: each is written with an error of up to 2⁻¹¹ of itself.
pub(crate) const BOUND_F16: f64 = 1e-6;

/// All cases, operation by operation.
pub fn all() -> impl Iterator<Item = Case> {
    table().into_iter().enumerate().map(|(seed, row)| row.case(seed))
}

/// The cases of one operation, or of one way to record it, such as `group_norm`.
pub fn of(kernel: &str) -> impl Iterator<Item = Case> {
    let rows = table().into_iter().enumerate().filter(move |(_, row)| row.kernel == kernel);
    rows.map(|(seed, row)| row.case(seed))
}

fn table() -> Vec<Row> {
    let mut table = Table::default();
    products::linear(&mut table);
    products::conv3x3(&mut table);
    attention::attention(&mut table);
    attention::guide(&mut table);
    norms::group_norm(&mut table);
    norms::layer_norm(&mut table);
    pointwise::pointwise(&mut table);
    pointwise::activate(&mut table);
    pointwise::prelu(&mut table);
    resample::resample(&mut table);
    resample::pad(&mut table);
    resample::tokens(&mut table);
    resample::picture(&mut table);
    products::wide(&mut table);
    products::doubled(&mut table);
    products::normalised(&mut table);
    table.rows
}

/// Records an operation.
type Build = Rc<dyn Fn(&mut Forge) -> Tensor>;

/// A case that is not made yet: its numbers are drawn when its turn comes.
struct Row {
    kernel: &'static str,
    variant: String,
    element: Element,
    numbers: Distribution,
    bound: f64,
    build: Build,
}

impl Row {
    /// `seed` keeps the numbers of one case apart from another's.
    fn case(self, seed: usize) -> Case {
        let mut forge = Forge::new(self.element, self.numbers, seed);
        let y = (self.build)(&mut forge);
        let (graph, inputs) = forge.finish(y, self.kernel != "picture");
        let Self { kernel, variant, bound, .. } = self;
        Case { kernel, variant, graph, inputs, bound }
    }
}

/// What the numbers of a case are like, and what its values must then be like in f32 and in f16.
#[derive(Clone, Copy)]
struct Tolerance {
    numbers: Distribution,
    bounds: [f64; 2],
}

/// The list as it grows. A case is added in both precisions; `build` records the operation and returns
/// its value.
#[derive(Default)]
struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Any numbers.
    fn add(&mut self, kernel: &'static str, variant: &str, build: impl Fn(&mut Forge) -> Tensor + 'static) {
        let tolerance = Tolerance { numbers: Distribution::Normal, bounds: [BOUND_F32, BOUND_F16] };
        self.add_with(kernel, variant, tolerance, &(Rc::new(build) as Build));
    }

    /// Numbers and weights are small and whole, and so is the value, which must be right to the bit.
    fn exact(&mut self, kernel: &'static str, variant: &str, build: impl Fn(&mut Forge) -> Tensor + 'static) {
        let tolerance = Tolerance { numbers: Distribution::Whole, bounds: [0.0; 2] };
        self.add_with(kernel, variant, tolerance, &(Rc::new(build) as Build));
    }

    /// Numbers so far from zero that few of their digits tell them apart.
    fn far(&mut self, kernel: &'static str, variant: &str, build: impl Fn(&mut Forge) -> Tensor + 'static) {
        let tolerance = Tolerance { numbers: Distribution::Normal, bounds: [100.0 * BOUND_F32, BOUND_F16] };
        self.add_with(kernel, variant, tolerance, &(Rc::new(build) as Build));
    }

    /// Any numbers, in f32 alone: of what kernels do otherwise in 16 bits, where other cases see to it.
    fn of_f32(
        &mut self,
        kernel: &'static str,
        variant: &str,
        build: impl Fn(&mut Forge) -> Tensor + 'static,
    ) {
        let (variant, build) = (format!("f32 {variant}"), Rc::new(build));
        let (element, numbers, bound) = (Element::F32, Distribution::Normal, BOUND_F32);
        self.rows.push(Row { kernel, variant, element, numbers, bound, build });
    }

    fn add_with(&mut self, kernel: &'static str, variant: &str, tolerance: Tolerance, build: &Build) {
        let Tolerance { numbers, bounds } = tolerance;
        let precisions = [("f32", Element::F32), ("f16", Element::F16)];
        for ((precision, element), bound) in precisions.into_iter().zip(bounds) {
            let variant = format!("{precision} {variant}");
            self.rows.push(Row { kernel, variant, element, numbers, bound, build: build.clone() });
        }
    }
}
