//! One line of the log for each request, whatever becomes of it. It never holds a query, a header or a body: there
//! stand prompts, keys and signatures.

use std::net::SocketAddr;
use std::time::Instant;

/// What the log says of one request; it is written when this is dropped.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: String,
    started: Instant,
    peer: SocketAddr,
    pub(super) method: String,
    path: String,
    /// 0: nothing was answered.
    pub(super) status: u16,
    pub(super) bytes_in: usize,
    pub(super) bytes_out: u64,
    /// The client hung up.
    pub(super) gone: bool,
}

impl Line {
    /// A request begins. Until its first line was understood, its method and path are `-`.
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            id: crate::http::random_hex::<8>(),
            started: Instant::now(),
            peer,
            method: "-".into(),
            path: "-".into(),
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            gone: false,
        }
    }

    /// What was asked. Both are visible ASCII by now, without a space, so that they cannot break the line.
    pub(super) fn asked(&mut self, method: &str, target: &str) {
        self.method = method.to_owned();
        self.path = target.split('?').next().unwrap_or_default().to_owned();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { id, method, path, status, bytes_in, bytes_out, peer, .. } = self;
        let ms = self.started.elapsed().as_micros() as f64 / 1e3;
        let gone = self.gone.then_some(true);
        tracing::info!(
            target: "fulmen::request",
            %id, %method, %path, status, ms, bytes_in, bytes_out, %peer, gone,
        );
    }
}
