//! What is said while something is measured: every stage with its seconds, so that a slow one can be seen.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::console;
use crate::failure::Failure;

/// Stages one after the other: lines on standard error, below them a spinner on a terminal; events for programs.
pub(super) struct Progress {
    json: bool,
    spinner: Option<ProgressBar>,
    now: Option<(String, Instant)>,
}

impl Progress {
    pub(super) fn new(json: bool) -> Self {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        Self { json, spinner, now: None }
    }

    /// A stage begins, and the one before has ended.
    pub(super) fn begin(&mut self, stage: impl Into<String>) {
        self.end();
        let stage = stage.into();
        if let Some(spinner) = &self.spinner {
            spinner.set_message(stage.clone());
        }
        self.now = Some((stage, Instant::now()));
    }

    /// How far the stage is.
    pub(super) fn detail(&self, what: &str) {
        if let (Some(spinner), Some((stage, _))) = (&self.spinner, &self.now) {
            spinner.set_message(format!("{stage}, {what}"));
        }
    }

    /// A stage from its beginning to its end.
    pub(super) fn during<T>(
        &mut self,
        stage: &str,
        work: impl FnOnce() -> fulmen_engine::Result<T>,
    ) -> Result<T, Failure> {
        self.begin(stage);
        let made = work()?;
        self.end();
        Ok(made)
    }

    /// The stage has ended.
    pub(super) fn end(&mut self) {
        let Some((stage, start)) = self.now.take() else { return };
        let seconds = start.elapsed().as_secs_f64();
        let say = || console::err(&format!("{stage}: {seconds:.2} s"));
        match &self.spinner {
            Some(spinner) => spinner.suspend(say),
            None => say(),
        }
        if self.json {
            console::json(&serde_json::json!({ "event": "stage", "stage": stage, "seconds": seconds }));
        }
    }

    /// Nothing more is said here.
    pub(super) fn finish(&mut self) {
        self.end();
        self.clear();
    }

    fn clear(&self) {
        self.spinner.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// Also where the run failed: the error is printed after this, on a clean line.
impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
