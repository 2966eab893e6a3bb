//! Who can reach the server must be known to it.

use crate::config::Config;
use crate::error::{Error, Result};

/// Characters of a key that was thought up rather than made.
const SHORTEST_KEY: usize = 16;

/// Refuses to serve a network without keys, unless the operator said so in so many words.
///
/// # Errors
/// The address can be reached from other machines and there are no keys or one that can be guessed, or there are keys
/// and `--no-auth`.
pub(crate) fn check_listen(config: &Config) -> Result<()> {
    let keys = &config.keys;
    let has_keys = keys.file.is_some() || keys.key.is_some();
    if has_keys && keys.no_auth {
        let what = "--no-auth lets everyone in, but there are keys; leave out either --no-auth or the keys \
                    (--api-keys, FULMEN_API_KEY)";
        return Err(Error::Options(what.into()));
    }
    let at = config.listen;
    // `::ffff:127.0.0.1` is 127.0.0.1.
    let is_local = at.ip().to_canonical().is_loopback();
    check_length(config, is_local)?;
    if has_keys || keys.no_auth || is_local {
        return Ok(());
    }
    Err(Error::Options(format!(
        "at {at} other machines can reach this server, and it has no keys; name a file of keys with --api-keys \
         (`fulmen serve --new-key NAME` makes a key) or set FULMEN_API_KEY, or listen at 127.0.0.1, or say \
         --no-auth if everyone who can reach it may use it"
    )))
}

/// A short key can be found by trying. On this machine alone that is the operator's affair.
fn check_length(config: &Config, is_local: bool) -> Result<()> {
    let short = |key: &Option<String>| key.as_ref().is_some_and(|key| key.chars().count() < SHORTEST_KEY);
    let whose = match &config.keys {
        keys if short(&keys.key) => "FULMEN_API_KEY",
        keys if short(&keys.metrics) => "the metrics key (--metrics-key, FULMEN_METRICS_KEY)",
        _ => return Ok(()),
    };
    let what = format!(
        "{whose} has fewer than {SHORTEST_KEY} characters, so it can be found by trying; set a longer one, best one \
         that `fulmen serve --new-key NAME` makes"
    );
    if is_local {
        tracing::warn!("{what}");
        return Ok(());
    }
    Err(Error::Options(format!("at {} other machines can reach this server; {what}", config.listen)))
}
