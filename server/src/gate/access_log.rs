//! One line of the log for each request, however it ends. It never holds a query, a header or a body: there
//! stand prompts, keys and signatures. How long a request took is counted here, too.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use crate::metrics::Metrics;

/// Bytes of a path that are said; it is ASCII.
const LONGEST_PATH: usize = 256;

/// What the log says of one request; it is written when this is dropped.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: String,
    started: Instant,
    peer: SocketAddr,
    metrics: Metrics,
    /// The client, where a trusted proxy speaks for it.
    pub(super) client: Option<IpAddr>,
    pub(super) method: String,
    pub(super) path: String,
    /// 0: nothing was answered.
    pub(super) status: u16,
    pub(super) bytes_in: usize,
    pub(super) bytes_out: u64,
    /// The client hung up.
    pub(super) gone: bool,
    /// The client showed a key that is right.
    pub(super) known: bool,
    /// The route that answered.
    pub(super) route: Option<Arc<str>>,
}

impl Line {
    /// A request begins. Until its first line was understood, its method and path are `-`.
    pub(super) fn new(peer: SocketAddr, metrics: &Metrics) -> Self {
        Self {
            id: crate::http::random_hex::<8>(),
            started: Instant::now(),
            peer,
            metrics: metrics.clone(),
            client: None,
            method: "-".into(),
            path: "-".into(),
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            gone: false,
            known: false,
            route: None,
        }
    }

    /// Whether the first line was understood.
    pub(super) fn is_asked(&self) -> bool {
        self.path != "-"
    }

    /// Where the client is.
    pub(super) fn from(&self) -> IpAddr {
        self.client.unwrap_or_else(|| self.peer.ip().to_canonical())
    }

    /// Method and target. Both are visible ASCII by now, without a space, so that they cannot break the line.
    pub(super) fn asked(&mut self, method: &str, target: &str) {
        self.method = method.to_owned();
        let path = target.split('?').next().unwrap_or_default();
        self.path = match path.len() {
            ..=LONGEST_PATH => path.to_owned(),
            bytes => format!("{}… ({bytes} bytes)", &path[..LONGEST_PATH]),
        };
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(route) = &self.route {
            self.metrics.served(route, self.started.elapsed());
        }
        let Self { id, method, path, status, bytes_in, bytes_out, peer, .. } = self;
        let client = self.client.map(tracing::field::display);
        let ms = self.started.elapsed().as_micros() as f64 / 1e3;
        let gone = self.gone.then_some(true);
        macro_rules! said {
            ($($more:tt)*) => {
                tracing::info!(
                    target: "fulmen::request",
                    %id, %method, %path, status, ms, bytes_in, bytes_out, client, %peer, gone, $($more)*
                )
            };
        }
        // Three places, so that a flood of one kind does not hide the others. What is said for a key is always written.
        match (self.known, *status) {
            (true, _) => said!(key = true),
            (false, 200..400) => said!(),
            (false, _) => said!(),
        }
    }
}
