//! One CLIP text encoder: tokens and positions, then layers of causal attention.

use std::sync::Arc;

use super::ClipConfig;
use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::layers::{EncoderLayer, EncoderLayerShape, LayerNorm, Linear};
use crate::weights::{Weight, Weights};

/// CLIP's text transformer (Radford et al. 2021, arXiv 2103.00020), pre-norm.
#[derive(Debug)]
pub struct ClipEncoder {
    token_embedding: Arc<Weight>,
    position_embedding: Arc<Weight>,
    layers: Vec<EncoderLayer>,
    final_norm: LayerNorm,
    /// Without bias; only the second encoder of SDXL has it.
    projection: Option<Linear>,
}

/// What an encoder gives to the UNet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClipOutput {
    /// The tokens before the last layer, with no norm after: `[n, 1, tokens, hidden]`.
    pub penultimate: Tensor,
    /// The last layer's output at the end of the prompt, projected: `[n, 1, 1, projection]`.
    pub pooled: Option<Tensor>,
}

impl ClipEncoder {
    /// Under transformers' names: `text_model.…`, and `text_projection` if it is to be `pooled`.
    pub(crate) fn load(w: &Weights, config: &ClipConfig, pooled: bool) -> Result<Self> {
        let model = w.at("text_model");
        let embeddings = model.at("embeddings");
        let width = config.hidden_size;
        let layers = (0..config.num_hidden_layers)
            .map(|i| EncoderLayer::load(&model.at(&format!("encoder.layers.{i}")), layer(config)));
        Ok(Self {
            token_embedding: embeddings.tensor("token_embedding.weight", &[config.vocab_size, width])?,
            position_embedding: embeddings
                .tensor("position_embedding.weight", &[config.max_position_embeddings, width])?,
            layers: layers.collect::<Result<_>>()?,
            final_norm: LayerNorm::load(&model.at("final_layer_norm"), width, config.layer_norm_eps)?,
            projection: pooled
                .then(|| Linear::without_bias(&w.at("text_projection"), width, config.projection_dim))
                .transpose()?,
        })
    }

    /// `ids [n, 1, tokens, 1]`, `end [n, 1, 1, 1]`: the place of the first end token.
    pub(crate) fn forward(&self, g: &mut Recorder, ids: Tensor, end: Tensor) -> ClipOutput {
        let mut x = g.embed(ids, &self.token_embedding, &self.position_embedding);
        let mut penultimate = x;
        for layer in &self.layers {
            penultimate = x;
            x = layer.forward(g, x);
        }
        let pooled = self.projection.as_ref().map(|projection| {
            let x = g.take_token(x, end);
            let x = self.final_norm.forward(g, x);
            projection.forward(g, x)
        });
        ClipOutput { penultimate, pooled }
    }
}

fn layer(config: &ClipConfig) -> EncoderLayerShape {
    EncoderLayerShape {
        channels: config.hidden_size,
        inner: config.intermediate_size,
        heads: config.num_attention_heads,
        causal: true,
        epsilon: config.layer_norm_eps,
        activation: config.hidden_act,
    }
}
