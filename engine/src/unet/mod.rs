//! The UNet: noisy latents, a time step and a conditioning in, a prediction of the latents' shape out.

mod attachments;
mod blocks;
mod conditioning;
mod config;
mod model;
mod transformer;

pub(crate) use attachments::{Attachments, Encoded, Given, SkipNet, feature_name};
pub use blocks::{BlockInputs, DownBlock, LevelShape, MidBlock, UpBlock};
pub(crate) use conditioning::Mlp;
pub use conditioning::{TimeEmbedding, sinusoid};
pub use config::{PerLevel, UNetConfig};
pub(crate) use model::{NOISY_LATENTS, down_blocks, mid_block};
pub use model::{UNet, UNetInputs};
pub use transformer::{Transformer, TransformerShape};
