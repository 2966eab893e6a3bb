//! The bytes of a request's body, which can be let go before the request is answered: a drawing takes minutes, and
//! others need the memory.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The bytes of a body. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content(Arc<Mutex<Bytes>>);

impl Content {
    /// All of them, or none where they were let go.
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// They are not needed any more; what was read is freed with its last reader.
    pub(super) fn let_go(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::new();
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes.into())))
    }
}
