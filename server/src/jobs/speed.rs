//! How fast this server draws, as measured, to say how long a wait will be.

use std::time::Duration;

use super::{ModelInfo, Spec};
use crate::fields::Pass;

/// Seconds for a job, before anything was measured.
const UNKNOWN: f64 = 5.0;

/// How much the newest job counts against all before it.
const WEIGHT: f64 = 0.3;

/// Decoding costs about as much as one step.
const DECODE: usize = 1;

/// To resample a pixel and to write it into a file, against a step for it.
const FINISH: f64 = 0.05;

/// Seconds for a million pixels and one step, smoothed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Speed {
    seconds: Option<f64>,
}

impl Speed {
    pub(super) fn measured(&mut self, work: f64, time: Duration) {
        // What is not drawn tells nothing of the speed of drawing.
        if work <= 0.0 {
            return;
        }
        let now = time.as_secs_f64() / work.max(f64::EPSILON);
        self.seconds = Some(self.seconds.map_or(now, |before| before + WEIGHT * (now - before)));
    }

    /// Seconds for so much work.
    pub(super) fn estimate(&self, work: f64) -> f64 {
        self.seconds.map_or(UNKNOWN, |seconds| seconds * work)
    }

    /// The same where a job is being drawn: until one has ended, the part of it that is done tells.
    pub(super) fn with_running(&self, done: f64, time: Duration) -> Self {
        match self.seconds {
            None if done > 0.0 => Self { seconds: Some(time.as_secs_f64() / done) },
            seconds => Self { seconds },
        }
    }
}

/// The speed of each model, by its place.
#[derive(Debug, Default)]
pub(super) struct Speeds(Vec<Speed>);

impl Speeds {
    pub(super) fn of(&self, model: usize) -> Speed {
        self.0.get(model).copied().unwrap_or_default()
    }

    pub(super) fn measured(&mut self, model: usize, work: f64, time: Duration) {
        if self.0.len() <= model {
            self.0.resize(model + 1, Speed::default());
        }
        self.0[model].measured(work, time);
    }
}

/// What a job costs: millions of pixels times steps. With guidance, which a distilled model does not take from a
/// request, a step is two calls of the model.
pub(super) fn work(model: &ModelInfo, spec: &Spec) -> f64 {
    if spec.rework.is_some() {
        return 0.0;
    }
    let (width, height) = model.drawn_size(spec);
    let guidance = spec.guidance.filter(|_| !model.distilled).unwrap_or(model.guidance);
    let calls = if guidance > 1.0 { 2 } else { 1 };
    let steps = spec.steps.unwrap_or(model.steps) * calls + DECODE;
    // What is drawn again is encoded and decoded, too.
    let again = |Pass { ratio, strength }: Pass| {
        ratio * ratio * (steps as f64 * f64::from(strength) + 2.0 * DECODE as f64)
    };
    let steps = steps as f64 + spec.pass.map_or(0.0, again);
    let finish = FINISH * (spec.width * spec.height) as f64;
    spec.images as f64 * ((width * height) as f64 * steps + finish) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(is_demo: bool) -> ModelInfo {
        let (name, device) = ("a model".into(), "cpu".into());
        let own_size = if is_demo { 128 } else { 1024 };
        ModelInfo {
            name,
            own_size,
            is_demo,
            distilled: false,
            steps: 20,
            hd_steps: 40,
            guidance: 5.0,
            largest_preview: 256,
            device,
            nets: crate::config::Nets::default(),
        }
    }

    fn spec(side: usize, images: usize, steps: Option<usize>) -> Spec {
        Spec { width: side, height: side, images, steps, ..Spec::default() }
    }

    #[test]
    fn twice_the_steps_or_pictures_or_pixels_take_about_twice_as_long() {
        let cost = |side, images, steps| work(&model(false), &spec(side, images, Some(steps)));
        let one = cost(512, 1, 20);
        assert!((cost(512, 2, 20) / one - 2.0).abs() < 1e-9);
        assert!((cost(512, 1, 40) / one - 2.0).abs() < 0.05);
        assert!((cost(1024, 1, 20) / one - 4.0).abs() < 1e-9);
        assert!((work(&model(false), &spec(512, 1, None)) - one).abs() < 1e-9, "20 steps are its own");
    }

    #[test]
    fn the_demo_model_draws_small_whatever_is_asked_for() {
        let cost = |side| work(&model(true), &spec(side, 1, None));
        assert!(cost(1024) < 2.0 * cost(128), "{} against {}", cost(1024), cost(128));
    }

    #[test]
    fn a_running_job_tells_the_speed_before_any_has_ended() {
        let mut speed = Speed::default();
        let minute = Duration::from_secs(60);
        assert!((speed.with_running(2.0, minute).estimate(3.0) - 90.0).abs() < 1e-9);
        speed.measured(1.0, minute);
        assert!((speed.with_running(2.0, minute).estimate(3.0) - 180.0).abs() < 1e-9);
        speed.measured(1.0, Duration::ZERO);
        assert!((speed.estimate(1.0) - 42.0).abs() < 1e-9);
    }
}
