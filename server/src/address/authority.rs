//! A host and its port, as `Host` and the middle of a URL say them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A host in lower case, an IPv6 address in brackets, and its port where one is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// `name`, `name:port`, `127.0.0.1:port`, `[::1]:port`; `None` for everything else. What is read here can stand in
    /// a link or a header: it has no space, quote, slash or control character.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (format!("[{}]", address.parse::<Ipv6Addr>().ok()?), port)
            }
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                (name_in_lower_case(name)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None => port.is_empty().then_some(None)?,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(Self { host, port })
    }

    /// An address, which cannot be made to point elsewhere.
    pub(crate) fn is_address(&self) -> bool {
        self.host.starts_with('[') || self.host.parse::<Ipv4Addr>().is_ok()
    }
}

/// A name that may end in the root's dot.
fn name_in_lower_case(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fits = !name.is_empty() && name.bytes().all(allowed) && !name.starts_with('.');
    fits.then(|| name.to_ascii_lowercase())
}
