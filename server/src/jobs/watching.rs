//! What happens while a job is drawn, passed on to those who watch it, and its pictures gathered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fulmen_engine::Error;
use fulmen_engine::backend::{CancelToken, MemoryNeed};
use fulmen_engine::edit::matte;
use fulmen_engine::engine::{DrawStage, Drawn, Event};
use fulmen_engine::picture::Picture;
use fulmen_engine::weights::Lora;

use super::ModelInfo;
use super::finish::finished;
use super::foresight::refusal;
use super::job::{Drawing, Job, Progress, Status};
use super::memory::{Need, PATIENCE, Promises, beside};
use super::postprocess::{resampled, with_contrast};
use crate::metrics::Metrics;
use crate::problem::Problem;

/// What a job is drawn with.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) model: &'a ModelInfo,
    pub(super) metrics: &'a Metrics,
    pub(super) promises: &'a Promises,
    /// Whether the engine keeps its values in this machine's memory.
    pub(super) on_host: bool,
    /// Whether files say how they were drawn, where a job leaves it open.
    pub(super) png_text: bool,
    /// Whether nothing is drawn beside it. What is in the way of several need not be in the way of one: nobody waits for
    /// the memory then.
    pub(super) alone: bool,
    /// Whether other models have memory that could be this one's.
    pub(super) others_are_open: bool,
}

/// A job that is being drawn.
pub(super) struct Watching<'a> {
    job: &'a Job,
    setting: Setting<'a>,
    previews: usize,
    drawings: Vec<Drawing>,
    /// Stops the drawing: its job does, and what refuses it.
    pub(super) cancel: CancelToken,
    /// Why it is not drawn on.
    refused: Option<Problem>,
}

impl<'a> Watching<'a> {
    pub(super) fn new(job: &'a Job, setting: Setting<'a>) -> Self {
        let images = job.spec.images;
        job.set(Status::Running { image: 1, images, step: 0, steps: 0 });
        let cancel = CancelToken::once_all(std::iter::once(job.cancel.clone()));
        Self { job, setting, previews: 0, drawings: Vec::with_capacity(images), cancel, refused: None }
    }

    pub(super) fn event(&mut self, event: Event) {
        let job = self.job;
        match event {
            Event::Stage(stage) => job.tell(Progress::Stage(name(stage))),
            Event::Step { image, step, steps, .. } => {
                job.set(Status::Running { image: image + 1, images: job.spec.images, step, steps });
                job.tell(Progress::Step { step, steps });
            }
            Event::Preview { picture, .. } => {
                job.tell(Progress::Preview { index: self.previews, picture: Arc::new(*picture) });
                self.previews += 1;
            }
            Event::Memory(need) => self.remember(need),
            Event::Fit(fit) => tracing::debug!(bytes = fit.device_bytes, "in the GPU's memory {}", fit.plan),
            Event::Lora(lora) => log_lora(&lora),
            Event::Picture(drawn) => {
                self.setting.metrics.drawn(&drawn.seconds);
                let png_text = job.spec.png_text.unwrap_or(self.setting.png_text);
                self.drawings.push(drawing(*drawn, job, png_text));
            }
            // Warnings were foreseen, and given when the job was submitted.
            Event::Warning(_) => {}
            Event::Tile { tile, tiles, .. } => job.tell(Progress::Tile { tile, tiles }),
        }
    }

    /// The network that enlarges pictures, if there is one.
    pub(super) fn upscaler(&self) -> Option<PathBuf> {
        self.setting.model.nets.upscaler.clone()
    }

    /// The size in which the picture is drawn over that is enlarged first, if one is.
    pub(super) fn enlarged_first(&self) -> Option<(usize, usize)> {
        let spec = &self.job.spec;
        spec.init.as_ref().filter(|init| init.enlarged)?;
        Some(self.setting.model.drawn_size(spec))
    }

    /// A picture was enlarged in so many seconds, before or instead of being drawn.
    pub(super) fn enlarged_in(&self, seconds: f64) {
        self.setting.metrics.stage("upscale", seconds);
    }

    /// A picture is finished without having been drawn.
    pub(super) fn keep(&mut self, picture: Picture) {
        let seed = self.job.spec.seed;
        self.drawings.push(Drawing { picture, seed, steps: 0, parameters: None });
    }

    /// How the job has ended; `None` where there was no memory for it beside other jobs or beside other models, and it
    /// is to be drawn alone.
    pub(super) fn end(&mut self, end: Result<(), Error>) -> Option<Status> {
        let Setting { alone, others_are_open, .. } = self.setting;
        match (self.refused.take(), end) {
            (Some(_), _) if !alone => None,
            (Some(problem), _) if others_are_open && problem.status == 503 => None,
            (None, Err(Error::Memory { .. })) if others_are_open => None,
            (Some(problem), _) => Some(Status::Failed(problem)),
            (None, Ok(())) => Some(Status::Done(std::mem::take(&mut self.drawings).into())),
            (None, Err(Error::Cancelled)) => Some(Status::Cancelled),
            (None, Err(error)) => Some(failed(self.job, &error)),
        }
    }

    /// Nothing is drawn that there is no memory for.
    fn remember(&mut self, need: MemoryNeed) {
        let Setting { model, metrics, promises, on_host, alone, others_are_open, .. } = self.setting;
        metrics.memory(need);
        let ticket = &self.job.ticket;
        let beside = beside(model, &self.job.spec, (ticket.outcome, ticket.previews));
        let patience = if alone && !others_are_open { PATIENCE } else { Duration::ZERO };
        let need = Need { engine: need.on_host(on_host), beside };
        match promises.make(need, &self.job.cancel, patience) {
            Ok(promise) => self.job.hold(promise),
            Err(problem) => {
                self.refused = Some(problem);
                self.cancel.cancel();
            }
        }
    }
}

/// How much of a LoRA is in the model.
pub(super) fn log_lora(lora: &Lora) {
    match lora.unused() {
        None => tracing::info!("{lora}"),
        Some(unused) => tracing::warn!("LoRA {}: {unused}", lora.adapter().path().display()),
    }
}

/// The picture as requested. There is one at a time: none of its earlier stages is kept.
fn drawing(drawn: Drawn, job: &Job, png_text: bool) -> Drawing {
    let spec = &job.spec;
    let Drawn { picture, parameters, seed, .. } = drawn;
    let is_changed = spec.is_finished() || (picture.width, picture.height) != (spec.width, spec.height);
    let picture = match spec.contrast {
        Some(factor) => with_contrast(picture, factor),
        None => picture,
    };
    let picture = resampled(finished(picture, &spec.finish), spec.width, spec.height);
    let picture = if is_changed { job.pictures().with_kept(spec, picture) } else { picture };
    // One that was drawn with its own transparency keeps that.
    let picture = if spec.transparent && picture.alpha.is_none() { matte(&picture) } else { picture };
    Drawing { picture, seed, steps: parameters.steps, parameters: png_text.then_some(parameters) }
}

fn name(stage: DrawStage) -> &'static str {
    match stage {
        DrawStage::Load => "load",
        DrawStage::Text => "text",
        DrawStage::Encode => "encode",
        DrawStage::Denoise(_) => "denoise",
        DrawStage::Decode(_) => "decode",
        DrawStage::Upscale(_) => "upscale",
    }
}

/// Whether an error is neither the caller's affair nor a lack of memory: whatever it is, the engine is opened again.
pub(super) fn is_fault(error: &Error) -> bool {
    !error.is_of_memory() && !matches!(error, Error::Request(_) | Error::Cancelled)
}

/// How a job ends that cannot be drawn.
pub(super) fn failed(job: &Job, error: &Error) -> Status {
    if is_fault(error) {
        tracing::error!(job = job.ticket.id, %error, "a picture failed; the engine is opened again");
        return Status::Failed(Problem::internal());
    }
    Status::Failed(refusal(job.ticket.family, error))
}
