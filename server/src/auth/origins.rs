//! The pages that may call this server. A browser says in `Origin` which page sends a request that could change
//! something.

use super::forwarded::{self, forwarded};
use super::hosts::is_ours;
use crate::address::{Authority, Origin, split_url};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::http::{Answer, Method, Request, cors_headers};
use crate::problem::Problem;

/// Whether the pages that were let in can be let in.
///
/// # Errors
/// Every page was, and there are no keys: then any site that its user visits could use this server.
pub(crate) fn check_origins(config: &Config) -> Result<()> {
    let keys = config.keys.file.is_some() || config.keys.key.is_some();
    match config.cors_origins.iter().find(|origin| origin.is_for_everybody() && !keys) {
        None => Ok(()),
        Some(origin) => Err(Error::Options(format!(
            "--cors-origin {origin} lets the pages of every site in, and without keys each of them could use this server; \
             name the sites, or require keys (--api-keys FILE, FULMEN_API_KEY)"
        ))),
    }
}

/// Whether a request that could change something comes from a page that may, or from no page at all.
///
/// # Errors
/// 403 where it comes from another page.
pub(crate) fn check_origin(config: &Config, keys_needed: bool, request: &Request) -> Result<(), Problem> {
    if matches!(request.method, Method::Get | Method::Head | Method::Options) {
        return Ok(());
    }
    let mut origins = request.headers.iter().filter(|(name, _)| name == "origin");
    let allowed = |value: &str| {
        config.cors_origins.iter().any(|one| one.allows(value)) || is_own(config, keys_needed, request, value)
    };
    if origins.all(|(_, value)| allowed(value)) {
        return Ok(());
    }
    let message = "pages of other sites may not use this server; start it with --cors-origin ORIGIN if \
    this one \
                   should, or, if this is its own page behind a proxy, with --public-url URL";
    Err(Problem::new(403, "foreign_origin", message))
}

/// The answer to a browser that asks whether a page may ask.
pub(crate) fn preflight(config: &Config, request: &Request) -> Answer {
    let mut answer = Answer::empty(204);
    answer.headers = cors_headers(&config.cors_origins, request.header("origin"));
    if answer.headers.iter().any(|(name, _)| *name == "Access-Control-Allow-Origin") {
        // The star covers what official clients add; `Authorization` it never covers.
        answer = answer
            .header("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
            .header("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key, *")
            .header("Access-Control-Max-Age", "600");
        // Browsers ask before a page of the internet reaches into a private network, or this machine.
        if request.header("access-control-request-private-network") == Some("true") {
            answer = answer.header("Access-Control-Allow-Private-Network", "true");
        }
    }
    answer
}

/// Whether a page is this server's own: by its public URL, its `Host`, or the name that a trusted proxy was called by.
fn is_own(config: &Config, keys_needed: bool, request: &Request, value: &str) -> bool {
    let Some(origin) = Origin::parse(value) else { return false };
    let public = config.public_url.as_deref().and_then(split_url).map(|(origin, _)| origin);
    if public.as_ref() == Some(&origin) {
        return true;
    }
    let usual = match origin.scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return false,
    };
    let same = |host: &Authority| {
        // A proxy may add the s.
        host.host == origin.host && Some(host.port.unwrap_or(usual)) == origin.port
    };
    // Without keys, a name that is not ours must have been proved by TLS: else it may have been made to point here.
    let proved = keys_needed || (origin.is_secure() && forwarded::is_secure(request));
    let called = forwarded(request, "x-forwarded-host").and_then(Authority::parse);
    request.header("host").and_then(Authority::parse).as_ref().is_some_and(same)
        || called.is_some_and(|host| same(&host) && (proved || is_ours(config, &host)))
}
