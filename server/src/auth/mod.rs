//! Who may ask, and from where: keys, signed links, names of this server, origins of pages.
//!
//! Every check answers the same for everything that is wrong, and compares secrets in constant time.

mod attempts;
mod forwarded;
mod hex;
mod hosts;
mod keyring;
mod links;
mod listen;
mod new_key;
mod origins;
#[cfg(test)]
mod tests;

pub(crate) use self::hosts::{base, check_addresses, check_host};
pub(crate) use self::keyring::Keyring;
pub(crate) use self::links::Links;
pub(crate) use self::listen::check_listen;
pub use self::new_key::{NewKey, new_key};
pub(crate) use self::origins::{check_origin, check_origins, preflight};
