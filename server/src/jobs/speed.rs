//! How fast this server draws, as measured, to say how long a wait will be.

use std::time::Duration;

use super::{ModelInfo, Rework, Spec};
use crate::fields::Pass;

/// Seconds for a job, before anything was measured.
const UNKNOWN: f64 = 5.0;

/// How much the newest job counts against all before it.
const WEIGHT: f64 = 0.3;

/// Decoding costs about as much as one step, and so does encoding.
const DECODE: f64 = 1.0;
const ENCODE: f64 = 1.0;

/// What a net adds to each step that it guides.
const CONTROL: f64 = 0.5;

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
/// request, a step is two calls of the model. What is not drawn is counted in the same way, and has a speed of its own.
pub(super) fn work(model: &ModelInfo, spec: &Spec) -> f64 {
    let finish = FINISH * (spec.width * spec.height) as f64;
    match spec.rework {
        Some(Rework::Matte) => return finish / 1e6,
        Some(Rework::Upscale) => {
            return (model.enlarging * enlarged(spec.width, spec.height) + finish) / 1e6;
        }
        None => {}
    }
    let (width, height) = model.drawn_size(spec);
    let pixels = (width * height) as f64;
    let steps = spec.steps.unwrap_or(model.steps) as f64;
    let share = spec.init.as_ref().map_or(1.0, |init| init.denoising_strength.clamp(0.0, 1.0));
    let begins = spec.init.as_ref().map_or(0.0, |init| {
        let first = if init.enlarged { model.enlarging * enlarged(width, height) / pixels } else { 0.0 };
        ENCODE + first
    });
    let first = begins + whole(steps * share) * calls(model, spec) + DECODE;
    // What is drawn again is decoded, enlarged, encoded, and decoded once more.
    let again = |Pass { ratio, strength }: Pass| {
        let drawn = ENCODE + whole(steps * strength) * calls(model, spec) + DECODE;
        model.enlarging + ratio * ratio * drawn
    };
    let last = spec.pass.map_or(1.0, |pass| pass.ratio * pass.ratio);
    let enlarged = spec.upscale.map_or(0.0, |_| model.enlarging * last);
    let steps = first + spec.pass.map_or(0.0, again) + enlarged;
    spec.images as f64 * (pixels * steps + finish) / 1e6
}

/// What a step costs: calls of the model, and of the nets that guide it.
fn calls(model: &ModelInfo, spec: &Spec) -> f64 {
    let guidance = spec.guidance.filter(|_| !model.distilled).unwrap_or(model.guidance);
    let calls = if guidance > 1.0 { 2.0 } else { 1.0 };
    calls * (1.0 + CONTROL * spec.controls.len() as f64)
}

/// Steps are done wholly, and one of them at least.
fn whole(steps: f64) -> f64 {
    steps.floor().max(1.0)
}

/// Pixels of a picture that was enlarged to this size, as far as that is known: by a half to twice.
fn enlarged(width: usize, height: usize) -> f64 {
    (width * height) as f64 / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{ControlSpec, InitSpec};

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
            enlarging: 0.0,
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
    fn what_begins_from_a_picture_costs_its_steps_and_its_reading() {
        let cost = |init, controls: usize| {
            let controls = vec![ControlSpec::default(); controls];
            work(&model(false), &Spec { init, controls, ..spec(1024, 1, Some(20)) })
        };
        let init = |denoising_strength| Some(InitSpec { denoising_strength, ..InitSpec::default() });
        let [none, half, little] = [None, init(0.5), init(0.01)].map(|init| cost(init, 0));
        // 20 steps of two calls, and decoding; encoding, 10 steps, decoding; encoding, one step, decoding.
        assert!((half / none - 22.0 / 41.0).abs() < 0.01, "{}", half / none);
        assert!((little / none - 4.0 / 41.0).abs() < 0.01, "{}", little / none);
        assert!((cost(None, 2) / none - 81.0 / 41.0).abs() < 0.01, "two nets, each half a call");
    }

    #[test]
    fn networks_that_enlarge_cost_what_they_compute() {
        let with = ModelInfo { enlarging: 6.0, ..model(false) };
        let cost =
            |model: &ModelInfo, spec: &Spec| work(model, &Spec { guidance: Some(0.0), ..spec.clone() });
        let plain = spec(512, 1, Some(3));
        let larger = Spec { upscale: Some(2.0), drawn: Some([512, 512]), ..spec(1024, 1, Some(3)) };
        let [none, net] = [&model(false), &with].map(|model| cost(model, &larger));
        assert!(net > 2.3 * none && none < 1.1 * cost(&with, &plain), "{none} {net}");
        let rework = Spec { rework: Some(Rework::Upscale), ..spec(1024, 1, None) };
        assert!(work(&with, &rework) > 10.0 * work(&model(false), &rework));
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
