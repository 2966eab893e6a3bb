//! The VAE: latents in, a picture eight times as large out, and back.

mod config;
mod decoder;
mod encoder;
mod network;
mod tiny;

pub use config::VaeConfig;
pub use decoder::{VaeDecoder, VaeMidBlock};
pub(crate) use encoder::VaeEncoder;
pub(crate) use network::NetworkConfig;
pub use network::{LatentSpace, Vae};
pub use tiny::{TinyConfig, TinyDecoder};
