//! The spatial transformer: pixels as tokens that look at each other and at the text.

use std::sync::Arc;

use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::layers::{Attention, AttentionShape, CrossContext, GroupNorm, LayerNorm, Linear};
use crate::weights::{Weight, Weights};

/// Extents of a spatial transformer.
#[derive(Debug, Clone, Copy)]
pub struct TransformerShape {
    /// Channels of a pixel.
    pub channels: usize,
    /// Channels of the text.
    pub context_channels: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Layers.
    pub layers: usize,
    /// Groups of the norm at the door.
    pub groups: usize,
    /// Whether the projections are linear layers; 1×1 convolutions otherwise.
    pub linear: bool,
}

/// diffusers' `Transformer2DModel`: norm, projection, layers, projection, and the way around.
///
/// `[n, h, w, c] → [n, h, w, c]`. With channels innermost an image already is a sequence of tokens:
/// nothing is transposed, and a projection by 1×1 convolution or by a linear layer is one thing.
#[derive(Debug)]
pub struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    layers: Vec<TransformerBlock>,
    proj_out: Linear,
}

impl Transformer {
    /// Under diffusers' names.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, shape: TransformerShape) -> Result<Self> {
        let channels = shape.channels;
        let project = if shape.linear { Linear::load } else { Linear::pointwise };
        let layers = (0..shape.layers)
            .map(|i| TransformerBlock::load(&w.at(&format!("transformer_blocks.{i}")), shape));
        Ok(Self {
            norm: GroupNorm::load(&w.at("norm"), channels, shape.groups, 1e-6)?,
            proj_in: project(&w.at("proj_in"), channels, channels)?,
            layers: layers.collect::<Result<_>>()?,
            proj_out: project(&w.at("proj_out"), channels, channels)?,
        })
    }

    /// Without a prompt the layers look at the pixels again, as diffusers' do.
    pub fn forward(&self, g: &mut Recorder, x: Tensor, prompt: Option<CrossContext<'_>>) -> Tensor {
        let h = self.norm.forward(g, x);
        let mut h = self.proj_in.forward(g, h);
        for layer in &self.layers {
            h = layer.forward(g, h, prompt);
        }
        let h = self.proj_out.forward(g, h);
        g.add(x, h)
    }
}

impl Transformer {
    /// The cross-attention of each layer.
    pub(super) fn cross_attentions(&self) -> impl Iterator<Item = &Attention> {
        self.layers.iter().map(|layer| &layer.cross_attention)
    }
}

/// One layer: self-attention, cross-attention, feed-forward, each behind a norm and with a way around.
#[derive(Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    self_attention: Attention,
    norm2: LayerNorm,
    cross_attention: Attention,
    norm3: LayerNorm,
    feed_forward: FeedForward,
}

impl TransformerBlock {
    fn load(w: &Weights, shape: TransformerShape) -> Result<Self> {
        let TransformerShape { channels, context_channels, heads, .. } = shape;
        let to_itself =
            AttentionShape { channels, context_channels: channels, heads, causal: false, bias: false };
        let norm = |name: &str| LayerNorm::load(&w.at(name), channels, 1e-5);
        let to_text = AttentionShape { context_channels, ..to_itself };
        Ok(Self {
            norm1: norm("norm1")?,
            self_attention: Attention::load(&w.at("attn1"), to_itself)?,
            norm2: norm("norm2")?,
            cross_attention: Attention::load(&w.at("attn2"), to_text)?,
            norm3: norm("norm3")?,
            feed_forward: FeedForward::load(&w.at("ff.net"), channels)?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor, prompt: Option<CrossContext<'_>>) -> Tensor {
        let h = self.norm1.forward(g, x);
        let h = self.self_attention.forward(g, h, h);
        let x = g.add(x, h);
        let h = self.norm2.forward(g, x);
        let itself = CrossContext { context: h, negative: None, image_tokens: &[] };
        let h = self.cross_attention.across(g, h, prompt.unwrap_or(itself));
        let x = g.add(x, h);
        let h = self.norm3.forward(g, x);
        let h = self.feed_forward.forward(g, h);
        g.add(x, h)
    }
}

/// Gated feed-forward of four times the channels (GEGLU, Shazeer 2020, arXiv 2002.05202).
#[derive(Debug)]
struct FeedForward {
    gate_weight: Arc<Weight>,
    gate_bias: Arc<Weight>,
    narrow: Linear,
}

impl FeedForward {
    fn load(w: &Weights, channels: usize) -> Result<Self> {
        let inner = 4 * channels;
        Ok(Self {
            gate_weight: w.matrix("0.proj.weight", &[2 * inner, channels])?,
            gate_bias: w.vector("0.proj.bias", 2 * inner)?,
            narrow: Linear::load(&w.at("2"), inner, channels)?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let h = g.linear_geglu(x, &self.gate_weight, &self.gate_bias);
        self.narrow.forward(g, h)
    }
}
