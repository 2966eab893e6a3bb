//! Server-sent events (WHATWG HTML, §9.2), each flushed as it is written.

use std::io::{self, Write};

use serde::Serialize;

/// Where a handler writes events to.
pub(crate) struct Events<'a> {
    to: &'a mut dyn Write,
}

impl<'a> Events<'a> {
    pub(crate) fn new(to: &'a mut dyn Write) -> Self {
        Self { to }
    }

    /// One event with a name and JSON data. JSON has no line breaks, so one `data:` line holds it.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn send(&mut self, name: &str, data: &impl Serialize) -> io::Result<()> {
        let data = serde_json::to_string(data)?;
        // One write is one chunk.
        self.to.write_all(format!("event: {name}\ndata: {data}\n\n").as_bytes())?;
        self.to.flush()
    }

    /// A comment, which clients ignore: keeps proxies from closing a silent connection.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn beat(&mut self) -> io::Result<()> {
        self.to.write_all(b": still drawing\n\n")?;
        self.to.flush()
    }
}
