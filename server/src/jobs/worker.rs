//! The one thread that draws.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fulmen_engine::engine::{Order, Outlook, Watch};
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
        while let Some(mut jobs) = queue.next(|jobs, next| self.goes_with(jobs, next)) {
            jobs.retain(|job| {
                begin(job).map_err(|problem| queue.finished(job, Status::Failed(problem))).is_ok()
            });
            let ended = |job: &Arc<Job>, status: Status| {
                metrics.job_ended(status.end());
                queue.finished(job, status);
            };
            metrics.jobs_together(jobs.len());
            if catch_unwind(AssertUnwindSafe(|| self.draw(&jobs, metrics, &ended))).is_err() {
                // It was taken out to draw with.
                tracing::error!("the engine panicked; it is opened again");
                for job in &queue.snapshot().running {
                    ended(job, Status::Failed(Problem::internal()));
                }
            }
        }
    }

    /// Whether a job can be drawn beside these.
    fn goes_with(&self, jobs: &[Arc<Job>], next: &Job) -> bool {
        let (first, size) = (&jobs[0], |job: &Job| self.model.drawn_size(&job.spec));
        let images = jobs.iter().map(|job| job.spec.images).sum::<usize>() + next.spec.images;
        if first.alone || next.alone || size(first) != size(next) || images > self.outlook.batch(size(next)) {
            return false;
        }
        let plan = |job: &Job| self.outlook.plan(&request(&self.model, &job.spec));
        matches!((plan(first), plan(next)), (Ok(first), Ok(next)) if first.goes_with(&next))
    }

    /// Draws jobs together, and tells of each how it has ended. Those that there is no memory for beside the others are
    /// drawn alone after them.
    fn draw(&mut self, jobs: &[Arc<Job>], metrics: &Metrics, ended: &dyn Fn(&Arc<Job>, Status)) {
        let mut engine = match self.engine.take().map_or_else(|| Engine::open(&self.options), Ok) {
            Ok(engine) => engine,
            Err(error) => return jobs.iter().for_each(|job| ended(job, failed(job, &error))),
        };
        let (model, promises) = (&self.model, &self.promises);
        let (on_host, png_text, alone) = (engine.is_on_host(), self.png_text, jobs.len() == 1);
        let setting = Setting { model, metrics, promises, on_host, png_text, alone };
        let watchings: Vec<_> = jobs.iter().map(|job| RefCell::new(Watching::new(job, setting))).collect();
        let requests: Vec<_> = jobs.iter().map(|job| request(model, &job.spec)).collect();
        let mut events: Vec<_> =
            watchings.iter().map(|watching| |event| watching.borrow_mut().event(event)).collect();
        let orders = requests.iter().zip(&mut events).zip(&watchings).zip(jobs);
        let orders = orders.map(|(((request, event), watching), job)| {
            let (previews, cancel) = (job.ticket.previews, watching.borrow().cancel.clone());
            Order { request, watch: Watch { event, trace: None, previews, cancel } }
        });
        let (mut again, mut is_broken) = (vec![], false);
        engine.generate_together(&mut orders.collect::<Vec<_>>(), &mut |at, end| {
            is_broken |= end.as_ref().is_err_and(is_fault);
            match watchings[at].borrow_mut().end(end) {
                Some(status) => ended(&jobs[at], status),
                None => again.push(&jobs[at]),
            }
        });
        self.engine = (!is_broken).then_some(engine);
        again.into_iter().for_each(|job| self.draw(std::slice::from_ref(job), metrics, ended));
    }
}

/// Whether an error is neither the caller's affair nor a lack of memory: whatever it is, the engine is opened again.
fn is_fault(error: &Error) -> bool {
    !matches!(error, Error::Request(_) | Error::Memory { .. } | Error::Cancelled)
}

/// How a job ends that cannot be drawn.
pub(super) fn failed(job: &Job, error: &Error) -> Status {
    if is_fault(error) {
        tracing::error!(job = job.ticket.id, %error, "a picture failed; the engine is opened again");
        return Status::Failed(Problem::internal());
    }
    Status::Failed(refusal(job.ticket.family, error))
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

#[cfg(test)]
mod tests;
