//! The Resampler of IP-Adapter Plus: a few queries that look at all tokens of a picture, and at each other.

use std::sync::Arc;

use crate::Result;
use crate::graph::{Activation, Recorder, Shape, Tensor};
use crate::layers::{Attention, AttentionShape, LayerNorm, Linear};
use crate::weights::{NetworkFile, Weight, Weights};

/// Channels of a head, in every published file.
const HEAD: usize = 64;
/// Layers that are counted in a file.
const MOST_LAYERS: usize = 64;
/// Of its norms.
const EPSILON: f32 = 1e-5;

/// Perceiver attention (Jaegle et al. 2021, arXiv 2103.03206) as Flamingo has it: keys and values are made of the
/// picture's tokens and of the queries together.
#[derive(Debug)]
pub(super) struct Resampler {
    /// `[1, queries, channels]`.
    latents: Arc<Weight>,
    proj_in: Linear,
    layers: Vec<Layer>,
    proj_out: Linear,
    norm_out: LayerNorm,
    shape: ResamplerShape,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ResamplerShape {
    queries: usize,
    /// Channels of a picture's tokens.
    inputs: usize,
    channels: usize,
    outputs: usize,
    /// Channels of all heads.
    inner: usize,
    feed_forward: usize,
    layers: usize,
}

impl ResamplerShape {
    /// That of a file; `None` where it has no Resampler.
    pub(super) fn of(file: &NetworkFile) -> Option<Self> {
        let shape = |name: &str| file.shape(&format!("image_proj.{name}"));
        let [_, queries, channels] = shape("latents")?.try_into().ok()?;
        let [_, inputs] = shape("proj_in.weight")?.try_into().ok()?;
        let [outputs, _] = shape("proj_out.weight")?.try_into().ok()?;
        let [inner, _] = shape("layers.0.0.to_q.weight")?.try_into().ok()?;
        let [feed_forward, _] = shape("layers.0.1.1.weight")?.try_into().ok()?;
        let layer = |i: &usize| shape(&format!("layers.{i}.0.to_q.weight")).is_some();
        let layers = (0..MOST_LAYERS).take_while(layer).count();
        Some(Self { queries, inputs, channels, outputs, inner, feed_forward, layers })
    }
}

impl Resampler {
    pub(super) fn load(w: &Weights, shape: ResamplerShape) -> Result<Self> {
        let ResamplerShape { queries, inputs, channels, outputs, layers, .. } = shape;
        let layers = (0..layers).map(|i| Layer::load(&w.at(&format!("layers.{i}")), shape));
        Ok(Self {
            latents: w.tensor("latents", &[1, queries, channels])?,
            proj_in: Linear::load(&w.at("proj_in"), inputs, channels)?,
            layers: layers.collect::<Result<_>>()?,
            proj_out: Linear::load(&w.at("proj_out"), channels, outputs)?,
            norm_out: LayerNorm::load(&w.at("norm_out"), outputs, EPSILON)?,
            shape,
        })
    }

    /// Channels of what it reads.
    pub(super) fn inputs(&self) -> usize {
        self.shape.inputs
    }

    /// Channels of its tokens.
    pub(super) fn outputs(&self) -> usize {
        self.shape.outputs
    }

    /// Numbers of all tokens that it makes of a picture.
    pub(super) fn token_numbers(&self) -> usize {
        self.shape.queries * self.shape.outputs
    }

    /// What its queries begin with: `[1, queries, 1, channels]`, the input `latents` of its graph.
    pub(super) fn latents(&self) -> (Shape, Vec<f32>) {
        (Shape::image(1, self.shape.queries, 1, self.shape.channels), self.latents.to_f32())
    }

    /// `x [1, tokens, 1, inputs] → [1, queries, 1, outputs]`.
    pub(super) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let mut latents = g.input("latents", self.latents().0);
        let x = self.proj_in.forward(g, x);
        for layer in &self.layers {
            latents = layer.forward(g, x, latents);
        }
        let latents = self.proj_out.forward(g, latents);
        self.norm_out.forward(g, latents)
    }
}

#[derive(Debug)]
struct Layer {
    /// Of the picture's tokens.
    norm1: LayerNorm,
    /// Of the queries.
    norm2: LayerNorm,
    attention: Attention,
    norm3: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl Layer {
    fn load(w: &Weights, shape: ResamplerShape) -> Result<Self> {
        let ResamplerShape { channels, inner, feed_forward, .. } = shape;
        let (look, think) = (w.at("0"), w.at("1"));
        let attention = AttentionShape {
            channels,
            context_channels: channels,
            heads: inner / HEAD,
            causal: false,
            bias: false,
        };
        Ok(Self {
            norm1: LayerNorm::load(&look.at("norm1"), channels, EPSILON)?,
            norm2: LayerNorm::load(&look.at("norm2"), channels, EPSILON)?,
            attention: Attention::load_inner(&look, attention, inner)?,
            norm3: LayerNorm::load(&think.at("0"), channels, EPSILON)?,
            widen: Linear::without_bias(&think.at("1"), channels, feed_forward)?,
            narrow: Linear::without_bias(&think.at("3"), feed_forward, channels)?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor, latents: Tensor) -> Tensor {
        let x = self.norm1.forward(g, x);
        let queries = self.norm2.forward(g, latents);
        let both = one_above_the_other(g, x, queries);
        let h = self.attention.forward(g, queries, both);
        let latents = g.add(latents, h);
        let h = self.norm3.forward(g, latents);
        let h = self.widen.forward(g, h);
        let h = g.activate(h, Activation::Gelu);
        let h = self.narrow.forward(g, h);
        g.add(latents, h)
    }
}

/// The rows of `a`, then those of `b`: each between zeros in the other's place, then added.
fn one_above_the_other(g: &mut Recorder, a: Tensor, b: Tensor) -> Tensor {
    let (above, below) = (a.shape().height, b.shape().height);
    let a = g.pad(a, [false; 2], [below, 0]);
    let a = g.rows(a, below..above + 2 * below);
    let b = g.pad(b, [false; 2], [above, 0]);
    let b = g.rows(b, 0..above + below);
    g.add(a, b)
}

/// Whether the heads of a file's attention are as wide as all published ones'.
pub(super) fn has_usual_heads(shape: ResamplerShape) -> bool {
    shape.inner.is_multiple_of(HEAD) && shape.inner > 0 && shape.layers > 0 && shape.queries > 0
}
