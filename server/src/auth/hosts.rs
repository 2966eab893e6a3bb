//! The names under which this server is called, and the pages that may call it.
//!
//! A browser on this machine reaches a server that listens on 127.0.0.1, whatever page it shows. Two checks keep
//! foreign pages out. `Host`: a page whose name was made to point here (DNS rebinding) still says its name; an
//! address or `localhost` cannot be made to point elsewhere. `Origin`: a browser says which page sends a request
//! that could change something.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::http::{Answer, Method, Request};
use crate::problem::Problem;

/// A host in lower case, an IPv6 address in brackets, and its port where one is said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

/// Where a page comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

/// Whether the options that name addresses are what they should be.
///
/// # Errors
/// One is not; the sentence says which, and what it should look like.
pub(crate) fn check_addresses(config: &Config) -> Result<()> {
    let wrong = |what: String| Err(Error::Options(what));
    if let Some(url) = &config.public_url
        && split_url(url).is_none_or(|(_, path)| path.contains(['?', '#', ' ']))
    {
        return wrong(format!("--public-url {url:?} must look like https://draw.example.org"));
    }
    if let Some(origin) = &config.cors_origin
        && origin_of(origin).is_none()
    {
        return wrong(format!(
            "--cors-origin {origin:?} must look like https://www.example.org, without a path"
        ));
    }
    match config.hosts.iter().find(|host| authority(host).is_none()) {
        Some(host) => wrong(format!("--host {host:?} must be a name, like draw.example.org")),
        None => Ok(()),
    }
}

/// Whether the request was sent to a name of this server.
///
/// # Errors
/// 421 where it was not.
pub(crate) fn check_host(config: &Config, address: SocketAddr, request: &Request) -> Result<(), Problem> {
    let mut hosts = request.headers.iter().filter(|(name, _)| name == "host");
    let host = hosts.next().and_then(|(_, host)| authority(host)).map(|authority| authority.host);
    // Of two, a proxy in front may have believed the other one.
    if host.is_some_and(|host| is_ours(config, &host)) && hosts.next().is_none() {
        return Ok(());
    }
    let message = format!(
        "this server does not go by that name; call it http://{address}, or start it with the name (--host NAME, or \
         --public-url URL)"
    );
    Err(Problem::new(421, "unknown_host", message))
}

/// Whether a request that could change something comes from a page that may, or from no page at all.
///
/// # Errors
/// 403 where it comes from another page.
pub(crate) fn check_origin(config: &Config, request: &Request) -> Result<(), Problem> {
    if matches!(request.method, Method::Get | Method::Head | Method::Options) {
        return Ok(());
    }
    let mut origins = request.headers.iter().filter(|(name, _)| name == "origin");
    let allowed = |value: &str| is_own(config, request, value) || is_allowed(config, value);
    if origins.all(|(_, value)| allowed(value)) {
        return Ok(());
    }
    let message =
        "pages of other sites may not ask this server; start it with --cors-origin if this one should";
    Err(Problem::new(403, "foreign_origin", message))
}

/// The headers that let the one allowed page read an answer.
pub(crate) fn cors_headers(config: &Config, request: &Request) -> Vec<(&'static str, String)> {
    if config.cors_origin.is_none() {
        return vec![];
    }
    // An answer that is kept for one page must not be shown to another.
    let mut headers = vec![("Vary", "Origin".to_owned())];
    if let Some(origin) = request.header("origin").filter(|origin| is_allowed(config, origin)) {
        headers.push(("Access-Control-Allow-Origin", origin.to_owned()));
        headers.push(("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, X-Should-Retry".into()));
    }
    headers
}

/// The answer to a browser that asks whether a page may ask.
pub(crate) fn preflight(config: &Config, request: &Request) -> Answer {
    let mut answer = Answer::empty(204);
    answer.headers = cors_headers(config, request);
    if answer.headers.len() > 1 {
        // The star covers what official clients add; `Authorization` it never covers.
        answer = answer
            .header("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
            .header("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key, *")
            .header("Access-Control-Max-Age", "600");
    }
    answer
}

/// What links begin with: the public URL, or the `Host` that was checked.
pub(crate) fn base(config: &Config, request: &Request) -> String {
    match &config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", request.host().trim()),
    }
}

fn is_ours(config: &Config, host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = v6.is_some() || host.parse::<Ipv4Addr>().is_ok();
    let public = config.public_url.as_deref().and_then(split_url).map(|(origin, _)| origin.host);
    let listed = |name: &String| authority(name).is_some_and(|listed| listed.host == host);
    is_address || host == "localhost" || public.as_deref() == Some(host) || config.hosts.iter().any(listed)
}

/// Whether a page is this server's own, by its `Host` or its public URL.
fn is_own(config: &Config, request: &Request, value: &str) -> bool {
    let Some(origin) = origin_of(value) else { return false };
    let public = config.public_url.as_deref().and_then(split_url).map(|(origin, _)| origin);
    // A proxy may add the s.
    let host = authority(request.host());
    let same = host.is_some_and(|Authority { host, port }| {
        host == origin.host && port.unwrap_or(usual_port(origin.secure)) == origin.port
    });
    same || public == Some(origin)
}

fn is_allowed(config: &Config, value: &str) -> bool {
    let allowed = config.cors_origin.as_deref().and_then(origin_of);
    allowed.is_some() && allowed == origin_of(value)
}

/// The value of `Origin`; `None` for `null` and everything else that names no page.
fn origin_of(value: &str) -> Option<Origin> {
    split_url(value).filter(|(_, path)| path.is_empty()).map(|(origin, _)| origin)
}

/// A URL of HTTP: its origin, and what follows.
fn split_url(url: &str) -> Option<(Origin, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Authority { host, port } = authority(name)?;
    Some((Origin { secure, host, port: port.unwrap_or(usual_port(secure)) }, path))
}

/// `name`, `name:port`, `127.0.0.1:port`, `[::1]:port`.
fn authority(text: &str) -> Option<Authority> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (format!("[{}]", address.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            // A name may end in the root's dot.
            (name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(), port)
        }
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let port = match port.strip_prefix(':') {
        None => port.is_empty().then_some(None)?,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    (!host.is_empty() && host.bytes().all(allowed)).then_some(Authority { host, port })
}

fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}
