//! A bar on standard error, for a person at a terminal.

use std::time::Duration;

use fulmen_engine::engine::{Drawn, Event};
use indicatif::{ProgressBar, ProgressStyle};

use super::plain::plan_line;
use super::report::{Done, PlanReport, Report, Saved, fit_line, memory_line, need_line, picture_line, words};
use crate::console;

/// One bar over the steps of all pictures.
pub(super) struct Bar {
    bar: ProgressBar,
    images: usize,
    stage: String,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, images: 1, stage: String::new() }
    }

    /// A line above the bar.
    fn line(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Report for Bar {
    fn opening(&mut self) {
        self.bar.set_message("opening the model");
    }

    fn plan(&mut self, plan: &PlanReport) {
        self.images = plan.images;
        self.line(|| console::err(&format!("{}\ndrawn in {}", plan_line(plan), plan.assumed)));
        plan.loras.iter().for_each(|lora| self.line(|| console::err(&lora.line)));
        let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {elapsed} {msg}");
        self.bar.set_style(style.expect("the template is ours and correct"));
        self.bar.set_length((plan.images * plan.steps) as u64);
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Warning(what) => self.line(|| console::err(&format!("warning: {what}"))),
            Event::Lora(lora) => self.line(|| console::err(&lora.to_string())),
            Event::Stage(stage) => {
                self.stage = words(*stage, self.images);
                self.bar.set_message(self.stage.clone());
            }
            Event::Step { seconds, .. } => {
                self.bar.inc(1);
                self.bar.set_message(format!("{}, {seconds:.2} s/step", self.stage));
            }
            Event::Tile { tile, tiles, .. } => {
                self.bar.set_message(format!("{}, tile {tile}/{tiles}", self.stage));
            }
            Event::Memory(need) => self.line(|| console::err(&need_line(need))),
            Event::Fit(fit) => self.line(|| console::err(&fit_line(fit))),
            Event::Preview { .. } | Event::Picture(_) => {}
        }
    }

    fn saved(&mut self, saved: &Saved, drawn: &Drawn) {
        self.line(|| console::out(&picture_line(saved, &drawn.seconds)));
    }

    fn done(&mut self, done: &Done) {
        self.bar.finish_and_clear();
        memory_line(done).iter().for_each(|line| console::err(line));
    }
}

/// Also where the run failed: the error is printed after this, on a clean line.
impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
