//! diffusers' published loops (tests/schedulers/test_scheduler_*.py): no weights, a model x·t / (t + 1), ten steps.

use super::*;
use crate::noise::Rng;
use crate::schedule::{Prediction, SchedulerConfig};

#[test]
fn no_noise_found_leaves_the_latents_as_they_are() {
    let schedule = Schedule::new(&SchedulerConfig::sdxl(), 4).unwrap();
    let before = [-3.5, 0.0, 1e-3, 14.6];
    let mut after = before;
    sampler(&schedule).take(&mut after, &before, &mut Noise::new(Rng::Torch, 0));
    assert_eq!(after, before);
}

#[test]
fn a_last_step_returns_x0() {
    let schedule = Schedule::new(&SchedulerConfig::sdxl(), 1).unwrap();
    let x0 = [0.25, -1.5, 0.0, 2.0];
    let mut latents = [14.0, -20.0, 3.0, 0.5];
    sampler(&schedule).take(&mut latents, &x0, &mut Noise::new(Rng::Torch, 0));
    for (got, want) in latents.iter().zip(x0) {
        assert!((got - want).abs() < 4e-6, "{got} is not {want}");
    }
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
    let (mut sampler, mut noise) = (sampler(&schedule), Noise::new(Rng::Torch, 0));
    while let Some(Call { timestep, sigma }) = sampler.next() {
        // That loop feeds the scaled latents back into the step.
        x = model_input(&x, sigma);
        let predicted: Vec<f32> = x.iter().map(|x| x * timestep / (timestep + 1.0)).collect();
        let x0 = denoised(&x, &predicted, Prediction::Epsilon, sigma);
        sampler.take(&mut x, &x0, &mut noise);
    }
    x.iter().map(|x| f64::from(x.abs())).sum()
}
