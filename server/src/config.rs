//! What an operator decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fulmen_engine::Options;

use crate::address::{AllowedOrigin, Network};

/// The largest body, in bytes, of a request that sends no pictures. Parsed, JSON takes its length and some bytes for each
/// of its values.
pub(crate) const MOST_JSON: usize = 2 << 20;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What draws; the first where a request names no other.
    pub models: Vec<ModelConfig>,
    /// Where records and pictures are kept; made if it is not there.
    pub data: PathBuf,
    /// Requests that may wait for the engine.
    pub queue: usize,
    /// How much work one request may be, and how many of one key may wait.
    pub work: Work,
    /// Bytes that may be kept, all together; `None` is as many as the disk holds.
    pub max_storage: Option<u64>,
    /// Whether to start although more than a tenth of what is kept does not match, and is moved aside.
    pub accept_loss: bool,
    /// Who may ask.
    pub keys: Keys,
    /// Other sites whose pages may ask.
    pub cors_origins: Vec<AllowedOrigin>,
    /// What clients call this server, `https://draw.example.org`, where it stands behind a proxy. Links begin with
    /// it; without it, with the `Host` that the client sent.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-…` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Names beside `localhost` and addresses that may stand in `Host`.
    pub hosts: Vec<String>,
    /// Whether files carry the settings that they were drawn with, prompt and seed among them, where a request does not
    /// say. What is published never does.
    pub png_text: bool,
    /// How long and how large a request may be.
    pub limits: Limits,
}

/// A model to draw with.
#[derive(Debug, Clone, Default)]
pub struct ModelConfig {
    /// What clients call it; `None` is its file's or folder's name.
    pub id: Option<String>,
    /// Its files, and the device.
    pub engine: Options,
    /// Networks beside it.
    pub nets: Nets,
}

/// Networks that requests may use beside a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nets {
    /// ControlNets and adapters by the kind of map that they read: `canny`, `depth`, `pose`.
    pub controls: BTreeMap<String, PathBuf>,
    /// An IP-Adapter, by which pictures are prompts.
    pub ip_adapter: Option<PathBuf>,
    /// The encoder of pictures that it was made for.
    pub image_encoder: Option<PathBuf>,
    /// A network that enlarges pictures.
    pub upscaler: Option<PathBuf>,
    /// The folder of LayerDiffuse's files, by which transparent pictures are drawn.
    pub layer_diffuse: Option<PathBuf>,
}

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Lines of `name:sha256`.
    pub file: Option<PathBuf>,
    /// One key in the clear, from the environment; its name is `default`.
    pub key: Option<String>,
    /// A key in the clear that opens `/metrics` and nothing else; where it is set, `/metrics` asks for it or another.
    pub metrics: Option<String>,
    /// The operator said in so many words that anyone may ask.
    pub no_auth: bool,
}

/// How much work one request may be, and how many of one key may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Requests of one key that may wait for the engine, where there are keys.
    pub jobs_per_key: usize,
    /// Pixels of all pictures of a request together.
    pub pixels: u64,
    /// Steps of the sampler.
    pub steps: usize,
    /// For how long one request may hold the engine.
    pub time: Duration,
}

impl Default for Work {
    /// Whatever the documented APIs allow, for half an hour.
    fn default() -> Self {
        Self { jobs_per_key: 4, pixels: 10 * 2048 * 2048, steps: 100, time: Duration::from_secs(1800) }
    }
}

/// What the gate allows. The defaults are those of the documentation; tests use shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; beyond, the one that has kept us waiting longest gives way, or 503.
    pub connections: usize,
    /// Bytes of request line and headers.
    pub head: usize,
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of all bodies that are in memory at once, with the handlers' copies and what is parsed of them.
    pub bodies: usize,
    /// Bytes of all answers that are being made at once, beside those of pictures that are drawn.
    pub making: usize,
    /// Bytes that reading pictures which clients send may take at once.
    pub pictures: usize,
    /// Bytes of all answers that clients have not taken yet.
    pub answers: usize,
    /// From the first byte of a head to its last.
    pub head_time: Duration,
    /// From the end of the head to the last byte of the body.
    pub body_time: Duration,
    /// For the client to take the answer.
    pub write_time: Duration,
    /// Between two requests of one connection.
    pub idle_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head: 16 << 10,
            body: 32 << 20,
            bodies: 256 << 20,
            making: 128 << 20,
            pictures: 256 << 20,
            answers: 512 << 20,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(60),
            idle_time: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// With budgets that a machine with so many bytes of memory can keep: a sixteenth for bodies, for
    /// answers that are made and for pictures that are read, an eighth for those that are on their way. None is smaller than any use needs.
    #[must_use]
    pub(crate) fn within(self, memory: u64) -> Self {
        let part = |budget: usize, divisor: u64, least: usize| {
            let part = usize::try_from(memory / divisor).unwrap_or(usize::MAX);
            budget.min(part.max(least))
        };
        let bodies = part(self.bodies, 16, 16 << 20);
        Self {
            bodies,
            // It is there twice, and once more as what is parsed of it; some room is left for others.
            body: self.body.min(bodies / 4),
            making: part(self.making, 16, 32 << 20),
            pictures: part(self.pictures, 16, 32 << 20),
            answers: part(self.answers, 8, 32 << 20),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_has_small_budgets() {
        let of = |mib: u64| {
            let Limits { body, bodies, making, pictures, answers, .. } = Limits::default().within(mib << 20);
            [body, bodies, making, pictures, answers].map(|bytes| bytes >> 20)
        };
        assert_eq!(of(128), [4, 16, 32, 32, 32]);
        assert_eq!(of(512), [8, 32, 32, 32, 64]);
        assert_eq!(of(2048), [32, 128, 128, 128, 256]);
        assert_eq!(of(8192), [32, 256, 128, 256, 512]);
        assert_eq!(Limits::default().within(u64::MAX), Limits::default());
    }
}
