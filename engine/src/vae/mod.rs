//! The VAE's decoder: latents in, a picture eight times as large out.

mod config;
mod decoder;

pub use config::VaeConfig;
pub use decoder::{MidBlock, VaeDecoder};
