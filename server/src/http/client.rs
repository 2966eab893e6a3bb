//! Who waits for an answer, and whether they still do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Turn;
use crate::budget::Share;

/// The client of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Where they are, as far as is known.
    address: Option<IpAddr>,
    gone: AtomicBool,
    known: AtomicBool,
    received: Mutex<bool>,
    came: Condvar,
    body: Mutex<Body>,
}

impl Client {
    /// Who asks from this address.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self(Arc::new(State { address: Some(address), ..State::default() }))
    }

    /// Where they are: behind a trusted proxy, where that says they are.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Whether they hung up.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.gone.load(Ordering::Relaxed)
    }

    /// They hung up: no client waits for the answer.
    pub(crate) fn hang_up(&self) {
        self.0.gone.store(true, Ordering::Relaxed);
    }

    /// Whether they showed a key that is right.
    pub(crate) fn is_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed)
    }

    /// They showed a key that is right.
    pub(crate) fn recognise(&self) {
        self.0.known.store(true, Ordering::Relaxed);
    }

    /// Waits so long for the request to arrive behind tiny_http; whether it did.
    pub(crate) fn wait_received(&self, time: Duration) -> bool {
        let received = self.0.received.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.came.wait_timeout_while(received, time, |received| !*received);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Their body takes this, unless it was let go already.
    pub(crate) fn hold_body(&self, share: Share) {
        let mut body = self.body();
        body.share = (!body.let_go).then_some(share);
    }

    /// Their body takes nothing any more.
    pub(crate) fn let_body_go(&self) {
        *self.body() = Body { share: None, let_go: true };
    }

    fn body(&self) -> std::sync::MutexGuard<'_, Body> {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self) {
        *self.0.received.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.came.notify_all();
    }
}

/// What their body takes of the memory for bodies, until nobody needs it any more.
#[derive(Debug, Default)]
struct Body {
    share: Option<Share>,
    let_go: bool,
}

/// The clients of the requests that are on their way from the gate to a handler, by a random token in a header that
/// only the gate writes. A request without a token that is expected did not come through the gate.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<String, Expected>>);

/// A client whose request is on its way, and whose turn that is.
#[derive(Debug)]
struct Expected {
    client: Client,
    _turn: Turn,
}

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
    /// A request with this token is about to be sent.
    pub(crate) fn expect(&self, token: String, client: Client, turn: Turn) {
        self.lock().insert(token, Expected { client, _turn: turn });
    }

    /// A request with this token arrived: its client, once.
    pub(crate) fn take(&self, token: &str) -> Option<Client> {
        let client = self.lock().remove(token)?.client;
        client.receive();
        Some(client)
    }

    /// A request with this token must not arrive any more; `false` if it did already.
    pub(crate) fn withdraw(&self, token: &str) -> bool {
        self.lock().remove(token).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Expected>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn a_body_that_is_let_go_takes_nothing_whoever_comes_first() {
        let budget = Budget::new(1_000_000);
        let taken = || {
            let mut share = budget.share();
            assert!(share.grow(900_000));
            share
        };
        let is_free = || budget.share().grow(900_000);
        let (early, late) = (Client::default(), Client::default());
        early.hold_body(taken());
        assert!(!is_free());
        early.let_body_go();
        assert!(is_free());
        late.let_body_go();
        late.hold_body(taken());
        assert!(is_free(), "it was let go before it was known what it takes");
    }
}
