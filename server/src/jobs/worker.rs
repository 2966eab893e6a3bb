//! The one thread that draws.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fulmen_engine::Engine;
use fulmen_engine::engine::{Order, Watch};
use fulmen_engine::settings::Settings;

use super::engines::Engines;
use super::job::{Job, Progress, Status};
use super::memory::Promises;
use super::models::{Known, Models};
use super::rework::{Next, reworked};
use super::watching::{Setting, Watching, failed, is_fault};
use super::{Pictures, Queue};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::metrics::Metrics;
use crate::problem::Problem;

/// The engines, and what is known of their models.
pub(crate) struct Worker {
    engines: Engines,
    pub(crate) models: Models,
    /// Whether files say how they were drawn, where a job leaves it open.
    pub(crate) png_text: bool,
    /// Memory of jobs whose answers are not taken yet.
    promises: Promises,
}

impl Worker {
    /// Opens the models on their device.
    ///
    /// # Errors
    /// The engine's; two models of one name.
    pub(crate) fn open(models: &[ModelConfig]) -> Result<Self> {
        let (engines, models) = Engines::open(models)?;
        Ok(Self { engines, models, png_text: true, promises: Promises::default() })
    }

    /// How requests are drawn that do not say, with what the operator should know of it: by each model.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn usual(&self) -> Result<Vec<Settings>> {
        Ok(self.engines.iter().map(|engine| engine.outlook().usual()).collect::<Result<_, _>>()?)
    }

    /// How much of each LoRA is in the models that they were opened with.
    pub(crate) fn loras(&self) -> Vec<String> {
        self.engines.iter().flat_map(Engine::loras).map(ToString::to_string).collect()
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
                // It was taken out to draw with; the others share its device.
                self.engines.close_all();
                tracing::error!("the engine panicked; it is opened again");
                for job in &queue.snapshot().running {
                    ended(job, Status::Failed(Problem::internal()));
                }
            }
        }
    }

    /// Whether a job can be drawn beside these.
    fn goes_with(&self, jobs: &[Arc<Job>], next: &Job) -> bool {
        let first = &jobs[0];
        if first.alone || next.alone || first.model != next.model {
            return false;
        }
        let Known { info, foresight } = self.models.at(next.model);
        let size = |job: &Job| info.drawn_size(&job.spec);
        let images = jobs.iter().map(|job| job.spec.images).sum::<usize>() + next.spec.images;
        if size(first) != size(next) || images > foresight.outlook().batch(size(next)) {
            return false;
        }
        // Their pictures are read when it is their turn.
        let request = |job: &Job| info.request(&job.spec, &Pictures::stand_ins(&job.spec));
        let plan = |job: &Job| foresight.outlook().plan(&request(job));
        // The memory for reading a picture is counted where all of them begin with one.
        let begins = |job: &Job| job.spec.init.is_some();
        let alike = begins(first) == begins(next);
        alike && matches!((plan(first), plan(next)), (Ok(first), Ok(next)) if first.goes_with(&next))
    }

    /// Draws jobs of one model together, and tells of each how it has ended. Those that there is no memory for beside
    /// the others are drawn alone after them; one that there is none for beside other models, once one of them has gone.
    fn draw(&mut self, jobs: &[Arc<Job>], metrics: &Metrics, ended: &dyn Fn(&Arc<Job>, Status)) {
        let Some(first) = jobs.first() else { return };
        let is_drawn = first.spec.rework.is_none();
        let place = if is_drawn { first.model } else { self.engines.open_place(first.model) };
        if !self.engines.is_open(place) {
            jobs.iter().for_each(|job| job.tell(Progress::Stage("load")));
        }
        let mut engine = match self.engines.take(place) {
            Ok(engine) => engine,
            Err(error) => return jobs.iter().for_each(|job| ended(job, failed(job, &error))),
        };
        let (model, promises) = (&self.models.at(first.model).info, &self.promises);
        let (on_host, png_text, alone) = (engine.is_on_host(), self.png_text, jobs.len() == 1);
        let others_are_open = self.engines.others_are_open(place);
        let setting = Setting { model, metrics, promises, on_host, png_text, alone, others_are_open };
        let (again, is_broken) = draw_with(&mut engine, jobs, setting, ended);
        if is_broken {
            self.engines.close_all();
        } else {
            self.engines.put_back(place, engine);
        }
        if alone && !again.is_empty() {
            self.engines.close_another(place);
        }
        again.into_iter().for_each(|job| self.draw(std::slice::from_ref(job), metrics, ended));
    }
}

/// Draws jobs together; those that there was no memory for, and whether the engine is to be opened again.
fn draw_with<'j>(
    engine: &mut Engine,
    jobs: &'j [Arc<Job>],
    setting: Setting<'_>,
    ended: &dyn Fn(&Arc<Job>, Status),
) -> (Vec<&'j Arc<Job>>, bool) {
    let watchings: Vec<_> = jobs.iter().map(|job| RefCell::new(Watching::new(job, setting))).collect();
    if let ([job], [watching]) = (jobs, watchings.as_slice()) {
        let next = reworked(engine, job, &mut watching.borrow_mut());
        if !matches!(next, Ok(Next::Draw)) {
            let is_broken = next.as_ref().is_err_and(is_fault);
            let status = watching.borrow_mut().end(next.map(drop));
            let again = if status.is_none() { vec![job] } else { vec![] };
            status.into_iter().for_each(|status| ended(job, status));
            return (again, is_broken);
        }
    }
    let requests: Vec<_> = jobs.iter().map(|job| setting.model.request(&job.spec, &job.pictures())).collect();
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
    (again, is_broken)
}

#[cfg(test)]
mod tests;
