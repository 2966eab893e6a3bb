//! What `unet/config.json` says, and what of it is not SDXL.

use serde::Deserialize;

/// A number for all levels, or one for each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them, one a level")]
pub enum PerLevel {
    /// For all.
    Same(usize),
    /// For each, outermost first.
    Each(Vec<usize>),
}

impl PerLevel {
    /// The number of this level, 0 being the outermost.
    #[must_use]
    pub fn at(&self, level: usize) -> usize {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.get(level).copied().unwrap_or(0),
        }
    }

    fn fits(&self, levels: usize) -> bool {
        match self {
            Self::Same(value) => *value > 0,
            Self::Each(values) => values.len() == levels && values.iter().all(|&v| v > 0),
        }
    }
}

/// `unet/config.json` of a diffusers `UNet2DConditionModel`, as far as SDXL uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct UNetConfig {
    /// Latent channels in.
    pub in_channels: usize,
    /// Latent channels out.
    pub out_channels: usize,
    /// Latent pixels of a side that the model was trained at; the picture's are eight times as many.
    #[serde(default)]
    pub sample_size: Option<usize>,
    /// Channels of every level, outermost first.
    pub block_out_channels: Vec<usize>,
    /// `DownBlock2D` or `CrossAttnDownBlock2D` for every level.
    pub down_block_types: Vec<String>,
    /// `UpBlock2D` or `CrossAttnUpBlock2D`, innermost first.
    pub up_block_types: Vec<String>,
    /// Residual blocks of a level on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// Transformer layers after each residual block.
    #[serde(default = "one")]
    pub transformer_layers_per_block: PerLevel,
    /// The number of heads, whatever the name says: diffusers keeps the name for old files.
    pub attention_head_dim: PerLevel,
    /// The number of heads where a file calls it so.
    #[serde(default)]
    pub num_attention_heads: Option<PerLevel>,
    /// Channels of the text.
    pub cross_attention_dim: usize,
    /// Groups of every group norm.
    #[serde(default = "thirty_two")]
    pub norm_num_groups: usize,
    /// Of the residual blocks' norms.
    #[serde(default = "norm_epsilon")]
    pub norm_eps: f32,
    /// Channels of the sinusoid of each of the six size and crop numbers.
    pub addition_time_embed_dim: usize,
    /// Pooled text and the six sinusoids together.
    pub projection_class_embeddings_input_dim: usize,
    #[serde(flatten)]
    others: Others,
}

/// Settings that change the network in ways that SDXL does not use.
#[derive(Debug, Clone, Deserialize)]
struct Others {
    addition_embed_type: Option<String>,
    act_fn: Option<String>,
    mid_block_type: Option<String>,
    #[serde(default)]
    dual_cross_attention: bool,
    #[serde(default)]
    center_input_sample: bool,
    time_cond_proj_dim: Option<usize>,
    class_embed_type: Option<String>,
    encoder_hid_dim_type: Option<String>,
    resnet_time_scale_shift: Option<String>,
    time_embedding_type: Option<String>,
    attention_type: Option<String>,
    #[serde(default = "yes")]
    flip_sin_to_cos: bool,
    #[serde(default)]
    freq_shift: f32,
    #[serde(default)]
    only_cross_attention: serde_json::Value,
    reverse_transformer_layers_per_block: Option<serde_json::Value>,
    conv_in_kernel: Option<usize>,
    conv_out_kernel: Option<usize>,
}

fn one() -> PerLevel {
    PerLevel::Same(1)
}

fn thirty_two() -> usize {
    32
}

fn norm_epsilon() -> f32 {
    1e-5
}

fn yes() -> bool {
    true
}

/// Latent pixels of a side that a model may call its own: 32,768 pixels of a picture.
const MAX_SAMPLE_SIZE: usize = 4096;
/// Channels of a sinusoid; SDXL's has 256.
const MAX_EMBEDDING: usize = 1 << 16;

impl UNetConfig {
    /// Levels of resolution.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    /// Heads of attention at this level.
    #[must_use]
    pub fn heads(&self, level: usize) -> usize {
        self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim).at(level)
    }

    /// Channels of the time embedding.
    #[must_use]
    pub fn time_channels(&self) -> usize {
        4 * self.block_out_channels[0]
    }

    /// Channels of the pooled text.
    #[must_use]
    pub fn pooled_channels(&self) -> usize {
        self.projection_class_embeddings_input_dim
            .saturating_sub(self.addition_time_embed_dim.saturating_mul(6))
    }

    /// What in this configuration is not SDXL's kind of UNet, as a sentence; `None` if nothing is.
    #[must_use]
    pub fn unsupported(&self) -> Option<String> {
        self.out_of_range().or_else(|| self.inconsistent()).or_else(|| self.others.unsupported())
    }

    /// Numbers that decide sizes and are in no tensor's shape. Those that are were held against the limits
    /// of `weights` before.
    fn out_of_range(&self) -> Option<String> {
        let checks = [
            ("sample_size", self.sample_size.is_none_or(|size| (1..=MAX_SAMPLE_SIZE).contains(&size))),
            ("addition_time_embed_dim", (1..=MAX_EMBEDDING).contains(&self.addition_time_embed_dim)),
            ("norm_eps", self.norm_eps.is_finite() && self.norm_eps >= 0.0),
        ];
        let field = checks.iter().find(|(_, fits)| !fits)?.0;
        Some(format!("`{field}` has a value that no SDXL model has"))
    }

    fn inconsistent(&self) -> Option<String> {
        let levels = self.levels();
        let heads = self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim);
        let bad = |field: &str, why: &str| Some(format!("`{field}` {why}"));
        if levels == 0 || self.layers_per_block == 0 || self.block_out_channels.contains(&0) {
            return bad("block_out_channels", "and `layers_per_block` must not be empty or 0");
        }
        if self.down_block_types.len() != levels || self.up_block_types.len() != levels {
            return bad("down_block_types", "and `up_block_types` must have one entry a level");
        }
        if !heads.fits(levels) || !self.transformer_layers_per_block.fits(levels) {
            return bad("attention_head_dim", "and `transformer_layers_per_block` must fit the levels");
        }
        if (0..levels).any(|level| !self.block_out_channels[level].is_multiple_of(heads.at(level))) {
            return bad("attention_head_dim", "(the number of heads) must divide the channels");
        }
        let groups = self.norm_num_groups;
        if groups == 0 || self.block_out_channels.iter().any(|c| !c.is_multiple_of(groups)) {
            return bad("norm_num_groups", "must divide the channels");
        }
        let known = |name: &String| {
            ["DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"]
                .contains(&name.as_str())
        };
        let blocks = self.down_block_types.iter().chain(&self.up_block_types);
        if let Some(block) = blocks.into_iter().find(|name| !known(name)) {
            return Some(format!("block type `{block}` is not one of SDXL's"));
        }
        (self.pooled_channels() == 0)
            .then(|| "`projection_class_embeddings_input_dim` leaves no room for the pooled text".into())
    }
}

impl Others {
    fn unsupported(&self) -> Option<String> {
        let is = |value: &Option<String>, usual: &str| value.as_deref().is_none_or(|v| v == usual);
        let cross_only = match &self.only_cross_attention {
            serde_json::Value::Bool(value) => *value,
            serde_json::Value::Array(values) => values.iter().any(|v| v.as_bool() == Some(true)),
            _ => false,
        };
        let checks = [
            ("addition_embed_type", self.addition_embed_type.as_deref() == Some("text_time")),
            ("act_fn", is(&self.act_fn, "silu")),
            ("mid_block_type", is(&self.mid_block_type, "UNetMidBlock2DCrossAttn")),
            ("dual_cross_attention", !self.dual_cross_attention),
            ("center_input_sample", !self.center_input_sample),
            ("time_cond_proj_dim", self.time_cond_proj_dim.is_none()),
            ("class_embed_type", self.class_embed_type.is_none()),
            ("encoder_hid_dim_type", self.encoder_hid_dim_type.is_none()),
            ("resnet_time_scale_shift", is(&self.resnet_time_scale_shift, "default")),
            ("time_embedding_type", is(&self.time_embedding_type, "positional")),
            ("attention_type", is(&self.attention_type, "default")),
            ("flip_sin_to_cos", self.flip_sin_to_cos),
            ("freq_shift", self.freq_shift == 0.0),
            ("only_cross_attention", !cross_only),
            ("reverse_transformer_layers_per_block", self.reverse_transformer_layers_per_block.is_none()),
            ("conv_in_kernel", self.conv_in_kernel.is_none_or(|k| k == 3)),
            ("conv_out_kernel", self.conv_out_kernel.is_none_or(|k| k == 3)),
        ];
        let field = checks.iter().find(|(_, fits)| !fits)?.0;
        Some(format!("`{field}` has a value that SDXL does not use"))
    }
}
