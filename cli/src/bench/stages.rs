//! Running what is measured: whole pictures, then their stages one by one.

use std::time::Instant;

use fulmen_engine::backend::{CancelToken, Peak};
use fulmen_engine::engine::{DrawStage, Engine, Event, Seconds, Stage, Watch};
use fulmen_engine::request::Request;
use serde::Serialize;

use super::kernels::StageKernels;
use super::progress::Progress;
use super::rate::Rate;
use crate::failure::Failure;

/// Seconds for the runs of one stage. One that takes longer has run often enough in a picture.
const LONG: f64 = 3.0;

/// Pixels.
const NARROWER: usize = 64;

/// Runs of a stage at the most.
const MOST_RUNS: usize = 15;

/// Measures, and says so.
pub(super) struct Runner {
    pub(super) cancel: CancelToken,
    pub(super) progress: Progress,
    pub(super) request: Request,
}

/// A picture that was drawn.
pub(super) struct Picture {
    /// From the request to its pixels.
    pub(super) seconds: f64,
    pub(super) stages: Seconds,
    pub(super) predicted_bytes: u64,
}

/// The first picture of a size, once everything is ready for another.
#[derive(Debug, Serialize)]
pub(super) struct OtherSize {
    /// Width and height.
    pub(super) size: (usize, usize),
    pub(super) seconds: f64,
    /// To compile kernels. Weights are there.
    pub(super) load_seconds: f64,
}

/// How long a stage takes.
#[derive(Debug, Serialize)]
pub(super) struct StageTime {
    pub(super) stage: Stage,
    /// The median of all runs.
    pub(super) seconds: f64,
    runs: usize,
    pub(super) flops: u64,
    #[serde(flatten)]
    pub(super) rate: Rate,
}

impl Runner {
    /// Draws a picture that is a little narrower, or wider where that would be none.
    pub(super) fn draw_another_size(&mut self, engine: &mut Engine) -> Result<OtherSize, Failure> {
        let (width, height) = engine.plan(&self.request)?.finished_size();
        let width = if width > 2 * NARROWER { width - NARROWER } else { width + NARROWER };
        let request = Request { width: Some(width), height: Some(height), ..self.request.clone() };
        let Picture { seconds, stages, .. } = self.draw(engine, &request, "first picture of another size")?;
        Ok(OtherSize { size: (width, height), seconds, load_seconds: stages.load })
    }

    /// Draws a picture.
    pub(super) fn draw(
        &mut self,
        engine: &mut Engine,
        request: &Request,
        name: &str,
    ) -> Result<Picture, Failure> {
        let start = Instant::now();
        let (mut drawn, mut predicted_bytes) = (None, 0);
        let progress = &mut self.progress;
        let mut event = |event: Event| match event {
            Event::Stage(stage) => progress.begin(format!("{name}, {}", words(stage))),
            Event::Memory(need) => predicted_bytes = need.total(),
            Event::Step { step, steps, seconds, .. } => {
                progress.detail(&format!("step {step}/{steps}, {seconds:.2} s a step"));
            }
            Event::Picture(picture) => drawn = Some(picture.seconds),
            _ => {}
        };
        let cancel = self.cancel.clone();
        engine.generate(request, &mut Watch { event: &mut event, trace: None, previews: 0, cancel })?;
        self.progress.end();
        let stages = drawn.ok_or_else(|| Failure::Run("nothing was drawn".into()))?;
        Ok(Picture { seconds: start.elapsed().as_secs_f64(), stages, predicted_bytes })
    }

    /// Runs every stage by itself, if it is fast enough to be run often; else takes what it took in `picture`.
    pub(super) fn measure(
        &mut self,
        engine: &mut Engine,
        picture: &Picture,
        peak: &Peak,
    ) -> Result<Vec<StageTime>, Failure> {
        let Seconds { text, unet_steps, vae, .. } = &picture.stages;
        let once = [vec![*text], unet_steps.clone(), vec![*vae]];
        let mut stages = vec![];
        for (stage, in_picture) in Stage::ALL.into_iter().zip(once) {
            let (flops, mut seconds) = self.runs(engine, stage, in_picture)?;
            let (runs, seconds) = (seconds.len(), median(&mut seconds));
            let rate = Rate::products(flops, seconds, peak);
            stages.push(StageTime { stage, seconds, runs, flops, rate });
        }
        Ok(stages)
    }

    /// The work of a stage, and the seconds of its runs.
    fn runs(
        &mut self,
        engine: &mut Engine,
        stage: Stage,
        in_picture: Vec<f64>,
    ) -> Result<(u64, Vec<f64>), Failure> {
        let mut run = engine.stage(stage, &self.request)?;
        let (flops, mut seconds) = (run.flops(), in_picture);
        if median(&mut seconds) < LONG {
            self.progress.begin(format!("{} alone", network(stage)));
            run.run(&self.cancel)?;
            let start = Instant::now();
            seconds.clear();
            while seconds.is_empty() || seconds.len() < MOST_RUNS && start.elapsed().as_secs_f64() < LONG {
                seconds.push(run.run(&self.cancel)?);
            }
            self.progress.end();
        }
        Ok((flops, seconds))
    }

    /// Times the kernels of every stage.
    pub(super) fn time_kernels(
        &mut self,
        engine: &mut Engine,
        peak: &Peak,
    ) -> Result<Vec<StageKernels>, Failure> {
        let mut all = vec![];
        for stage in Stage::ALL {
            self.progress.begin(format!("kernels of the {}", network(stage)));
            let profiled = engine.stage(stage, &self.request)?.profile(&self.cancel)?;
            self.progress.end();
            all.push(StageKernels::new(stage, profiled, peak));
        }
        Ok(all)
    }
}

/// A network, as sentences call it.
pub(super) fn network(stage: Stage) -> &'static str {
    match stage {
        Stage::Text => "text encoders",
        Stage::Unet => "UNet",
        Stage::Vae => "VAE",
    }
}

fn words(stage: DrawStage) -> &'static str {
    match stage {
        DrawStage::Load => "compiling kernels and copying weights",
        DrawStage::Text => "text",
        DrawStage::Encode => "encoding",
        DrawStage::Denoise(_) => "steps",
        DrawStage::Decode(_) => "decoding",
        DrawStage::Upscale(_) => "enlarging",
    }
}

/// The middle one, or the mean of both; 0 of none.
fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    match seconds.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => seconds[odd / 2],
        even => 0.5 * (seconds[even / 2 - 1] + seconds[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_one_or_between_both() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0, 1.0, 9.0]), 3.0);
        assert_eq!(median(&mut [4.0, 1.0, 9.0, 3.0]), 3.5);
    }
}
