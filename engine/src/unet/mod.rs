//! The UNet: noisy latents, a time step and a conditioning in, a prediction of the latents' shape out.

mod blocks;
mod conditioning;
mod config;
mod model;
mod transformer;

pub use blocks::{BlockInputs, DownBlock, LevelShape, MidBlock, UpBlock};
pub use conditioning::{TimeEmbedding, sinusoid};
pub use config::{PerLevel, UNetConfig};
pub use model::{UNet, UNetInputs};
pub use transformer::{Transformer, TransformerShape};
