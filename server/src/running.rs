//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use fulmen_engine::memory::Memory;
use fulmen_engine::settings::Settings;

use crate::api::leonardo;
use crate::app::App;
use crate::auth::{Keyring, Links, check_addresses, check_listen, check_origins};
use crate::capacity::{self, Others};
use crate::crew::Crew;
use crate::gate::{Gate, Inside, Policy};
use crate::http::{Clients, Handlers, Listener, Private};
use crate::jobs::{Job, Pictures, Places, Queue, Unstored, Worker, check_model};
use crate::metrics::Metrics;
use crate::mount::mount;
use crate::problem::Problem;
use crate::routes;
use crate::store::{Opening, Store};
use crate::{Config, Error, Limits, Result, allocator, budget, clock};

/// How long a shutdown waits for the running jobs; then they are put back, or their callers told. All waits of a shutdown
/// together stay below the half minute that is promised.
const FINISH_TIME: Duration = Duration::from_secs(12);

/// How long a cancelled job may take to notice: one node of its graph.
const CANCEL_TIME: Duration = Duration::from_secs(5);

/// How long a shutdown waits for answers to be taken.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How often expired pictures are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// What is still needed beside clients once the model is open: the threads that accept, and that look after tiny_http;
/// its own, twice, because one takes another's place; one for each generation that is waited for. The sockets that are
/// listened at, and files of the database. The engine has a thread for each core beside.
const LATER: Others = Others { threads: 24, descriptors: 14 };

/// The same before anything is open: the database with its journals, the lock, the model's files.
const FROM_THE_BEGINNING: Others = Others { threads: LATER.threads + 4, descriptors: LATER.descriptors + 8 };

/// Threads for requests that are there before the first comes.
const RESERVED: usize = 16;

/// Bytes of their stacks.
const HANDLER_STACK: usize = 2 << 20;

/// A server that answers until it is stopped.
pub struct Running {
    app: Arc<App>,
    gate: Gate,
    worker: Option<thread::JoinHandle<()>>,
    usual: Vec<Settings>,
    loras: Vec<String>,
    capacity_line: String,
    /// Dropped last: the gate talks to it.
    listener: Listener,
}

/// Starts a server.
///
/// # Errors
/// Whatever the operator has to change: options that do not go together, a model that cannot be read, a data directory
/// that cannot be used, an address that is taken.
pub fn start(config: Config) -> Result<Running> {
    allocator::set_up();
    check(&config)?;
    let keys = Keyring::open(&config.keys)?;
    let opening = Opening { max_storage: config.max_storage, accept_loss: config.accept_loss };
    let store = Store::open_with(&config.data, opening)?;
    let links = Links::open(&config.data)?;
    let mut worker = Worker::open(&config.models)?;
    worker.png_text = config.png_text;
    let (usual, loras) = (worker.usual()?, worker.loras());

    let models = worker.models.clone();
    models.infos().try_for_each(|model| check_model(&config.work, model))?;
    let per_key = (!keys.is_open()).then_some(config.work.jobs_per_key);
    let places = Places { waiting: config.queue, per_key, time: config.work.time };
    let queue = Queue::new(places, models.infos().cloned().collect());
    let (metrics, started, unstored) = (Metrics::default(), clock::now(), Unstored::default());
    let app = Arc::new(App {
        config,
        address: OnceLock::new(),
        models,
        keys,
        links,
        store,
        queue,
        metrics,
        started,
        unstored,
    });
    let worker = draw(worker, app.clone())?;
    leonardo::resume(&app);
    let listening = sweep_from_time_to_time(&app).and_then(|()| listen(&app));
    let (listener, gate, capacity_line) = listening.inspect_err(|_| {
        app.queue.close();
        app.store.close();
    })?;
    Ok(Running { app, gate, worker: Some(worker), usual, loras, capacity_line, listener })
}

/// What costs nothing is checked before a model is read.
fn check(config: &Config) -> Result<()> {
    check_listen(config)?;
    check_addresses(config)?;
    check_origins(config)?;
    // Before anything else finds that there is too little, and says so in other words.
    capacity::check(config.limits.connections, with_cores(FROM_THE_BEGINNING))
}

/// Draws what waits in the queue, until that is closed.
fn draw(worker: Worker, app: Arc<App>) -> Result<thread::JoinHandle<()>> {
    let run = move || worker.run(&app.queue, &app.metrics, &|job| begin(&app, job));
    thread::Builder::new().name("engine".into()).spawn(run).map_err(|error| no_thread(&error))
}

/// It is a job's turn: that is noted, and its pictures are read.
fn begin(app: &App, job: &Job) -> std::result::Result<(), Problem> {
    leonardo::attempt(app, job)?;
    job.begin(Pictures::of(&app.store, job)?);
    Ok(())
}

fn with_cores(Others { threads, descriptors }: Others) -> Others {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Others { threads: threads + cores, descriptors }
}

/// From here on requests come in.
fn listen(app: &Arc<App>) -> Result<(Listener, Gate, String)> {
    let Config { listen, limits, data, cors_origins, trusted_proxies, .. } = app.config.clone();
    let (capacity, capacity_line) = capacity::share_out(limits.connections, with_cores(LATER))?;
    let crew = Crew::new("fulmen-request", HANDLER_STACK, capacity.handlers);
    crew.reserve(RESERVED.min(capacity.handlers));
    let limits = Limits { connections: capacity.connections, ..limits.within(Memory::now().total) };
    let memory = budget::Memory::new(&limits);
    let (private, clients, metrics) =
        (Private::new(&data)?, Arc::new(Clients::default()), app.metrics.clone());
    let inside = Inside {
        clients: clients.clone(),
        upstream: private.upstream(),
        handlers: crew.clone(),
        memory: memory.clone(),
        metrics: metrics.clone(),
    };
    let answering = app.clone();
    let respond = Arc::new(move |request| routes::answer(&answering, request));
    let listener = Listener::start(private, Handlers { clients, crew, memory, metrics, respond })?;
    let takes_pictures = Some(routes::takes_pictures as fn(&str) -> bool);
    let policy = Policy {
        limits,
        cors_origins,
        trusted_proxies,
        mount: mount(&app.config).to_owned(),
        takes_pictures,
    };
    let gate = Gate::open(listen, policy, inside)?;
    // Once: nothing else sets it.
    app.address.set(gate.address()).ok();
    Ok((listener, gate, capacity_line))
}

impl Running {
    /// Where it listens; the port is the real one where 0 was requested.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The device that draws.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.app.models.first().info.device
    }

    /// The models by name, each with how requests are drawn that do not say.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Settings)> {
        self.app.models.infos().map(|model| model.name.as_str()).zip(&self.usual)
    }

    /// How much of each LoRA is in the models: lines for the log.
    #[must_use]
    pub fn loras(&self) -> &[String] {
        &self.loras
    }

    /// How many are served at once, and what the system's limits have to do with it: a line for the log.
    #[must_use]
    pub fn capacity_line(&self) -> &str {
        &self.capacity_line
    }

    /// Whether callers need a key.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.app.keys.is_open()
    }

    /// Stops accepting, lets the running jobs finish or puts them back, and ends; at most half a minute.
    pub fn stop(mut self) {
        self.gate.stop_accepting();
        self.app.queue.close();
        if !self.app.queue.wait_until_idle(FINISH_TIME) {
            self.app.queue.snapshot().running.iter().for_each(|job| job.cancel());
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
        self.app.store.close();
    }
}

/// Removes expired pictures as long as the server lives.
fn sweep_from_time_to_time(app: &Arc<App>) -> Result<()> {
    let app: Weak<App> = Arc::downgrade(app);
    let sweep = move || {
        while let Some(app) = app.upgrade() {
            if let Err(problem) = app.store.tidy() {
                tracing::warn!(problem.message, "expired pictures could not be removed");
            }
            drop(app);
            allocator::give_back_the_rest();
            thread::sleep(SWEEP_EVERY);
        }
    };
    thread::Builder::new()
        .name("fulmen-sweep".into())
        .spawn(sweep)
        .map(drop)
        .map_err(|error| no_thread(&error))
}

/// The system gave none, though it did before.
fn no_thread(error: &std::io::Error) -> Error {
    Error::Options(format!(
        "no thread can be started: {error}; raise the limit on threads (`ulimit -u`, pids.max)"
    ))
}
