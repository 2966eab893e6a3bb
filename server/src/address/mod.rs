//! Addresses as HTTP writes them: hosts with ports, origins of pages, networks.

mod authority;
mod network;
mod origin;

pub(crate) use authority::Authority;
pub use network::Network;
pub use origin::AllowedOrigin;
pub(crate) use origin::{Origin, split_url};
