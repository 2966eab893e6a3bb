//! What a case is given: inputs and weights, random or whole numbers.

use std::sync::Arc;

use fulmen_engine::backend::HostTensor;
use fulmen_engine::graph::{Affine, Element, Shape};
use fulmen_engine::weights::Weight;
use half::f16;

/// An input of the operation under test.
pub(super) enum Given {
    /// Numbers of the case's kind.
    Numbers(Shape),
    /// These numbers.
    Values(Shape, Vec<f32>),
    /// These numbers, in f32 whatever the graph computes in.
    Parameters(Shape, Vec<f32>),
    /// Ids below a bound.
    Ids(Shape, u32),
}

impl Given {
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Numbers(shape)
            | Self::Values(shape, _)
            | Self::Parameters(shape, _)
            | Self::Ids(shape, _) => *shape,
        }
    }
}

/// One operation with its inputs.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) given: Vec<Given>,
    /// Inputs and weights are small whole numbers, and the result must be the twin's to the bit.
    pub(super) exact: bool,
    /// The operation's value is words (a picture), which nothing can copy from halves.
    pub(super) words: bool,
}

impl Case {
    /// Normal numbers, compared by their mean square error.
    pub(super) fn random(name: impl Into<String>, given: Vec<Given>) -> Self {
        Self { name: name.into(), given, exact: false, words: false }
    }

    /// Whole numbers, compared exactly.
    pub(super) fn exact(name: impl Into<String>, given: Vec<Given>) -> Self {
        Self { exact: true, ..Self::random(name, given) }
    }

    /// The values of the `place`-th input.
    pub(super) fn tensor(&self, place: usize) -> HostTensor {
        let mut numbers = Numbers::new(1 + place as u64);
        match &self.given[place] {
            Given::Numbers(shape) => {
                HostTensor::f32(*shape, (0..shape.len()).map(|_| numbers.next(self.exact)).collect())
            }
            Given::Values(shape, values) | Given::Parameters(shape, values) => {
                HostTensor::f32(*shape, values.clone())
            }
            Given::Ids(shape, below) => {
                HostTensor::u32(*shape, (0..shape.len()).map(|_| numbers.below(*below)).collect())
            }
        }
    }
}

/// Makes weights: in halves if the graph computes in halves, so that nothing is lost in packing.
pub(super) struct Weights {
    numbers: Numbers,
    exact: bool,
    halves: bool,
}

impl Weights {
    pub(super) fn new(case: &Case, element: Element) -> Self {
        Self { numbers: Numbers::new(1000), exact: case.exact, halves: element == Element::F16 }
    }

    /// What follows a normalisation.
    pub(super) fn affine(&mut self, channels: usize) -> Affine {
        Affine { scale: self.make(&[channels]), shift: self.make(&[channels]), epsilon: 1e-5 }
    }

    /// A weight of this shape.
    pub(super) fn make(&mut self, shape: &[usize]) -> Arc<Weight> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.numbers.next(self.exact)).collect();
        Arc::new(if self.halves {
            let values: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
            Weight::from_f16("weight", shape.to_vec(), &values)
        } else {
            Weight::from_f32("weight", shape.to_vec(), &values)
        })
    }
}

/// SplitMix64: the same numbers on every machine.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (self.bits() % u64::from(bound)) as u32
    }

    fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A whole number in −4 … 4, or about a normal one: the sum of four uniforms.
    pub(super) fn next(&mut self, whole: bool) -> f32 {
        if whole {
            return self.below(9) as f32 - 4.0;
        }
        let sum: f32 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3f32.sqrt()
    }
}
