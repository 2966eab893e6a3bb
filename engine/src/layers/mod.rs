//! Layers that more than one model is made of: weights and a `forward` that records them.

mod attention;
pub(crate) mod limits;
mod linear;
mod norm;
mod res_block;
mod resample;

pub use attention::{Attention, AttentionShape, Negative};
pub use linear::{Conv3x3, Linear};
pub use norm::{GroupNorm, LayerNorm};
pub use res_block::{ResBlock, ResBlockShape};
pub use resample::{Downsample, Upsample};
