//! Who waits for an answer, and whether they still do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The client of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    gone: Arc<AtomicBool>,
}

impl Client {
    /// Whether they hung up.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// They hung up: nobody waits for the answer.
    pub(crate) fn hang_up(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// The clients of the requests that are on their way from the gate to a handler, by a random token in a header that
/// only the gate writes. A request without a token that is expected did not come through the gate.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<String, Client>>);

/// The header that carries the token; the gate removes it from what clients send.
pub(crate) const TOKEN: &str = "x-fulmen-client";

/// The header that carries the request's id to the handler; the gate removes it from what clients send.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// The header that tells a handler at which address a client without a `Host` reached us; the gate removes it from what
/// clients send.
pub(crate) const LOCAL_ADDRESS: &str = "x-fulmen-address";

/// The header in which a handler tells the gate which route it answers, for the metrics; clients do not see it.
pub(crate) const ROUTE: &str = "x-fulmen-route";

impl Clients {
    pub(crate) fn expect(&self, token: String, client: Client) {
        self.lock().insert(token, client);
    }

    /// The client of a token, once.
    pub(crate) fn take(&self, token: &str) -> Option<Client> {
        self.lock().remove(token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `N` random bytes in hexadecimal digits.
pub(crate) fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("operating systems have random bytes once they have started");
    bytes.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
