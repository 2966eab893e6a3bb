//! Attention with its four projections.

use super::Linear;
use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::weights::Weights;

/// What an attention layer reads, how wide it is, and in how many heads.
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// Channels of the queries, and of what comes out.
    pub channels: usize,
    /// Channels of what the keys and values are made from.
    pub context_channels: usize,
    /// Heads, side by side in the channels.
    pub heads: usize,
    /// Whether a token sees only those before it.
    pub causal: bool,
    /// Whether queries, keys and values are made with a bias; what comes out always is.
    pub bias: bool,
}

/// Names of the projections in a checkpoint: q, k, v, output.
type ProjectionNames = [&'static str; 4];

/// diffusers' names.
const DIFFUSERS: ProjectionNames = ["to_q", "to_k", "to_v", "to_out.0"];

/// Queries, keys and values from linear layers, attention, and a linear layer over all heads.
#[derive(Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
    causal: bool,
}

impl Attention {
    /// Under diffusers' names: `to_q`, `to_k`, `to_v`, `to_out.0`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, shape: AttentionShape) -> Result<Self> {
        Self::load_named(w, shape, DIFFUSERS)
    }

    /// Under other names.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub(crate) fn load_named(w: &Weights, shape: AttentionShape, names: ProjectionNames) -> Result<Self> {
        let AttentionShape { channels, context_channels, heads, causal, bias } = shape;
        let [query, key, value, out] = names;
        let linear = if bias { Linear::load } else { Linear::without_bias };
        Ok(Self {
            query: linear(&w.at(query), channels, channels)?,
            key: linear(&w.at(key), context_channels, channels)?,
            value: linear(&w.at(value), context_channels, channels)?,
            out: Linear::load(&w.at(out), channels, channels)?,
            heads,
            causal,
        })
    }

    /// `x [n, .., channels]` looks at `context [n, .., context_channels]`, itself for self-attention.
    pub fn forward(&self, g: &mut Recorder, x: Tensor, context: Tensor) -> Tensor {
        let q = self.query.forward(g, x);
        let k = self.key.forward(g, context);
        let v = self.value.forward(g, context);
        let h = g.attention(q, k, v, self.heads, self.causal);
        self.out.forward(g, h)
    }
}
