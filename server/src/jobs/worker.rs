//! The one thread that draws.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fulmen_engine::engine::{Outlook, Watch};
use fulmen_engine::prompt::{LongPrompts, PromptSyntax};
use fulmen_engine::request::{Guidance, Nag};
use fulmen_engine::schedule::{Prediction, SamplerName, Sigmas, TimestepSpacing};
use fulmen_engine::settings::Settings;
use fulmen_engine::{Engine, Error, Options, Request};

use super::foresight::{Foresight, refusal};
use super::job::{Job, Status};
use super::memory::Promises;
use super::size::in_own_area;
use super::watching::{Setting, Watching};
use super::{Queue, Spec};
use crate::metrics::Metrics;
use crate::problem::Problem;

/// Numbers of steps that distilled models are made for.
const DISTILLED_STEPS: [usize; 4] = [1, 2, 4, 8];

/// What clients call the model inside the program.
const DEMO: &str = "fulmen-demo";

/// What handlers say of the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelInfo {
    /// Its file's or folder's name.
    pub(crate) name: String,
    /// Pixels of a side that it was trained at.
    pub(crate) own_size: usize,
    /// Whether it is the small model inside the program, which is drawn at its own area and resampled.
    pub(crate) is_demo: bool,
    /// Whether it was made for one small number of steps.
    pub(crate) distilled: bool,
    pub(crate) steps: usize,
    /// Steps of `quality: hd`: the next number that the model knows from twice its own.
    pub(crate) hd_steps: usize,
    pub(crate) guidance: f32,
    /// Pixels of a side that a preview has at the most.
    pub(crate) largest_preview: usize,
    pub(crate) device: String,
}

/// The engine, and how to open it again.
pub(crate) struct Worker {
    options: Options,
    engine: Option<Engine>,
    outlook: Outlook,
    pub(crate) model: ModelInfo,
    /// Whether files say how they were drawn, where a job leaves it open.
    pub(crate) png_text: bool,
    /// Memory of jobs whose answers are not taken yet.
    promises: Promises,
}

impl Worker {
    /// Opens the model on the device.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn open(options: &Options) -> fulmen_engine::Result<Self> {
        let engine = Engine::open(options)?;
        let model = ModelInfo::of(&engine, options)?;
        let (options, outlook) = (options.clone(), engine.outlook());
        let promises = Promises::default();
        Ok(Self { options, outlook, engine: Some(engine), model, png_text: true, promises })
    }

    /// What can be said of jobs while this draws.
    pub(crate) fn foresight(&self) -> Foresight {
        Foresight::new(self.outlook.clone(), self.model.clone())
    }

    /// How requests are drawn that do not say, with what the operator should know of it.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn usual(&self) -> fulmen_engine::Result<Settings> {
        self.engine.as_ref().map_or_else(|| Err(Error::Cancelled), |engine| engine.outlook().usual())
    }

    /// Draws until the queue is closed. What `begin` refuses is not drawn.
    pub(crate) fn run(
        mut self,
        queue: &Queue,
        metrics: &Metrics,
        begin: &dyn Fn(&Job) -> Result<(), Problem>,
    ) {
        while let Some(job) = queue.next() {
            if let Err(problem) = begin(&job) {
                queue.finished(Status::Failed(problem));
                continue;
            }
            let drawn = catch_unwind(AssertUnwindSafe(|| self.draw(&job, metrics)));
            let status = drawn.unwrap_or_else(|_| {
                tracing::error!(job = job.ticket.id, "the engine panicked; it is opened again");
                self.engine = None;
                Status::Failed(Problem::internal())
            });
            metrics.job_ended(status.end());
            queue.finished(status);
        }
    }

    /// Draws a job; how it ended.
    fn draw(&mut self, job: &Job, metrics: &Metrics) -> Status {
        let opened = match self.engine.take() {
            Some(engine) => Ok(engine),
            None => Engine::open(&self.options),
        };
        let engine = match opened {
            Ok(engine) => self.engine.insert(engine),
            Err(error) => return self.failed(job, &error),
        };
        let png_text = job.spec.png_text.unwrap_or(self.png_text);
        let (model, promises, on_host) = (&self.model, &self.promises, engine.is_on_host());
        let mut watching = Watching::new(job, Setting { model, metrics, promises, on_host, png_text });
        let (mut event, cancel) = (|event| watching.event(event), job.cancel.clone());
        let mut watch = Watch { event: &mut event, trace: None, previews: job.ticket.previews, cancel };
        let drawn = engine.generate(&request(model, &job.spec), &mut watch);
        let Watching { drawings, refused, .. } = watching;
        match (refused, drawn) {
            (Some(problem), _) => Status::Failed(problem),
            (None, Ok(())) => Status::Done(drawings.into()),
            (None, Err(Error::Cancelled)) => Status::Cancelled,
            (None, Err(error)) => self.failed(job, &error),
        }
    }

    fn failed(&mut self, job: &Job, error: &Error) -> Status {
        let problem = match error {
            // What the caller asked for cannot be drawn here.
            Error::Request(_) | Error::Memory { .. } => refusal(job.ticket.family, error),
            _ => {
                tracing::error!(job = job.ticket.id, %error, "a picture failed; the engine is opened again");
                self.engine = None;
                Problem::internal()
            }
        };
        Status::Failed(problem)
    }
}

impl ModelInfo {
    fn of(engine: &Engine, options: &Options) -> fulmen_engine::Result<Self> {
        let plan = engine.plan(&Request::new(""))?;
        let Settings { distilled, steps, made_for, .. } = plan.settings;
        let hd_steps = match made_for {
            // Made for this number alone.
            Some(steps) => steps,
            None if distilled => {
                DISTILLED_STEPS.into_iter().find(|&known| known >= 2 * steps).unwrap_or(steps)
            }
            None => 2 * steps,
        };
        let is_demo = options.model.is_none();
        Ok(Self {
            name: if is_demo { DEMO.into() } else { plan.model },
            own_size: engine.own_size(),
            is_demo,
            distilled,
            steps,
            hd_steps,
            guidance: plan.settings.guidance,
            largest_preview: engine.largest_preview(),
            device: engine.device().to_owned(),
        })
    }

    /// Pixels that the model itself draws for this request.
    pub(super) fn drawn_size(&self, spec: &Spec) -> (usize, usize) {
        match self.is_demo {
            true => in_own_area(self.own_size, spec.width, spec.height),
            false => (spec.width, spec.height),
        }
    }
}

/// What the engine is asked for.
pub(super) fn request(model: &ModelInfo, spec: &Spec) -> Request {
    let (width, height) = model.drawn_size(spec);
    Request {
        prompt: spec.prompt.clone(),
        negative_prompt: spec.negative_prompt.clone(),
        width: Some(width),
        height: Some(height),
        steps: spec.steps,
        guidance: spec.guidance.map(Guidance::Suggested),
        nag: Nag { scale: spec.nag_scale, tau: spec.nag_tau, alpha: spec.nag_alpha },
        sampler: meant(&SamplerName::WORDS, spec.sampler.as_deref()),
        sigmas: meant(&Sigmas::WORDS, spec.sigmas.as_deref()),
        eta: spec.eta,
        spacing: meant(&TimestepSpacing::WORDS, spec.spacing.as_deref()),
        prediction: meant(&Prediction::WORDS, spec.prediction.as_deref()),
        prompt_syntax: meant(&PromptSyntax::WORDS, spec.prompt_syntax.as_deref()),
        long_prompts: meant(&LongPrompts::WORDS, spec.long_prompts.as_deref()),
        seed: Some(spec.seed),
        images: spec.images,
        ..Request::default()
    }
}

/// What a word means.
fn meant<T: Copy>(words: &[(&str, T)], asked: Option<&str>) -> Option<T> {
    words.iter().find(|(word, _)| Some(*word) == asked).map(|(_, meaning)| *meaning)
}
