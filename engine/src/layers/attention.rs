//! Attention with its four projections.

use std::sync::Arc;

use super::Linear;
use crate::Result;
use crate::graph::{Recorder, Shape, Tensor};
use crate::weights::{Weight, Weights};

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

/// A negative prompt, and how strongly to keep away from it (Chen et al. 2025, arXiv 2505.21179).
#[derive(Debug, Clone, Copy)]
pub struct Negative {
    /// `[n, 1, tokens, context_channels]`; as many tokens as it has.
    pub context: Tensor,
    /// `[n, 1, 1, 3]`: scale, tau and alpha of each image.
    pub guidance: Tensor,
}

/// What a cross-attention reads.
#[derive(Debug, Clone, Copy)]
pub struct CrossContext<'a> {
    /// `[n, 1, tokens, context_channels]`.
    pub context: Tensor,
    /// What to keep away from, without a second run of the network.
    pub negative: Option<Negative>,
    /// Tokens of the pictures of each image prompt. Their keys and values, scaled, are inputs of the graph.
    pub image_tokens: &'a [usize],
}

/// The inputs that a cross-attention reads of the `at`-th image prompt: its keys and its values, which make what is found
/// as strong as it is to be.
pub(crate) fn image_inputs(attention: &str, at: usize) -> [String; 2] {
    ["keys", "values"].map(|what| format!("{attention}.image_{what}.{at}"))
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
    /// Where tokens may look at each other, in several heads: the weights of queries, keys and values, one above the other.
    packed: Option<Arc<Weight>>,
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

    /// Under the names that the original code has where heads are together as wide as `inner`, and no layer has a bias.
    pub(crate) fn load_inner(w: &Weights, shape: AttentionShape, inner: usize) -> Result<Self> {
        let AttentionShape { channels, context_channels, heads, causal, .. } = shape;
        Ok(Self {
            query: Linear::without_bias(&w.at("to_q"), channels, inner)?,
            key: Linear::without_bias(&w.at("to_k"), context_channels, inner)?,
            value: Linear::without_bias(&w.at("to_v"), context_channels, inner)?,
            out: Linear::without_bias(&w.at("to_out"), inner, channels)?,
            packed: None,
            heads,
            causal,
        })
    }

    /// Under other names.
    pub(crate) fn load_named(w: &Weights, shape: AttentionShape, names: ProjectionNames) -> Result<Self> {
        let AttentionShape { channels, context_channels, heads, causal, bias } = shape;
        let [query, key, value, out] = names;
        let linear = if bias { Linear::load } else { Linear::without_bias };
        let out = Linear::load(&w.at(out), channels, channels)?;
        let query = linear(&w.at(query), channels, channels)?;
        let key = linear(&w.at(key), context_channels, channels)?;
        let value = linear(&w.at(value), context_channels, channels)?;
        let packed = (channels == context_channels && heads > 1 && !bias).then(|| {
            let weights = [&query, &key, &value].map(|linear| linear.weight().clone());
            Arc::new(Weight::stacked(weights[0].name().replace("to_q", "to_qkv"), weights))
        });
        Ok(Self { query, key, value, out, packed, heads, causal })
    }

    /// `x [n, .., channels]` looks at `context [n, .., context_channels]`, itself for self-attention.
    pub fn forward(&self, g: &mut Recorder, x: Tensor, context: Tensor) -> Tensor {
        let h = match &self.packed {
            Some(weight) if g.packs() && x == context => {
                let qkv = g.linear(x, weight, None);
                g.attention_packed(qkv, self.heads, self.causal)
            }
            _ => {
                let q = self.query.forward(g, x);
                self.find(g, q, context)
            }
        };
        self.out.forward(g, h)
    }

    /// `x [n, .., channels]` looks at text and pictures, and away from a negative prompt (normalised attention guidance).
    /// What it finds in pictures is added to what it finds in the prompt, and so counts as wanted, not as unwanted.
    pub(crate) fn across(&self, g: &mut Recorder, x: Tensor, to: CrossContext<'_>) -> Tensor {
        let q = self.query.forward(g, x);
        let mut found = self.find(g, q, to.context);
        for (at, tokens) in to.image_tokens.iter().enumerate() {
            let shape = Shape::tokens(x.shape().images, *tokens, self.key.outputs());
            let [k, v] = image_inputs(self.name(), at).map(|name| g.lasting_input(&name, shape));
            let seen = g.attention(q, k, v, self.heads, false);
            found = g.add(found, seen);
        }
        if let Some(negative) = to.negative {
            let unwanted = self.find(g, q, negative.context);
            found = g.guide(found, unwanted, negative.guidance);
        }
        self.out.forward(g, found)
    }

    /// What its weights' names begin with.
    pub(crate) fn name(&self) -> &str {
        let key = self.key.name();
        key.strip_suffix(".to_k.weight").unwrap_or(key)
    }

    /// Channels of its keys and values.
    pub(crate) fn channels(&self) -> usize {
        self.key.outputs()
    }

    /// What a token finds that sees itself alone: its own value, whatever its query and key are.
    pub(crate) fn alone(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let v = self.value.forward(g, x);
        self.out.forward(g, v)
    }

    /// What queries find in a context.
    fn find(&self, g: &mut Recorder, q: Tensor, context: Tensor) -> Tensor {
        let k = self.key.forward(g, context);
        let v = self.value.forward(g, context);
        g.attention(q, k, v, self.heads, self.causal)
    }
}
