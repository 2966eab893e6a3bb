//! What `/metrics` says, in Prometheus' text form.

use std::sync::atomic::AtomicU64;

use fulmen_engine::backend::MemoryNeed;
use fulmen_engine::engine::Seconds;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// One label with its value.
type Label = [(&'static str, &'static str); 1];

/// Counters of everything that happened since the start. A clone counts the same things.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    jobs: Family<Label, Counter>,
    stages: Family<Label, Counter<f64, AtomicU64>>,
    pictures: Counter,
    memory: Family<Label, Gauge>,
    requests: Family<[(&'static str, String); 1], Counter>,
    gate: GateCounts,
}

/// What the gate counts: of all this, no handler learns anything.
#[derive(Debug, Clone, Default)]
struct GateCounts {
    refused: Family<Label, Counter>,
    closed: Family<Label, Counter>,
    connections: Gauge,
    renewed: Counter,
}

/// What is not counted but asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Jobs that wait.
    pub(crate) waiting: u64,
    /// Jobs that are drawn.
    pub(crate) running: u64,
    /// Bytes of pictures that are kept.
    pub(crate) stored: u64,
}

impl Metrics {
    /// `state` is `done`, `failed` or `cancelled`.
    pub(crate) fn job_ended(&self, state: &'static str) {
        self.jobs.get_or_create(&[("state", state)]).inc();
    }

    pub(crate) fn drawn(&self, seconds: &Seconds) {
        self.pictures.inc();
        let unet = seconds.unet_steps.iter().sum();
        for (stage, time) in
            [("load", seconds.load), ("text", seconds.text), ("unet", unet), ("vae", seconds.vae)]
        {
            self.stages.get_or_create(&[("stage", stage)]).inc_by(time);
        }
    }

    pub(crate) fn memory(&self, need: MemoryNeed) {
        for (what, bytes) in
            [("weights", need.weights), ("activations", need.activations), ("scratch", need.scratch)]
        {
            self.memory.get_or_create(&[("kind", what)]).set(bytes as i64);
        }
    }

    pub(crate) fn answered(&self, status: u16) {
        self.requests.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// The gate answered by itself, with the code of a problem.
    pub(crate) fn refused(&self, status: u16, code: &'static str) {
        self.answered(status);
        self.gate.refused.get_or_create(&[("code", code)]).inc();
    }

    /// The gate closed a connection without an answer. `why` is `client_gone` or `made_room`.
    pub(crate) fn closed(&self, why: &'static str) {
        self.gate.closed.get_or_create(&[("why", why)]).inc();
    }

    /// There are so many connections now.
    pub(crate) fn connections(&self, now: usize) {
        self.gate.connections.set(now as i64);
    }

    /// The server behind the gate was made anew.
    pub(crate) fn renewed(&self) {
        self.gate.renewed.inc();
    }

    /// Everything, with what holds at this moment.
    pub(crate) fn text(&self, now: &Now) -> String {
        let mut registry = Registry::with_prefix("fulmen");
        let gauge = |value: u64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(value as i64);
            gauge
        };
        let [waiting, running, bytes] = [now.waiting, now.running, now.stored].map(gauge);
        registry.register("queue_length", "Jobs that wait for the engine", waiting);
        registry.register("jobs_running", "Jobs that are drawn now", running);
        registry.register("jobs_ended", "Jobs that ended, by how", self.jobs.clone());
        registry.register("pictures_drawn", "Pictures that were drawn", self.pictures.clone());
        registry.register("stage_seconds", "Seconds of drawing, by stage", self.stages.clone());
        registry.register("device_memory_bytes", "What the last job needed, by kind", self.memory.clone());
        registry.register("stored_picture_bytes", "Bytes of pictures that are kept", bytes);
        registry.register("http_answers", "Answers, by status", self.requests.clone());
        self.gate.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("text can always grow");
        text
    }
}

impl GateCounts {
    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("gate");
        registry.register("connections", "Connections that are open now", self.connections.clone());
        registry.register("refused", "Requests that the gate refused, by the code", self.refused.clone());
        registry.register("closed", "Connections closed without an answer, by why", self.closed.clone());
        registry.register(
            "renewed",
            "How often the server behind the gate was renewed",
            self.renewed.clone(),
        );
    }
}
