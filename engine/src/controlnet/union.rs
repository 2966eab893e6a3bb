//! What a ControlNet has besides where it serves several kinds of pictures: which kind it is, and a transformer that
//! moves the picture's features by their means.

use std::sync::Arc;

use crate::Result;
use crate::graph::{Activation, Element, Graph, Recorder, Shape, Tensor};
use crate::layers::{Attention, AttentionShape, LayerNorm, Linear};
use crate::unet::{Mlp, UNetConfig, sinusoid};
use crate::weights::{Weight, Weights};

use super::config::UnionConfig;

/// The tensors of `ControlNetUnionModel` that `ControlNetModel` does not have.
#[derive(Debug)]
pub(crate) struct Union {
    config: UnionConfig,
    /// Channels of the sinusoid of each kind's number.
    sinusoid: usize,
    /// `[types, channels]`
    task_embedding: Arc<Weight>,
    layers: Vec<FuserLayer>,
    projection: Linear,
    add_embedding: Mlp,
}

impl Union {
    /// Under diffusers' names, misspelt as they are.
    pub(super) fn load(w: &Weights, encoder: &UNetConfig, config: UnionConfig) -> Result<Self> {
        let UnionConfig { types, channels, layers, .. } = config;
        let sinusoid = encoder.addition_time_embed_dim;
        let layers = (0..layers).map(|i| FuserLayer::load(&w.at(&format!("transformer_layes.{i}")), config));
        Ok(Self {
            config,
            sinusoid,
            task_embedding: w.tensor("task_embedding", &[types, channels])?,
            layers: layers.collect::<Result<_>>()?,
            projection: Linear::load(&w.at("spatial_ch_projs"), channels, channels)?,
            add_embedding: Mlp::load(
                &w.at("control_add_embedding"),
                types * sinusoid,
                encoder.time_channels(),
            )?,
        })
    }

    /// Channels of a token.
    pub(crate) fn channels(&self) -> usize {
        self.config.channels
    }

    /// Kinds of pictures.
    pub(crate) fn types(&self) -> usize {
        self.config.types
    }

    /// Input `types [1, 1, 1, types · sinusoid]`, output `[1, 1, 1, time channels]`.
    pub(crate) fn type_graph(&self, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let types = g.input("types", Shape::vector(1, self.config.types * self.sinusoid));
        let embedded = self.add_embedding.forward(&mut g, types);
        g.finish(&[embedded])
    }

    /// What that graph is given for pictures of this kind.
    pub(crate) fn type_input(&self, kind: usize) -> Vec<f32> {
        let is_it: Vec<f32> = (0..self.config.types).map(|i| f32::from(u8::from(i == kind))).collect();
        sinusoid(&is_it, self.sinusoid)
    }

    /// What is added to the picture's token for its kind.
    pub(crate) fn task(&self, kind: usize) -> Vec<f32> {
        let mut task = vec![0.0; self.config.channels];
        self.task_embedding.read(kind * task.len(), &mut task);
        task
    }

    /// Input `token [1, 1, 1, channels]`, of the picture; output of the same shape, which is added to its every pixel.
    pub(crate) fn fuser_graph(&self, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let mut x = g.input("token", Shape::vector(1, self.config.channels));
        for layer in &self.layers {
            x = layer.forward(&mut g, x);
        }
        let x = self.projection.forward(&mut g, x);
        g.finish(&[x])
    }
}

/// A layer of CLIP's kind: attention and two linear layers, each behind a norm.
///
/// The nets were trained, and diffusers runs them, with the axes of batch and tokens exchanged: a token sees the same token
/// of the other pictures of a batch, and alone none but itself. So its own value is what it finds, and what the latents'
/// token is does not matter to the picture's.
#[derive(Debug)]
struct FuserLayer {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl FuserLayer {
    fn load(w: &Weights, UnionConfig { channels, heads, .. }: UnionConfig) -> Result<Self> {
        let shape = AttentionShape { channels, context_channels: channels, heads, causal: false, bias: true };
        let names = ["to_q", "to_k", "to_v", "out_proj"];
        Ok(Self {
            norm1: LayerNorm::load(&w.at("ln_1"), channels, 1e-5)?,
            attention: Attention::load_named(&w.at("attn"), shape, names)?,
            norm2: LayerNorm::load(&w.at("ln_2"), channels, 1e-5)?,
            widen: Linear::load(&w.at("mlp.c_fc"), channels, 4 * channels)?,
            narrow: Linear::load(&w.at("mlp.c_proj"), 4 * channels, channels)?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let h = self.norm1.forward(g, x);
        let h = self.attention.alone(g, h);
        let x = g.add(x, h);
        let h = self.norm2.forward(g, x);
        let h = self.widen.forward(g, h);
        let h = g.activate(h, Activation::QuickGelu);
        let h = self.narrow.forward(g, h);
        g.add(x, h)
    }
}
