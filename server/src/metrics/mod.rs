//! What `/metrics` says: everything that happened since the start, and what holds at this moment.

mod form;
mod process;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fulmen_engine::backend::MemoryNeed;
use fulmen_engine::engine::Seconds;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use self::form::Form;

/// One label with its value.
type Label = [(&'static str, &'static str); 1];

/// Upper ends of the classes that times are counted in, from an answer out of memory to an hour of drawing. The last
/// class has none.
const CLASSES: [f64; 14] =
    [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// Everything that happened since the start. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    jobs: Family<Label, Counter>,
    together: Counter,
    stages: Family<Label, Histogram, Times>,
    pictures: Counter,
    memory: Family<Label, Gauge>,
    inputs: InputCounts,
    answers: Family<[(&'static str, String); 1], Counter>,
    requests: Family<[(&'static str, Arc<str>); 1], Histogram, Times>,
    gate: GateCounts,
}

/// Pictures that clients send.
#[derive(Debug, Clone, Default)]
struct InputCounts {
    kept: Family<Label, Counter>,
    bytes: Family<Label, Counter>,
    refused: Family<Label, Counter>,
}

/// What the gate counts: of all this, no handler learns anything.
#[derive(Debug, Clone, Default)]
struct GateCounts {
    refused: Family<Label, Counter>,
    closed: Family<Label, Counter>,
    connections: Gauge,
    renewed: Counter,
}

/// Makes a histogram of seconds.
#[derive(Debug, Clone, Copy)]
struct Times;

impl MetricConstructor<Histogram> for Times {
    fn new_metric(&self) -> Histogram {
        Histogram::new(CLASSES)
    }
}

/// What is not counted but asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Jobs that wait.
    pub(crate) waiting: u64,
    /// Jobs that are drawn.
    pub(crate) running: u64,
    /// Bytes of pictures that are kept.
    pub(crate) pictures: u64,
    /// Bytes of everything that is kept, as `--max-storage` counts them.
    pub(crate) stored: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            jobs: Family::default(),
            together: Counter::default(),
            stages: Family::new_with_constructor(Times),
            pictures: Counter::default(),
            memory: Family::default(),
            inputs: InputCounts::default(),
            answers: Family::default(),
            requests: Family::new_with_constructor(Times),
            gate: GateCounts::default(),
        };
        // What is 0 is said, too: a rate needs where it began.
        for state in ["done", "failed", "cancelled"] {
            drop(metrics.jobs.get_or_create(&[("state", state)]));
        }
        for stage in ["load", "text", "encode", "unet", "vae", "upscale"] {
            drop(metrics.stages.get_or_create(&[("stage", stage)]));
        }
        for kind in ["init", "canvas", "mask", "edit"] {
            drop(metrics.inputs.kept.get_or_create(&[("kind", kind)]));
            drop(metrics.inputs.bytes.get_or_create(&[("kind", kind)]));
        }
        metrics
    }
}

impl Metrics {
    /// `state` is `done`, `failed` or `cancelled`.
    pub(crate) fn job_ended(&self, state: &'static str) {
        self.jobs.get_or_create(&[("state", state)]).inc();
    }

    /// So many jobs begin to be drawn, side by side where there are several.
    pub(crate) fn jobs_together(&self, count: usize) {
        if count > 1 {
            self.together.inc_by(count as u64);
        }
    }

    pub(crate) fn drawn(&self, seconds: &Seconds) {
        self.pictures.inc();
        let unet = seconds.unet_steps.iter().sum();
        let Seconds { load, text, encode, vae, upscale, .. } = *seconds;
        for (stage, time) in [("load", load), ("text", text), ("unet", unet), ("vae", vae)] {
            self.stage(stage, time);
        }
        // Most pictures have neither.
        for (stage, time) in [("encode", encode), ("upscale", upscale)] {
            if time > 0.0 {
                self.stage(stage, time);
            }
        }
    }

    /// A stage took so long.
    pub(crate) fn stage(&self, stage: &'static str, seconds: f64) {
        self.stages.get_or_create(&[("stage", stage)]).observe(seconds);
    }

    /// A picture of this kind that a client sent is kept.
    pub(crate) fn input_kept(&self, kind: &'static str, bytes: u64) {
        self.inputs.kept.get_or_create(&[("kind", kind)]).inc();
        self.inputs.bytes.get_or_create(&[("kind", kind)]).inc_by(bytes);
    }

    /// A picture that a client sent was refused, with the code of a problem.
    pub(crate) fn input_refused(&self, code: &'static str) {
        self.inputs.refused.get_or_create(&[("code", code)]).inc();
    }

    pub(crate) fn memory(&self, need: MemoryNeed) {
        for (what, bytes) in
            [("weights", need.weights), ("activations", need.values()), ("scratch", need.scratch)]
        {
            self.memory.get_or_create(&[("kind", what)]).set(bytes as i64);
        }
    }

    /// Something was answered.
    pub(crate) fn answered(&self, status: u16) {
        self.answers.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// A handler's answer to a request of this route took so long, up to its last byte.
    pub(crate) fn served(&self, route: &Arc<str>, time: Duration) {
        self.requests.get_or_create(&[("route", route.clone())]).observe(time.as_secs_f64());
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

    /// The server behind the gate was restarted.
    pub(crate) fn renewed(&self) {
        self.gate.renewed.inc();
    }

    /// Everything, with what holds at this moment.
    pub(crate) fn text(&self, form: Form, now: &Now) -> String {
        let mut registry = Registry::default();
        self.register(registry.sub_registry_with_prefix("fulmen"), now);
        process::register(registry.sub_registry_with_prefix("process"));
        form.text(&registry)
    }

    fn register(&self, registry: &mut Registry, now: &Now) {
        let gauge = |value: u64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(value as i64);
            gauge
        };
        let [waiting, running] = [now.waiting, now.running].map(gauge);
        let [pictures, stored] = [now.pictures, now.stored].map(gauge);
        let build = Family::<Label, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("build_info", "Which program this is", build);
        registry.register("queue_length", "Jobs waiting for the engine", waiting);
        registry.register("jobs_running", "Jobs being drawn", running);
        registry.register("jobs_ended", "Jobs that ended, by how", self.jobs.clone());
        let together = "Jobs that were drawn side by side with others";
        registry.register("jobs_together", together, self.together.clone());
        registry.register("pictures_drawn", "Pictures that were drawn", self.pictures.clone());
        let seconds = Unit::Seconds;
        let stages = "Seconds of drawing a picture, by stage";
        registry.register_with_unit("stage", stages, seconds.clone(), self.stages.clone());
        registry.register("device_memory_bytes", "What the last job needed, by kind", self.memory.clone());
        self.inputs.register(registry.sub_registry_with_prefix("input"));
        registry.register("stored_picture_bytes", "Bytes that pictures take of the disk", pictures);
        registry.register(
            "stored_bytes",
            "Bytes of pictures, records and texts, as --max-storage counts them",
            stored,
        );
        registry.register(
            "http_answers",
            "Answers, by status, the gate's own among them",
            self.answers.clone(),
        );
        let times = "Seconds from the first byte of a request to the last of its answer, by route";
        registry.register_with_unit("http_request_duration", times, seconds, self.requests.clone());
        self.gate.register(registry.sub_registry_with_prefix("gate"));
    }
}

impl InputCounts {
    fn register(&self, registry: &mut Registry) {
        let kept = "Pictures that clients sent and that were kept, by what they are for";
        registry.register("pictures", kept, self.kept.clone());
        registry.register("picture_bytes", "Bytes of their files", self.bytes.clone());
        let refused = "Pictures that clients sent and that were refused, by the code";
        registry.register("pictures_refused", refused, self.refused.clone());
    }
}

impl GateCounts {
    fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Connections that are open now", self.connections.clone());
        registry.register("refused", "Requests that the gate refused, by the code", self.refused.clone());
        registry.register("closed", "Connections closed without an answer, by why", self.closed.clone());
        let renewed = "How often the server behind the gate was replaced";
        registry.register("renewed", renewed, self.renewed.clone());
    }
}

/// A counter of what is known from elsewhere.
fn counter(value: f64) -> Counter<f64, AtomicU64> {
    let counter = Counter::<f64, AtomicU64>::default();
    counter.inc_by(value);
    counter
}

#[cfg(test)]
mod tests;
