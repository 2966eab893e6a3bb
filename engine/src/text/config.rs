//! What a text encoder's config.json says.

use serde::Deserialize;

use crate::Result;
use crate::layers::HiddenActivation;
use crate::layers::limits::{self, Fits};
use crate::tokens::LENGTH;
use crate::weights::{Configs, Part};

/// `text_encoder/config.json`, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct ClipConfig {
    /// Channels of a token.
    pub hidden_size: usize,
    /// Channels between the two products of a layer's feed-forward part.
    pub intermediate_size: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
    /// Layers; the last is run only where its output is projected.
    pub num_hidden_layers: usize,
    /// Channels of the pooled projection.
    pub projection_dim: usize,
    /// `quick_gelu` or `gelu`.
    pub hidden_act: HiddenActivation,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Tokens of a prompt, 77.
    pub max_position_embeddings: usize,
    /// Of the layer norms.
    #[serde(default = "default_epsilon")]
    pub layer_norm_eps: f32,
}

fn default_epsilon() -> f32 {
    1e-5
}

impl ClipConfig {
    /// That of one of a model's text encoders.
    pub(crate) fn read(configs: &Configs, encoder: Part) -> Result<Self> {
        configs.checked(encoder, Self::check)
    }

    /// An error, as a sentence, unless this is SDXL's kind of encoder.
    fn check(&self) -> Fits {
        limits::extents("vocab_size", &[self.vocab_size])?;
        limits::extents("max_position_embeddings", &[self.max_position_embeddings])?;
        limits::extents("hidden_size", &[self.hidden_size])?;
        limits::extents("intermediate_size", &[self.intermediate_size])?;
        limits::extents("projection_dim", &[self.projection_dim])?;
        limits::layers("num_hidden_layers", &[self.num_hidden_layers])?;
        let heads = self.num_attention_heads;
        let checks = [
            ("max_position_embeddings", self.max_position_embeddings == LENGTH),
            ("num_attention_heads", heads > 0 && self.hidden_size.is_multiple_of(heads)),
            ("layer_norm_eps", self.layer_norm_eps.is_finite() && self.layer_norm_eps >= 0.0),
        ];
        limits::all(&checks, "has a value that SDXL's text encoders do not use")
    }
}
