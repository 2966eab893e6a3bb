//! Linear multistep of order 4, as diffusers' `LMSDiscreteScheduler`: the slopes of the last four levels as a polynomial
//! of σ, and its integral down to the next level.

use super::steps::Steps;
use super::{Call, Sampler};
use crate::noise::Noise;

const ORDER: usize = 4;

/// Nodes and weights of Gauss's quadrature with three points: exact for the polynomials of degree 3 at hand.
const GAUSS: [(f64, f64); 3] =
    [(-0.774_596_669_241_483_4, 5.0 / 9.0), (0.0, 8.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 9.0)];

pub(super) struct Lms {
    steps: Steps,
    /// Of the last levels, the newest first.
    slopes: Vec<Vec<f64>>,
}

impl Lms {
    pub(super) fn new(steps: Steps) -> Self {
        Self { steps, slopes: vec![] }
    }

    /// The integral of the Lagrange polynomial that is 1 at the level `back` before this one, and 0 at the others.
    fn coefficient(&self, order: usize, back: usize) -> f64 {
        let at = |back: usize| self.steps.sigma(self.steps.done - back);
        let (from, to) = self.steps.sigmas();
        let polynomial = |sigma: f64| -> f64 {
            let others = (0..order).filter(|&other| other != back);
            others.map(|other| (sigma - at(other)) / (at(back) - at(other))).product()
        };
        let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
        half * GAUSS.iter().map(|(node, weight)| weight * polynomial(middle + half * node)).sum::<f64>()
    }
}

impl Sampler for Lms {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], _: &mut Noise) {
        let (sigma, _) = self.steps.sigmas();
        let slope = |(x, x0): (&f32, &f32)| (f64::from(*x) - f64::from(*x0)) / sigma;
        self.slopes.insert(0, latents.iter().zip(x0).map(slope).collect());
        self.slopes.truncate(ORDER);
        // Where the first levels were left out, diffusers has the coefficients of the full order for fewer slopes.
        let order = ORDER.min(self.steps.done + 1);
        let coefficients: Vec<f64> = (0..order).map(|back| self.coefficient(order, back)).collect();
        for (i, x) in latents.iter_mut().enumerate() {
            let moved: f64 = self.slopes.iter().zip(&coefficients).map(|(slopes, c)| c * slopes[i]).sum();
            *x = (f64::from(*x) + moved) as f32;
        }
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
