//! UniPC (Zhao et al. 2023, arXiv 2302.04867) of order 2 in its B₂ form on x₀, as diffusers' `UniPCMultistepScheduler`:
//! with x₀ of a new level the step that led there is repeated (the corrector), then the next is made (the predictor).

use super::steps::{Steps, deviation};
use super::{Call, Sampler};
use crate::noise::Noise;

const ORDER: usize = 2;

pub(super) struct UniPc {
    steps: Steps,
    lower_order_final: bool,
    /// x₀ of the last levels, the newest first.
    x0: Vec<Vec<f32>>,
    /// Latents before the last step, and its order.
    before: Option<(Vec<f32>, usize)>,
}

/// The numbers of a step from λ over h.
struct Update {
    /// e⁻ʰ − 1, which is also B₂.
    falls: f64,
    /// The right side of the equations that the weights solve (equation 5 of the paper).
    b: [f64; 2],
    /// Where the level before stands, in steps from here.
    ratio: f64,
}

impl UniPc {
    pub(super) fn new(steps: Steps, lower_order_final: bool) -> Self {
        Self { steps, lower_order_final, x0: vec![], before: None }
    }

    /// The step from level `from` to the next.
    fn step(&self, from: usize) -> Update {
        let (sigma, next) = (self.steps.sigma(from), self.steps.sigma(from + 1));
        let h = (sigma / next).ln();
        let falls = next / sigma - 1.0;
        let first = falls / -h - 1.0;
        let second = first / -h - 0.5;
        let before = from.checked_sub(1).map_or(f64::NAN, |before| (sigma / self.steps.sigma(before)).ln());
        Update { falls, b: [first / falls, 2.0 * second / falls], ratio: before / h }
    }

    /// Repeats the last step, now that x₀ at its end is known.
    fn correct(&mut self, latents: &mut [f32], x0: &[f32]) {
        let Some((before, order)) = self.before.take() else { return };
        let from = self.steps.done - 1;
        let Update { falls, b, ratio } = self.step(from);
        // One weight of the level before, one of the new level.
        let (old, new) = match order {
            1 => (0.0, 0.5),
            _ => {
                let old = (b[0] - b[1]) / (1.0 - ratio);
                (old / ratio, b[0] - old)
            }
        };
        let last = &self.x0[0];
        let older = self.x0.get(1).unwrap_or(last);
        for (i, x) in latents.iter_mut().enumerate() {
            let (last, older, now) = (f64::from(last[i]), f64::from(older[i]), f64::from(x0[i]));
            let change = old * (older - last) + new * (now - last);
            *x = ((1.0 + falls) * f64::from(before[i]) - falls * last - falls * change) as f32;
        }
    }

    /// The step that comes.
    fn predict(&mut self, latents: &mut [f32], order: usize) {
        let Update { falls, ratio, .. } = self.step(self.steps.done);
        let half = if order == 1 { 0.0 } else { 0.5 / ratio };
        let kept = if self.steps.is_last() { 1.0 / deviation(self.steps.sigmas().1) } else { 1.0 };
        let last = &self.x0[0];
        let older = self.x0.get(1).unwrap_or(last);
        for (i, x) in latents.iter_mut().enumerate() {
            let (last, older) = (f64::from(last[i]), f64::from(older[i]));
            let change = half * (older - last);
            *x = (kept * ((1.0 + falls) * f64::from(*x) - falls * last - falls * change)) as f32;
        }
    }
}

impl Sampler for UniPc {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], _: &mut Noise) {
        self.correct(latents, x0);
        self.x0.insert(0, x0.to_vec());
        self.x0.truncate(ORDER);
        let left = self.steps.len() - self.steps.done;
        let ends_clean = self.steps.sigmas().1 == 0.0;
        let most = if self.lower_order_final || ends_clean { ORDER.min(left) } else { ORDER };
        let order = most.min(self.x0.len());
        self.before = Some((latents.to_vec(), order));
        self.predict(latents, order);
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
