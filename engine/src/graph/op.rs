//! The operations of a graph: what SDXL is made of.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Window;
use crate::weights::Weight;

/// A function of one number, applied where a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The number itself.
    #[default]
    None,
    /// `x · sigmoid(x)`.
    Silu,
    /// `x · Φ(x)`, the exact form with erf.
    Gelu,
    /// `x · sigmoid(1.702 x)`, the first text encoder's.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, 0.2 x)`: x, and below 0 a fifth of it.
    LeakyRelu,
    /// `3 · tanh(x / 3)`: nearly x near 0, never beyond ±3.
    SoftClamp,
    /// `a · gelu(b)`, a and b being the first and second half of the channels, which it halves.
    /// Only as the epilogue of [`Op::Linear`].
    Geglu,
}

/// What a product or convolution does to its sums before it writes them, in this order:
/// `activation(sum + bias + per_image) + residual`.
#[derive(Debug, Clone, Default)]
pub struct Epilogue {
    /// A number for each output channel.
    pub bias: Option<Arc<Weight>>,
    /// Whether an input `[images, 1, 1, channels]` is added: the time embedding.
    pub per_image: bool,
    /// The function.
    pub activation: Activation,
    /// Whether an input of the output's shape is added last.
    pub residual: bool,
}

/// What follows a normalisation, for each channel: `x · scale + shift`.
#[derive(Debug, Clone)]
pub struct Affine {
    /// A factor for each channel.
    pub scale: Arc<Weight>,
    /// A summand for each channel.
    pub shift: Arc<Weight>,
    /// Added to the variance before its root is taken.
    pub epsilon: f32,
}

/// One operation. Its inputs, listed by the node, are named in brackets.
#[derive(Debug, Clone)]
pub enum Op {
    /// A value from outside, by name. `[]`
    Input {
        /// The name by which a program is given it.
        name: String,
        /// Whether many runs in a row are given the same: of a picture's text, not of a step.
        lasts: bool,
    },
    /// `x · weightᵀ` over the channels, then the epilogue. Weight `[out, in]` or `[out, in, 1, 1]`.
    /// `[x, per_image?, residual?]`
    Linear {
        /// `[out, in]`.
        weight: Arc<Weight>,
        /// What follows the sums.
        epilogue: Epilogue,
    },
    /// 3×3 convolution, then the epilogue. The node's own height and width say how many steps the
    /// window takes; what it sees beyond the picture is zero. `[x, per_image?, residual?]`
    Conv3x3 {
        /// `[out, in, 3, 3]`.
        weight: Arc<Weight>,
        /// How it lies on x.
        window: Window,
        /// What follows the sums.
        epilogue: Epilogue,
    },
    /// Softmax(q · kᵀ / √head_dim) · v for each head, heads side by side in the channels. `[q, k, v]`, or all three side by
    /// side in the channels of one value, `[qkv]`
    Attention {
        /// Heads; `channels / heads` is head_dim.
        heads: usize,
        /// Whether a query sees only keys at its own place and before: the text encoders.
        causal: bool,
    },
    /// Normalised attention guidance: what queries found in a prompt, moved away from what they found
    /// in a negative prompt. `g = scale · a − (scale − 1) · b`, scaled back to `tau` times the L1 norm
    /// of `a` (of each pixel, over the channels) where its own exceeds that; then
    /// `alpha · g + (1 − alpha) · a`. `[a, b, guidance]`, guidance `[images, 1, 1, 3]` of scale, tau, alpha
    Guide,
    /// Mean and variance of each group of channels of each image, always in F32:
    /// `[images, 1, groups, 4]` with mean, what the mean lost in rounding, and the variance
    /// likewise. The groups divide the channels. `[x]`
    Moments,
    /// Each group of channels of each image by its moments to mean 0 and deviation 1, then scaled
    /// and shifted, then SiLU if asked for: with [`Op::Moments`] a group norm. `[x, moments]`
    Normalise {
        /// What follows.
        affine: Affine,
        /// Whether SiLU follows that.
        silu: bool,
    },
    /// Each pixel's channels to mean 0 and deviation 1, then scaled and shifted. `[x]`
    LayerNorm(Affine),
    /// `a + b`, of one shape. `[a, b]`
    Add,
    /// `x + vector`, a vector `[images, 1, 1, channels]` for each image. `[x, vector]`
    AddPerImage,
    /// `a + factor · b`, a and b of one shape, with a factor for each image. `[a, b, factors]`, factors
    /// `[images, 1, 1, places]` in F32
    AddScaled {
        /// Which of each image's factors.
        place: usize,
    },
    /// The function of every number. Never [`Activation::Geglu`]. `[x]`
    Activate(Activation),
    /// x, and below 0 its product with a slope for each channel. `[x]`
    Prelu {
        /// A factor for each channel.
        slopes: Arc<Weight>,
    },
    /// Channels of a, then channels of b. `[a, b]`
    Concat,
    /// Nearest neighbour, to the node's own height and width: `source = place · from / to`. `[x]`
    Upsample,
    /// A border of `by` rows above and below and columns left and right: zeros, or, where `wrap`
    /// says so, the pixels of the opposite side. `[x]`
    Pad {
        /// Whether height and width continue on their opposite sides.
        wrap: [bool; 2],
        /// Rows above and below, columns left and right.
        by: [usize; 2],
    },
    /// Some rows of pixels of each image. `[x]`
    Rows(Range<usize>),
    /// The same numbers, stored as the node's element type. `[x]`
    Convert,
    /// Row `ids[i]` of the table plus row `i` of the positions. `[ids]`, `[images, 1, tokens, 1]` of U32
    Embed {
        /// `[vocabulary, channels]`.
        table: Arc<Weight>,
        /// `[tokens or more, channels]`.
        positions: Arc<Weight>,
    },
    /// One token of each image: `[images, 1, 1, channels]`. `[x, index]`, index `[images, 1, 1, 1]` of U32
    TakeToken,
    /// Three channels in [−1, 1] to packed RGBA8, one U32 a pixel, red lowest, rounded half to even.
    /// Alpha is 255, or 0 where a channel was not finite. `[x]`
    Picture,
}

impl Op {
    /// The operation's name, as tables print it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Linear { .. } => "linear",
            Self::Conv3x3 { .. } => "conv3x3",
            Self::Attention { .. } => "attention",
            Self::Guide => "guide",
            Self::Moments => "moments",
            Self::Normalise { .. } => "normalise",
            Self::LayerNorm(_) => "layer_norm",
            Self::Add => "add",
            Self::AddPerImage => "add_per_image",
            Self::AddScaled { .. } => "add_scaled",
            Self::Activate(_) => "activate",
            Self::Prelu { .. } => "prelu",
            Self::Concat => "concat",
            Self::Upsample => "upsample",
            Self::Pad { .. } => "pad",
            Self::Rows(_) => "rows",
            Self::Convert => "convert",
            Self::Embed { .. } => "embed",
            Self::TakeToken => "take_token",
            Self::Picture => "picture",
        }
    }

    /// The epilogue of a product or convolution.
    pub(crate) fn epilogue_mut(&mut self) -> Option<&mut Epilogue> {
        match self {
            Self::Linear { epilogue, .. } | Self::Conv3x3 { epilogue, .. } => Some(epilogue),
            _ => None,
        }
    }

    /// The name of the weight that gives the node its label.
    pub(crate) fn weight_name(&self) -> Option<&str> {
        match self {
            Self::Linear { weight, .. } | Self::Conv3x3 { weight, .. } => Some(weight.name()),
            Self::Normalise { affine, .. } | Self::LayerNorm(affine) => Some(affine.scale.name()),
            Self::Embed { table, .. } => Some(table.name()),
            Self::Prelu { slopes } => Some(slopes.name()),
            _ => None,
        }
    }
}
