//! Who can reach the server must be known to it.

use crate::config::Config;
use crate::error::{Error, Result};

/// Refuses to serve a network without keys, unless the operator said so in so many words.
///
/// # Errors
/// The address can be reached from other machines and there are no keys, or there are keys and `--no-auth`.
pub(crate) fn check_listen(config: &Config) -> Result<()> {
    let keys = &config.keys;
    let has_keys = keys.file.is_some() || keys.key.is_some();
    if has_keys && keys.no_auth {
        let what = "--no-auth lets everybody in, but there are keys; leave out either --no-auth or the keys \
                    (--api-keys, FULMEN_API_KEY)";
        return Err(Error::Options(what.into()));
    }
    let at = config.listen;
    // `::ffff:127.0.0.1` is 127.0.0.1.
    if has_keys || keys.no_auth || at.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Error::Options(format!(
        "at {at} other machines can reach this server, and it has no keys; name a file of keys with --api-keys \
         (`fulmen serve --new-key NAME` makes a key) or set FULMEN_API_KEY, or listen at 127.0.0.1, or say --no-auth if \
         everybody who reaches it may use it"
    )))
}
