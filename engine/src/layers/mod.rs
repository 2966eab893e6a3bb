//! Layers that more than one model is made of: weights and a `forward` that records them.

mod attention;
mod encoder_layer;
pub(crate) mod limits;
mod linear;
mod norm;
mod res_block;
mod resample;

pub(crate) use attention::image_inputs;
pub use attention::{Attention, AttentionShape, CrossContext, Negative};
pub use encoder_layer::HiddenActivation;
pub(crate) use encoder_layer::{EncoderLayer, EncoderLayerShape};
pub use linear::{Conv3x3, Linear};
pub use norm::{GroupNorm, LayerNorm};
pub use res_block::{ResBlock, ResBlockShape};
pub use resample::{Downsample, Upsample};
