//! One job: what it is, how far it is, and how one waits for it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fulmen_engine::backend::CancelToken;
use fulmen_engine::picture::{Parameters, Picture};

use super::memory::Promise;
use super::{Outcome, Pictures, Spec};
use crate::http::Client;
use crate::problem::{Family, Problem};

/// How often one who waits looks whether their client is still there.
const LOOK: Duration = Duration::from_millis(50);

/// How long a stream may be silent before a sign of life is sent.
const BEAT: Duration = Duration::from_secs(10);

/// Whose job it is, and what they want to see of it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    /// A UUID, or the id of what the job makes.
    pub(crate) id: String,
    /// The name of their key.
    pub(crate) owner: String,
    /// In whose words errors are given.
    pub(crate) family: Family,
    /// Previews of each picture.
    pub(crate) previews: usize,
    /// Where the pictures go.
    pub(crate) outcome: Outcome,
}

/// A finished picture.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// In its final size.
    pub(crate) picture: Picture,
    pub(crate) seed: u64,
    pub(crate) steps: usize,
    /// The settings, where the file is to carry them.
    pub(crate) parameters: Option<Parameters>,
}

/// The pictures of a job, for the one who waits for them: they are large, so there is one of each.
#[derive(Debug, Clone)]
pub(crate) struct Drawings(Arc<Mutex<Vec<Drawing>>>);

impl Drawings {
    fn take(&self) -> Vec<Drawing> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<Vec<Drawing>> for Drawings {
    fn from(drawings: Vec<Drawing>) -> Self {
        Self(Arc::new(Mutex::new(drawings)))
    }
}

/// The progress of a job.
#[derive(Debug, Clone)]
pub(crate) enum Status {
    Queued,
    /// Counted from 1; step 0 before the first is done.
    Running {
        image: usize,
        images: usize,
        step: usize,
        steps: usize,
    },
    Done(Drawings),
    Failed(Problem),
    /// Someone stopped it: its owner, or the server that is going down.
    Cancelled,
}

impl Status {
    /// How a job ended, as `/metrics` counts it.
    pub(super) fn end(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Cancelled => "cancelled",
            Self::Queued | Self::Running { .. } | Self::Failed(_) => "failed",
        }
    }
}

/// What is done at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Doing {
    /// As [`Progress::Stage`] tells it; none before the first.
    pub(crate) stage: Option<&'static str>,
    /// Tiles that are done of a picture that is being enlarged, and how many there are.
    pub(crate) tile: usize,
    pub(crate) tiles: usize,
}

impl Doing {
    /// How much of what is done tile by tile is done, from 0 to 1.
    fn share(self) -> f64 {
        self.tile as f64 / self.tiles.max(1) as f64
    }
}

/// What watchers receive.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// So many jobs are in front.
    Queued(usize),
    Stage(&'static str),
    Step {
        step: usize,
        steps: usize,
    },
    /// Of a picture that is being enlarged; counted from 1.
    Tile {
        tile: usize,
        tiles: usize,
    },
    Preview {
        index: usize,
        picture: Arc<Picture>,
    },
    /// Nothing happened for a while.
    Beat,
}

/// Who does a job, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// The place of the model that draws it.
    pub(super) model: usize,
    /// Whose speed it is done at, by its place.
    pub(super) pace: usize,
    /// In the units of [`speed`](super::speed).
    pub(super) work: f64,
}

/// A job that was submitted.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) spec: Spec,
    pub(crate) cancel: CancelToken,
    /// The place of the model that draws it.
    pub(super) model: usize,
    /// Whose speed it is done at: that model's, or that of what is not drawn.
    pub(super) pace: usize,
    /// What it costs, in the units of [`speed`](super::speed).
    pub(super) work: f64,
    /// Whether it is drawn beside no other.
    pub(super) alone: bool,
    /// What it was promised once it is drawn; given back with the job.
    memory: Mutex<Option<Promise>>,
    /// What it is drawn from, once it is its turn.
    pictures: Mutex<Arc<Pictures>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    status: Status,
    doing: Doing,
    /// All that happened, for those who watch; only where previews or progress were asked for.
    progress: Vec<Progress>,
}

impl Job {
    pub(super) fn new(ticket: Ticket, spec: Spec, Cost { model, pace, work }: Cost) -> Self {
        let state = Mutex::new(State { status: Status::Queued, doing: Doing::default(), progress: vec![] });
        Self {
            ticket,
            spec,
            cancel: CancelToken::default(),
            model,
            pace,
            work,
            alone: false,
            memory: Mutex::default(),
            pictures: Mutex::default(),
            state,
            changed: Condvar::new(),
        }
    }

    /// The same, drawn beside no other if `alone`.
    pub(super) fn alone(self, alone: bool) -> Self {
        Self { alone, ..self }
    }

    /// It is its turn: these are the pictures that it is drawn from.
    pub(crate) fn begin(&self, pictures: Pictures) {
        *self.pictures.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(pictures);
    }

    /// The pictures that it is drawn from; none before its turn.
    pub(super) fn pictures(&self) -> Arc<Pictures> {
        self.pictures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn hold(&self, memory: Promise) {
        self.memory().replace(memory);
    }

    /// Everything that is made of the pictures is there: what it takes can be seen, and need not be promised any more.
    pub(crate) fn settle(&self) {
        self.memory().take();
    }

    fn memory(&self) -> MutexGuard<'_, Option<Promise>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn doing(&self) -> Doing {
        self.lock().doing
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// Stops the job at the next node of its graph, or before it begins.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
        let mut state = self.lock();
        if matches!(state.status, Status::Queued) {
            state.status = Status::Cancelled;
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn set(&self, status: Status) {
        self.lock().status = status;
        self.changed.notify_all();
    }

    pub(super) fn tell(&self, progress: Progress) {
        let mut state = self.lock();
        match progress {
            Progress::Stage(stage) => state.doing = Doing { stage: Some(stage), ..Doing::default() },
            Progress::Tile { tile, tiles } => state.doing = Doing { tile, tiles, ..state.doing },
            _ => {}
        }
        state.progress.push(progress);
        drop(state);
        self.changed.notify_all();
    }

    /// Tells how many jobs are in front, where that has changed.
    pub(super) fn tell_place(&self, ahead: usize) {
        let mut state = self.lock();
        if !matches!(state.progress.last(), Some(Progress::Queued(told)) if *told == ahead) {
            state.progress.push(Progress::Queued(ahead));
            drop(state);
            self.changed.notify_all();
        }
    }

    /// How much of the work is done, from 0 to 1, as far as it tells.
    pub(super) fn done(&self) -> f64 {
        let state = self.lock();
        match state.status {
            // One more for what follows the last step.
            Status::Running { image, images, step, steps } if steps > 0 => {
                let after = if step == steps { state.doing.share() } else { 0.0 };
                ((image - 1) as f64 + (step as f64 + after) / (steps + 1) as f64) / images.max(1) as f64
            }
            Status::Running { .. } if self.spec.rework.is_some() => state.doing.share(),
            _ => 0.0,
        }
    }

    /// Waits for the pictures, which are given away once; a client that hangs up cancels the job.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn wait(&self, client: &Client) -> Result<Vec<Drawing>, Problem> {
        loop {
            if let Some(end) = self.end() {
                return end;
            }
            self.rest(LOOK);
            if client.is_gone() {
                self.cancel();
            }
        }
    }

    /// Waits for the pictures, and tells everything that happens meanwhile. Where `tell` fails, no client listens any
    /// more, and the job is cancelled.
    ///
    /// # Errors
    /// Why there are no pictures.
    pub(crate) fn watch(
        &self,
        client: &Client,
        tell: &mut dyn FnMut(Progress) -> io::Result<()>,
    ) -> Result<Vec<Drawing>, Problem> {
        let mut told = 0;
        let mut last = Instant::now();
        loop {
            let end = self.end();
            let mut news: Vec<Progress> = self.lock().progress[told..].to_vec();
            told += news.len();
            if news.is_empty() && last.elapsed() >= BEAT {
                news.push(Progress::Beat);
            }
            if !news.is_empty() {
                last = Instant::now();
            }
            if news.into_iter().try_for_each(&mut *tell).is_err() || client.is_gone() {
                self.cancel();
            }
            if let Some(end) = end {
                return end;
            }
            self.rest_unless(LOOK, told);
        }
    }

    fn end(&self) -> Option<Result<Vec<Drawing>, Problem>> {
        match &self.lock().status {
            Status::Done(drawings) => Some(Ok(drawings.take())),
            Status::Failed(problem) => Some(Err(problem.clone())),
            Status::Cancelled => Some(Err(Problem::new(400, "cancelled", "the job was cancelled"))),
            Status::Queued | Status::Running { .. } => None,
        }
    }

    fn rest(&self, time: Duration) {
        let state = self.lock();
        if matches!(state.status, Status::Queued | Status::Running { .. }) {
            drop(self.changed.wait_timeout(state, time));
        }
    }

    /// The same, but not where there is news beyond what was told.
    fn rest_unless(&self, time: Duration, told: usize) {
        let state = self.lock();
        if state.progress.len() == told && matches!(state.status, Status::Queued | Status::Running { .. }) {
            drop(self.changed.wait_timeout(state, time));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
