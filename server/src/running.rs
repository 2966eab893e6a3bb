//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use crate::api::leonardo;
use crate::app::App;
use crate::auth::{Keyring, Links, check_addresses, check_listen, check_origins};
use crate::gate::{Gate, Inside, Policy};
use crate::http::{Clients, Listener, Private};
use crate::jobs::{Places, Queue, Unstored, Worker, check_model};
use crate::metrics::Metrics;
use crate::routes;
use crate::store::Store;
use crate::{Config, Error, Result, clock};

/// How long a shutdown waits for the running job; then it is put back, or its caller told. All waits of a shutdown
/// together stay below the half minute that is promised.
const FINISH_TIME: Duration = Duration::from_secs(12);

/// How long a cancelled job may take to notice: one node of its graph.
const CANCEL_TIME: Duration = Duration::from_secs(5);

/// How long a shutdown waits for answers to be taken.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How often expired pictures are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A server that answers until it is stopped.
pub struct Running {
    app: Arc<App>,
    gate: Gate,
    worker: Option<thread::JoinHandle<()>>,
    /// Dropped last: the gate talks to it.
    listener: Listener,
}

/// Starts a server.
///
/// # Errors
/// Whatever the operator has to change: options that do not go together, a model that cannot be read, a data directory
/// that cannot be used, an address that is taken.
pub fn start(config: Config) -> Result<Running> {
    // What costs nothing is checked before a model is read.
    check_listen(&config)?;
    check_addresses(&config)?;
    check_origins(&config)?;
    let keys = Keyring::open(&config.keys)?;
    let store = Store::open(&config.data, config.max_storage)?;
    let links = Links::open(&config.data)?;
    let worker = Worker::open(&config.engine)?;

    let model = worker.model.clone();
    check_model(&config.work, &model)?;
    let per_key = (!keys.is_open()).then_some(config.work.jobs_per_key);
    let queue = Queue::new(Places { waiting: config.queue, per_key, time: config.work.time }, model.clone());
    let (metrics, started, unstored) = (Metrics::default(), clock::now(), Unstored::default());
    let app = Arc::new(App {
        config,
        address: OnceLock::new(),
        model,
        keys,
        links,
        store,
        queue,
        metrics,
        started,
        unstored,
    });
    let drawing = app.clone();
    let worker = thread::Builder::new()
        .name("engine".into())
        .spawn(move || worker.run(&drawing.queue, &drawing.metrics))
        .expect("a process that has just begun can start a thread");
    leonardo::resume(&app);
    sweep_from_time_to_time(&app);
    let (listener, gate) = listen(&app)?;
    Ok(Running { app, gate, worker: Some(worker), listener })
}

/// From here on requests come in.
fn listen(app: &Arc<App>) -> Result<(Listener, Gate)> {
    let at = app.config.listen;
    let (private, clients) = (Private::new(), Arc::new(Clients::default()));
    let upstream = private.upstream();
    let answering = app.clone();
    let respond = Arc::new(move |request| routes::answer(&answering, request));
    let metrics = app.metrics.clone();
    let listener = Listener::start(private, clients.clone(), metrics.clone(), respond)
        .map_err(|source| Error::Listen { at, source })?;
    let policy = Policy {
        limits: app.config.limits,
        cors_origins: app.config.cors_origins.clone(),
        trusted_proxies: app.config.trusted_proxies.clone(),
    };
    let gate = Gate::open(at, policy, Inside { clients, upstream, metrics })?;
    // Once: nothing else sets it.
    app.address.set(gate.address()).ok();
    Ok((listener, gate))
}

impl Running {
    /// Where it listens; the port is the real one where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The model's name, and the device that draws.
    #[must_use]
    pub fn model(&self) -> (&str, &str) {
        (&self.app.model.name, &self.app.model.device)
    }

    /// Whether callers need a key.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.app.keys.is_open()
    }

    /// Stops accepting, lets the running job finish or puts it back, and ends; at most half a minute.
    pub fn stop(mut self) {
        self.gate.stop_accepting();
        self.app.queue.close();
        if !self.app.queue.wait_until_idle(FINISH_TIME) {
            if let Some(job) = self.app.queue.snapshot().running {
                job.cancel();
            }
            self.app.queue.wait_until_idle(CANCEL_TIME);
        }
        if !self.app.unstored.wait_until_none(ANSWER_TIME) {
            tracing::warn!("some generations are drawn again at the next start");
        }
        if !self.gate.wait_idle(ANSWER_TIME) {
            tracing::warn!("some answers were not taken before the server stopped");
        }
        if let Some(worker) = self.worker.take().filter(thread::JoinHandle::is_finished) {
            drop(worker.join());
        }
        drop(self.gate);
        drop(self.listener);
    }
}

/// Removes expired pictures as long as the server lives.
fn sweep_from_time_to_time(app: &Arc<App>) {
    let app: Weak<App> = Arc::downgrade(app);
    thread::spawn(move || {
        while let Some(app) = app.upgrade() {
            if let Err(problem) = app.store.sweep(clock::now()) {
                tracing::warn!(problem.message, "expired pictures could not be removed");
            }
            drop(app);
            thread::sleep(SWEEP_EVERY);
        }
    });
}
