//! A layer of CLIP's transformers, which read text and pictures alike.

use serde::Deserialize;

use super::{Attention, AttentionShape, LayerNorm, Linear};
use crate::Result;
use crate::graph::{Activation, Recorder, Tensor};
use crate::weights::Weights;

/// The feed-forward part's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenActivation {
    /// `x · sigmoid(1.702 x)`.
    QuickGelu,
    /// `x · Φ(x)`.
    Gelu,
}

impl From<HiddenActivation> for Activation {
    fn from(activation: HiddenActivation) -> Self {
        match activation {
            HiddenActivation::QuickGelu => Self::QuickGelu,
            HiddenActivation::Gelu => Self::Gelu,
        }
    }
}

/// Extents of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncoderLayerShape {
    /// Channels of a token.
    pub(crate) channels: usize,
    /// Channels between the two products of the feed-forward part.
    pub(crate) inner: usize,
    /// Heads of attention.
    pub(crate) heads: usize,
    /// Whether a token sees only those before it: text.
    pub(crate) causal: bool,
    /// Of the layer norms.
    pub(crate) epsilon: f32,
    /// Of the feed-forward part.
    pub(crate) activation: HiddenActivation,
}

/// Attention and a feed-forward part, each behind a norm and with a way around.
#[derive(Debug)]
pub(crate) struct EncoderLayer {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    widen: Linear,
    narrow: Linear,
    activation: Activation,
}

impl EncoderLayer {
    /// Under transformers' names.
    pub(crate) fn load(w: &Weights, shape: EncoderLayerShape) -> Result<Self> {
        let EncoderLayerShape { channels, inner, heads, causal, epsilon, activation } = shape;
        let attention = AttentionShape { channels, context_channels: channels, heads, causal, bias: true };
        let names = ["q_proj", "k_proj", "v_proj", "out_proj"];
        Ok(Self {
            norm1: LayerNorm::load(&w.at("layer_norm1"), channels, epsilon)?,
            attention: Attention::load_named(&w.at("self_attn"), attention, names)?,
            norm2: LayerNorm::load(&w.at("layer_norm2"), channels, epsilon)?,
            widen: Linear::load(&w.at("mlp.fc1"), channels, inner)?,
            narrow: Linear::load(&w.at("mlp.fc2"), inner, channels)?,
            activation: activation.into(),
        })
    }

    /// The shape stays.
    pub(crate) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let h = self.norm1.forward(g, x);
        let h = self.attention.forward(g, h, h);
        let x = g.add(x, h);
        let h = self.norm2.forward(g, x);
        let h = self.widen.forward(g, h);
        let h = g.activate(h, self.activation);
        let h = self.narrow.forward(g, h);
        g.add(x, h)
    }
}
