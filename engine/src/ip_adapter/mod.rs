//! Pictures as prompts (IP-Adapter; Ye et al. 2023, arXiv 2308.06721): an encoder of pictures, what makes a few tokens of
//! what it sees, and keys and values of these for every cross-attention of the UNet.
//!
//! `pixels` makes of a picture what the encoder reads; `vision` is the encoder; `projection` and `resampler` make tokens;
//! `adapter` has the keys and values. All of it runs once a picture: to the UNet keys and values are inputs.

mod about;
mod adapter;
mod config;
mod pixels;
mod projection;
mod resampler;
mod vision;

pub use about::{ImageNetAbout, ImageNetKind, about};
pub use adapter::{CrossAttention, IpAdapter};
pub use config::VisionConfig;
pub use pixels::patches;
pub use vision::{Seen, VisionEncoder};
