//! The one thread that draws.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fulmen_engine::engine::{Order, Outlook, Watch};
use fulmen_engine::settings::Settings;
use fulmen_engine::{Engine, Error, Options};

use super::Queue;
use super::foresight::Foresight;
use super::job::{Job, Status};
use super::memory::Promises;
use super::model::ModelInfo;
use super::watching::{Setting, Watching, failed, is_fault};
use crate::metrics::Metrics;
use crate::problem::Problem;

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

    /// How much of each LoRA is in the model that it was opened with.
    pub(crate) fn loras(&self) -> Vec<String> {
        self.engine.iter().flat_map(Engine::loras).map(ToString::to_string).collect()
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
        let plan = |job: &Job| self.outlook.plan(&self.model.request(&job.spec));
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
        let requests: Vec<_> = jobs.iter().map(|job| model.request(&job.spec)).collect();
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

#[cfg(test)]
mod tests;
