//! Requests byte by byte: with any `Host` or none, with any header, and answers with all of theirs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::server::Server;

/// The key of servers that ask for one.
pub(crate) const KEY: &str = "not-to-be-guessed-0123456789";

/// What was answered.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Sends a request as it stands, and reads until the server closes.
pub(crate) fn send(server: &Server, request: impl AsRef<[u8]>) -> Raw {
    let mut socket = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The server may have answered and closed before all of it was sent.
    let _ = socket.write_all(request.as_ref());
    let (mut bytes, mut block) = (vec![], [0; 1 << 16]);
    while let Ok(read @ 1..) = socket.read(&mut block) {
        bytes.extend_from_slice(&block[..read]);
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer"));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"));
    Raw { status, head, body: bytes[end + 4..].to_vec() }
}

/// A request of HTTP/1.1 with these lines of headers.
pub(crate) fn ask(server: &Server, line: &str, headers: &[&str]) -> Raw {
    ask_with(server, line, headers, "")
}

/// The same with a body.
pub(crate) fn ask_with(server: &Server, line: &str, headers: &[&str], body: &str) -> Raw {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request += &format!("Host: {}\r\n", server.url.strip_prefix("http://").unwrap());
    }
    for header in headers {
        request += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    send(server, request + "\r\n" + body)
}
