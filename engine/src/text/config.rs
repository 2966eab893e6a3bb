//! What a text encoder's config.json says.

use serde::Deserialize;

use crate::graph::Activation;
use crate::tokens::LENGTH;

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
    /// What in this configuration is not SDXL's kind of encoder, as a sentence; `None` if nothing is.
    #[must_use]
    pub fn unsupported(&self) -> Option<String> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        let checks = [
            ("max_position_embeddings", self.max_position_embeddings == LENGTH),
            ("num_attention_heads", heads > 0 && width > 0 && width.is_multiple_of(heads)),
            ("num_hidden_layers", self.num_hidden_layers > 0),
            ("layer_norm_eps", self.layer_norm_eps.is_finite() && self.layer_norm_eps >= 0.0),
        ];
        let field = checks.iter().find(|(_, fits)| !fits)?.0;
        Some(format!("`{field}` has a value that SDXL's text encoders do not use"))
    }
}

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
