//! The names under which this server is called.
//!
//! A browser on this machine reaches a server that listens on 127.0.0.1, whatever page it shows. A page whose name
//! was made to point here (DNS rebinding) still says its name in `Host`; an address or `localhost` cannot be made to
//! point elsewhere. Where keys are needed the name proves nothing that the key does not: such a page has none, and what
//! is open without one is the same for everybody. So any name is served there.

use std::net::SocketAddr;

use super::forwarded::{self, forwarded};
use crate::address::{Authority, split_url};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::http::{LOCAL_ADDRESS, Request};
use crate::problem::Problem;

/// Whether the options that name addresses are what they should be.
///
/// # Errors
/// One is not; the sentence says which, and what it should look like.
pub(crate) fn check_addresses(config: &Config) -> Result<()> {
    let wrong = |what: String| Err(Error::Options(what));
    if let Some(url) = &config.public_url {
        let web = |scheme: &str| matches!(scheme, "http" | "https");
        let found = split_url(url).filter(|(origin, path)| web(&origin.scheme) && forwarded::is_path(path));
        if found.is_none() {
            return wrong(format!(
                "--public-url {url:?} must look like https://draw.example.org or https://example.org/draw"
            ));
        }
    }
    match config.hosts.iter().find(|host| Authority::parse(host).is_none()) {
        Some(host) => wrong(format!("--host {host:?} must be a name, like draw.example.org")),
        None => Ok(()),
    }
}

/// Whether the request was sent to a name of this server; where keys are needed, whether it was sent to a name at all.
///
/// # Errors
/// 421 or 400 where it was not.
pub(crate) fn check_host(
    config: &Config,
    keys_needed: bool,
    address: SocketAddr,
    request: &Request,
) -> Result<(), Problem> {
    let mut hosts = request.headers.iter().filter(|(name, _)| name == "host");
    let said = hosts.next().map(|(_, host)| host.trim()).filter(|host| !host.is_empty());
    let host = said.and_then(Authority::parse);
    // Of two, a proxy in front may have believed the other one.
    let single = hosts.next().is_none();
    if keys_needed {
        let in_order = single && (said.is_none() || host.is_some());
        let message = "the Host header is not a name; send one such as draw.example.org:8188";
        return in_order.then_some(()).ok_or_else(|| Problem::new(400, "malformed_host", message));
    }
    if host.is_some_and(|host| is_ours(config, &host)) && single {
        return Ok(());
    }
    let message = format!(
        "this server does not go by that name; call it http://{address}, or start it with the name (--host NAME, or \
         --public-url URL) or with keys (--api-keys FILE)"
    );
    Err(Problem::new(421, "unknown_host", message))
}

/// What links begin with: the public URL; else what a trusted proxy says of how it was called; else the `Host` that
/// was checked, or where there is none the address at which the client reached us.
pub(crate) fn base(config: &Config, address: SocketAddr, request: &Request) -> String {
    if let Some(url) = &config.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if forwarded::is_secure(request) { "https" } else { "http" };
    let named = |host: &&str| Authority::parse(host).is_some();
    let host = forwarded(request, "x-forwarded-host").filter(named);
    let host = host.or_else(|| request.header("host").map(str::trim).filter(named));
    let host = host.or_else(|| request.header(LOCAL_ADDRESS));
    let host = host.map_or_else(|| address.to_string(), str::to_owned);
    let prefix = forwarded(request, "x-forwarded-prefix").filter(|path| forwarded::is_path(path));
    format!("{scheme}://{host}{}", prefix.unwrap_or_default().trim_end_matches('/'))
}

/// An address, `localhost`, or a name that the operator gave.
pub(super) fn is_ours(config: &Config, host: &Authority) -> bool {
    let public = config.public_url.as_deref().and_then(split_url).map(|(origin, _)| origin.host);
    let listed = |name: &String| Authority::parse(name).is_some_and(|listed| listed.host == host.host);
    host.is_address()
        || host.host == "localhost"
        || public.as_ref() == Some(&host.host)
        || config.hosts.iter().any(listed)
}
