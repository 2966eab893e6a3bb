//! Pseudo numerical methods (Liu et al. 2022, arXiv 2202.09778), as diffusers' `PNDMScheduler`: DDIM's step along a mean
//! of the last four predictions. The first step is repeated once the UNet has looked at where it ends; or, where the
//! model's file asks for it, the first three are Runge-Kutta steps of four calls each.

use super::steps::{Steps, deviation};
use super::{Call, Sampler};
use crate::noise::Noise;
use crate::schedule::Prediction;

/// Means of the predictions so far, the newest first (Adams and Bashforth).
const MEANS: [&[f64]; 4] = [
    &[1.0],
    &[3.0 / 2.0, -1.0 / 2.0],
    &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
    &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
];

/// What a call of the UNet is for, and with which weight its prediction counts in a Runge-Kutta step.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// A multistep.
    Step,
    /// At the end of the first step, to repeat it.
    Again,
    /// The first to the last of a Runge-Kutta step.
    RungeKutta(usize),
}

/// A call, and the levels between which it moves the latents.
#[derive(Debug, Clone, Copy)]
struct Move {
    look: Look,
    call: Call,
    from: f64,
    to: f64,
}

pub(super) struct Pndm {
    turns: Vec<Move>,
    prediction: Prediction,
    /// Calls that are done.
    asked: usize,
    /// Steps that are done before each call, and after the last.
    done: Vec<usize>,
    /// Latents of variance 1 where the step began that is not done yet.
    begun: Vec<f64>,
    /// Predictions, the newest first.
    predictions: Vec<Vec<f64>>,
    /// The weighted sum of a Runge-Kutta step.
    sum: Vec<f64>,
}

impl Pndm {
    pub(super) fn new(steps: &Steps, prediction: Prediction, runge_kutta: bool) -> Self {
        let (turns, done) =
            if runge_kutta && steps.len() > 3 { with_runge_kutta(steps) } else { multistep(steps) };
        let (begun, predictions, sum) = (vec![], vec![], vec![]);
        Self { turns, prediction, asked: 0, done, begun, predictions, sum }
    }

    /// What the UNet predicted, of latents of variance 1.
    fn predicted(&self, latents: &[f32], x0: &[f32], sigma: f64) -> Vec<f64> {
        let kept = 1.0 / deviation(sigma);
        let each = latents.iter().zip(x0).map(|(&x, &x0)| {
            let (x0, epsilon) = (f64::from(x0), (f64::from(x) - f64::from(x0)) / sigma);
            match self.prediction {
                Prediction::Velocity => kept * epsilon - kept * sigma * x0,
                Prediction::Epsilon | Prediction::Sample => epsilon,
            }
        });
        each.collect()
    }

    /// The mean along which this call moves the latents.
    fn direction(&mut self, look: Look, predicted: Vec<f64>) -> Vec<f64> {
        match look {
            Look::Step => {
                self.predictions.insert(0, predicted);
                self.predictions.truncate(MEANS.len());
                self.mean(MEANS[self.predictions.len() - 1])
            }
            Look::Again => {
                predicted.iter().zip(&self.predictions[0]).map(|(now, first)| 0.5 * (now + first)).collect()
            }
            Look::RungeKutta(call) => {
                let weight = [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0][call];
                self.sum.resize(predicted.len(), 0.0);
                self.sum.iter_mut().zip(&predicted).for_each(|(sum, p)| *sum += weight * p);
                if call == 0 {
                    self.predictions.insert(0, predicted.clone());
                }
                if call == 3 { std::mem::take(&mut self.sum) } else { predicted }
            }
        }
    }

    fn mean(&self, weights: &[f64]) -> Vec<f64> {
        let count = self.predictions.first().map_or(0, Vec::len);
        let at = |i: usize| weights.iter().zip(&self.predictions).map(|(w, p)| w * p[i]).sum();
        (0..count).map(at).collect()
    }
}

impl Sampler for Pndm {
    fn next(&self) -> Option<Call> {
        self.turns.get(self.asked).map(|turn| turn.call)
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], _: &mut Noise) {
        let Move { look, call, from, to } = self.turns[self.asked];
        let sigma = f64::from(call.sigma);
        let predicted = self.predicted(latents, x0, sigma);
        if matches!(look, Look::Step | Look::RungeKutta(0)) {
            self.begun = latents.iter().map(|&x| f64::from(x) / deviation(sigma)).collect();
        }
        let direction = self.direction(look, predicted);
        self.asked += 1;
        let kept = self.turns.get(self.asked).map_or(1.0, |next| deviation(f64::from(next.call.sigma)));
        for ((x, &begun), &direction) in latents.iter_mut().zip(&self.begun).zip(&direction) {
            let epsilon = match self.prediction {
                Prediction::Velocity => (direction + from * begun) / deviation(from),
                Prediction::Epsilon | Prediction::Sample => direction,
            };
            // x/α + (σ' − σ)·ε, which is equation 11.
            *x = (kept * (begun * deviation(from) + (to - from) * epsilon) / deviation(to)) as f32;
        }
    }

    fn done(&self) -> usize {
        self.done[self.asked]
    }
}

/// A call for each level, and a second one at the second.
fn multistep(steps: &Steps) -> (Vec<Move>, Vec<usize>) {
    let turn = |look, step: usize, (from, to)| {
        let schedule = &steps.schedule;
        let call = Call { timestep: schedule.timesteps[step], sigma: schedule.sigmas[step] };
        Move { look, call, from, to }
    };
    let after = |step: usize| f64::from(steps.schedule.after[step]);
    let (mut turns, mut done) = (vec![], vec![]);
    for step in 0..steps.len() {
        if step == 1 {
            // diffusers counts a whole stride back from the second level, wherever the first is.
            turns.push(turn(Look::Again, 1, (above(steps), steps.sigma(1))));
            done.push(0);
        }
        turns.push(turn(Look::Step, step, (steps.sigma(step), after(step))));
        done.push(if steps.len() > 1 && step == 0 { 0 } else { step });
    }
    done.push(steps.len());
    (turns, done)
}

/// The noise a whole stride above the second level; that of the first, where that is the same or there are no strides.
fn above(steps: &Steps) -> f64 {
    let schedule = &steps.schedule;
    if schedule.after[0] == schedule.sigmas[1] {
        return steps.sigma(0);
    }
    let stride = schedule.train.len() / steps.len();
    steps.trained(f64::from(schedule.timesteps[1]) + stride as f64)
}

/// Three steps of four calls, at the level, twice half a step below, and a step below; then multisteps.
fn with_runge_kutta(steps: &Steps) -> (Vec<Move>, Vec<usize>) {
    let (schedule, stride) = (&steps.schedule, steps.schedule.train.len() / steps.len());
    let at = |timestep: f32| Call { timestep, sigma: steps.trained(f64::from(timestep)) as f32 };
    let (mut turns, mut done) = (vec![], vec![]);
    for step in 0..steps.len() {
        let top = schedule.timesteps[step];
        if step >= 3 {
            let (from, to) = (steps.sigma(step), f64::from(schedule.after[step]));
            turns.push(Move { look: Look::Step, call: at(top), from, to });
            done.push(step);
            continue;
        }
        let (below, half) = (schedule.timesteps[step + 1], (stride / 2) as f32);
        // diffusers counts the half step down from the level and up from the next: the same but for odd strides.
        let middle = below + half;
        let looks = [(top, top - half), (middle, middle), (middle, below), (below, below)];
        for (call, (asked, to)) in looks.into_iter().enumerate() {
            let (from, to) = (steps.sigma(step), steps.trained(f64::from(to)));
            turns.push(Move { look: Look::RungeKutta(call), call: at(asked), from, to });
            done.push(step);
        }
    }
    done.push(steps.len());
    (turns, done)
}
