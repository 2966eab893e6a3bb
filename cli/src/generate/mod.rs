//! `fulmen generate`: from a typed job to files.
//!
//! `job` is what is to be done; `output` where pictures go; `report` what is said meanwhile; `trace` the
//! microscope's file.

mod bar;
mod control;
mod image_prompts;
mod init;
mod job;
mod json;
mod output;
mod plain;
mod prompt;
mod report;
mod trace;

use std::io::IsTerminal;
use std::time::Instant;

use fulmen_engine::Error;
use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::{Drawn, Engine, Event, TraceRow, Watch};
use fulmen_engine::request::Request;

use crate::args::GenerateArgs;
use crate::failure::Failure;
use crate::memory::Watcher;
use crate::signals;
use bar::Bar;
use job::Job;
use json::Json;
pub(crate) use output::Output;
use plain::Lines;
use report::{Done, PlanReport, Report, Saved};
use trace::Trace;

/// JSON for programs, a bar on a terminal, lines elsewhere.
fn choose(json: bool) -> Box<dyn Report> {
    match (json, std::io::stderr().is_terminal()) {
        (true, _) => Box::new(Json),
        (false, true) => Box::new(Bar::new()),
        (false, false) => Box::new(Lines::default()),
    }
}

/// Draws.
pub(crate) fn run(args: GenerateArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let cancel = signals::cancel_on_stop();
    let memory = Watcher::start();
    let job = signals::while_reading(|| Job::new(args))?;
    let trace = job.trace.as_deref().map(|place| Trace::create(place, &cancel)).transpose()?;

    let mut report = choose(job.json);
    job.notes.iter().for_each(|note| report.event(&Event::Warning(note.as_str().into())));
    report.opening();
    let mut engine = Engine::open(&job.options)?;
    let plan = engine.plan_while(&job.request, &cancel)?;
    report.plan(&PlanReport::new(&plan, &engine));
    if job.is_dry {
        let (need, fit) = engine.foresee(&job.request)?;
        report.event(&Event::Memory(need));
        fit.into_iter().for_each(|fit| report.event(&Event::Fit(fit)));
        return Ok(());
    }
    // From here on the seed is known, and stays.
    let request = Request { seed: Some(plan.seed), ..job.request };

    let mut pictures = Pictures::new(&job.output, plan.images, cancel, report);
    draw(&mut engine, &request, &mut pictures, trace)?;
    let Pictures { mut report, mut done, .. } = pictures;
    done.seconds.total = start.elapsed().as_secs_f64();
    done.device = engine.device().to_owned();
    let peaks = memory.peaks();
    (done.peak_rss_bytes, done.peak_anonymous_bytes) = (peaks.rss, peaks.anonymous);
    report.done(&done);
    Ok(())
}

/// Runs the engine under the eyes of `pictures` and of a trace.
fn draw(
    engine: &mut Engine,
    request: &Request,
    pictures: &mut Pictures<'_>,
    mut trace: Option<Trace>,
) -> Result<(), Failure> {
    let cancel = pictures.cancel.clone();
    let mut event = |event: Event| pictures.event(event);
    let mut row = trace.as_mut().map(|trace| |row: &TraceRow| trace.row(row));
    let trace_row = row.as_mut().map(|row| row as &mut dyn FnMut(&TraceRow) -> fulmen_engine::Result<()>);
    let drawn =
        engine.generate(request, &mut Watch { event: &mut event, trace: trace_row, previews: 0, cancel });
    // A trace of a run that failed is what its user will need; a trace of one that was stopped is not.
    if let Some(trace) = trace.filter(|_| !matches!(drawn, Err(Error::Cancelled))) {
        trace.finish()?;
    }
    match pictures.failure.take() {
        Some(failure) => Err(failure),
        None => drawn.map_err(Failure::from),
    }
}

/// Pictures as they come: each is saved at once, so that stopping a long run loses only the last.
struct Pictures<'a> {
    output: &'a Output,
    images: usize,
    /// Stops the engine, and what waits for somebody to read.
    cancel: CancelToken,
    report: Box<dyn Report>,
    done: Done,
    /// Why a picture could not be saved.
    failure: Option<Failure>,
}

impl<'a> Pictures<'a> {
    fn new(output: &'a Output, images: usize, cancel: CancelToken, report: Box<dyn Report>) -> Self {
        Self { output, images, cancel, report, done: Done::default(), failure: None }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Picture(drawn) => {
                if let Err(failure) = self.save(&drawn) {
                    self.failure.get_or_insert(failure);
                    self.cancel.cancel();
                }
            }
            Event::Memory(need) => {
                self.done.predicted_bytes = need.total();
                self.report.event(&event);
            }
            other => self.report.event(&other),
        }
    }

    fn save(&mut self, drawn: &Drawn) -> Result<(), Failure> {
        let path = self.output.save(drawn, self.images, &self.cancel)?;
        let saved = Saved::new(path, drawn);
        self.report.saved(&saved, drawn);
        self.done.seconds.add(&drawn.seconds);
        self.done.pictures.push(saved);
        Ok(())
    }
}
