//! The VAE: latents in, a picture eight times as large out, and back.

mod config;
mod decoder;
mod encoder;
mod network;
mod posterior;
mod tiny;
mod tiny_encoder;

pub use config::VaeConfig;
pub use decoder::{VaeDecoder, VaeMidBlock};
pub use encoder::VaeEncoder;
pub use network::{LatentSpace, Vae};
pub(crate) use network::{NetworkConfig, no_encoder};
pub use posterior::Posterior;
pub use tiny::{TinyConfig, TinyDecoder};
pub use tiny_encoder::TinyEncoder;

/// The encoders' input.
pub(crate) const PICTURE: &str = "picture";
