//! Euler's method: from noise to latents, one straight step at a time.
//!
//! At noise level σ the UNet's answer gives a guess x₀ of the finished latents. The latents then move along the
//! line from x to x₀ down to the next level: x + (x − x₀) / σ · (σ' − σ). Everything is element by element, so
//! latents may lie in memory in any order. Formulas and the order of operations are those of diffusers'
//! `EulerDiscreteScheduler` without churn.

use crate::schedule::{Prediction, Schedule};

/// One step: what the UNet is told, and how its answer moves the latents.
///
/// ```text
/// for step in sampler::steps(&schedule, prediction) {
///     let answer = unet(step.model_input(&latents), step.timestep);
///     step.advance(&mut latents, &answer);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 0.
    pub index: usize,
    /// What the UNet is told of the noise level.
    pub timestep: f32,
    /// Noise in the latents before the step.
    pub sigma: f32,
    /// Noise in the latents after the step; 0 after the last.
    pub next_sigma: f32,
    /// What the UNet answers with.
    pub prediction: Prediction,
}

/// The steps of a schedule, noisiest first.
pub fn steps(schedule: &Schedule, prediction: Prediction) -> impl ExactSizeIterator<Item = Step> + '_ {
    schedule.timesteps.iter().enumerate().map(move |(index, &timestep)| Step {
        index,
        timestep,
        sigma: schedule.sigmas[index],
        next_sigma: schedule.sigmas[index + 1],
        prediction,
    })
}

/// N(0, 1) to the first latents.
pub fn first_latents(noise: &[f32], schedule: &Schedule) -> Vec<f32> {
    noise.iter().map(|n| n * schedule.init_noise_sigma).collect()
}

/// Classifier-free guidance: away from what the UNet says without the prompt, `guidance` times as far as the
/// prompt says. 1 is the prompt's answer itself.
pub fn guide(without: &[f32], with: &[f32], guidance: f32) -> Vec<f32> {
    assert_eq!(without.len(), with.len(), "both answers are of the same latents");
    without.iter().zip(with).map(|(u, c)| u + guidance * (c - u)).collect()
}

impl Step {
    /// The latents as the UNet wants them: of variance 1 whatever the noise.
    pub fn model_input(&self, latents: &[f32]) -> Vec<f32> {
        let deviation = self.deviation();
        latents.iter().map(|x| x / deviation).collect()
    }

    /// What the finished latents would be if this answer were the last: the preview.
    pub fn finished(&self, latents: &[f32], answer: &[f32]) -> Vec<f32> {
        latents.iter().zip(answer).map(|(&x, &a)| self.x0(x, a)).collect()
    }

    /// Move the latents to the next noise level.
    pub fn advance(&self, latents: &mut [f32], answer: &[f32]) {
        assert_eq!(latents.len(), answer.len(), "the UNet answers in the shape of its input");
        let down = self.next_sigma - self.sigma;
        for (x, &answer) in latents.iter_mut().zip(answer) {
            let slope = (*x - self.x0(*x, answer)) / self.sigma;
            *x += slope * down;
        }
    }

    /// √(σ² + 1): the standard deviation of the latents, the picture's own being 1.
    fn deviation(&self) -> f32 {
        (self.sigma * self.sigma + 1.0).sqrt()
    }

    fn x0(&self, x: f32, answer: f32) -> f32 {
        match self.prediction {
            Prediction::Epsilon => x - self.sigma * answer,
            Prediction::Velocity => {
                let variance = self.sigma * self.sigma + 1.0;
                answer * (-self.sigma / self.deviation()) + x / variance
            }
            Prediction::Sample => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::SchedulerConfig;

    fn step(sigma: f32, next_sigma: f32, prediction: Prediction) -> Step {
        Step { index: 0, timestep: 999.0, sigma, next_sigma, prediction }
    }

    #[test]
    fn no_noise_found_leaves_the_latents_as_they_are() {
        let before = [-3.5, 0.0, 1e-3, 14.6];
        let mut after = before;
        step(14.614647, 4.081728, Prediction::Epsilon).advance(&mut after, &[0.0; 4]);
        assert_eq!(after, before);
    }

    #[test]
    fn a_last_step_in_x0_form_returns_the_answer() {
        let answer = [0.25, -1.5, 0.0, 2.0];
        let mut latents = [14.0, -20.0, 3.0, 0.5];
        step(14.614647, 0.0, Prediction::Sample).advance(&mut latents, &answer);
        for (got, want) in latents.iter().zip(answer) {
            assert!((got - want).abs() < 4e-6, "{got} is not {want}");
        }
    }

    #[test]
    fn the_true_answer_in_every_form_gives_the_same_step() {
        let (picture, noise, sigma) = (0.7_f32, -1.2_f32, 4.081728_f32);
        let x = picture + sigma * noise;
        let deviation = (sigma * sigma + 1.0).sqrt();
        // v = (ε − σ·x₀) / √(σ² + 1), from α·ε − s·x₀ with α = 1/√(σ² + 1), s = σ·α.
        let velocity = (noise - sigma * picture) / deviation;
        for (prediction, answer) in
            [(Prediction::Epsilon, noise), (Prediction::Sample, picture), (Prediction::Velocity, velocity)]
        {
            let mut latents = [x];
            step(sigma, 1.612888, prediction).advance(&mut latents, &[answer]);
            let want = picture + 1.612888 * noise;
            assert!((latents[0] - want).abs() < 2e-6, "{prediction:?}: {} is not {want}", latents[0]);
        }
    }

    #[test]
    fn guidance_of_one_is_the_prompts_answer_and_of_nought_the_others() {
        let (without, with) = ([1.0, -2.0], [3.0, 0.5]);
        assert_eq!(guide(&without, &with, 1.0), with);
        assert_eq!(guide(&without, &with, 0.0), without);
        assert_eq!(guide(&without, &with, 5.0), [11.0, 10.5]);
    }

    /// diffusers, tests/schedulers/test_scheduler_euler.py, test_full_loop_no_noise: Σ|x| 10.0807, mean 0.0131; and
    /// test_full_loop_device_karras_sigmas: Σ|x| 124.523, mean 0.16214, which f64 meets to four digits.
    #[test]
    fn diffusers_published_loops_come_out() {
        for (karras, sum, mean, near) in [(false, 10.0807, 0.0131, 1e-4), (true, 124.523, 0.162_139, 6e-3)] {
            let got = published_loop(karras);
            assert!((got - sum).abs() < near, "Σ|x| {got} is not {sum}");
            assert!((got / 768.0 - mean).abs() < 1e-4, "mean {} is not {mean}", got / 768.0);
        }
    }

    fn published_loop(karras: bool) -> f64 {
        let json = format!(
            r#"{{"num_train_timesteps": 1100, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "use_karras_sigmas": {karras}}}"#
        );
        let file = std::path::Path::new("scheduler_config.json");
        let config = SchedulerConfig::from_json(json.as_bytes(), file).unwrap();
        let schedule = Schedule::new(&config, 10).unwrap();
        // The test's sample is arange(768) / 768 with its axes moved; sums do not see the order.
        let ramp: Vec<f32> = (0..768).map(|i| i as f32 / 768.0).collect();
        let mut x = first_latents(&ramp, &schedule);
        for step in steps(&schedule, Prediction::Epsilon) {
            // That loop feeds the scaled latents back into the step.
            x = step.model_input(&x);
            let answer: Vec<f32> = x.iter().map(|x| x * step.timestep / (step.timestep + 1.0)).collect();
            step.advance(&mut x, &answer);
        }
        x.iter().map(|x| f64::from(x.abs())).sum()
    }
}
