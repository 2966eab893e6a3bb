//! Text: two CLIP encoders, and the conditioning of the UNet.

mod clip;
mod config;
mod encoders;
mod prompt;

pub use clip::ClipEncoder;
pub use config::ClipConfig;
pub use encoders::{Conditioning, TextEncoders};
pub use prompt::encode_prompt;
