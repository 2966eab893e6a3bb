//! What `unet/config.json` says, and what of it is not SDXL.

use serde::Deserialize;

use crate::Result;
use crate::layers::limits::{self, Fits, require};
use crate::quote;
use crate::weights::{Configs, Level, Part, is_inpainting};

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
    pub(crate) fn at(&self, level: usize) -> usize {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.get(level).copied().unwrap_or(0),
        }
    }

    /// Its numbers; an error unless there is one for each level.
    fn over(&self, field: &str, levels: usize) -> Result<Vec<usize>, String> {
        if let Self::Each(values) = self {
            limits::one_a_level(field, values.len(), levels)?;
        }
        Ok((0..levels).map(|level| self.at(level)).collect())
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
    pub layers_per_block: PerLevel,
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
    /// Whether transformers begin and end with linear layers; with 1×1 convolutions otherwise.
    #[serde(default)]
    pub use_linear_projection: bool,
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

/// What the types of blocks with attention begin with.
const CROSS_ATTENTION: &str = "CrossAttn";
/// Latent pixels of a side that a model may call its own: 32,768 pixels of a picture.
const MAX_SAMPLE_SIZE: usize = 4096;
/// Channels of a sinusoid; SDXL's has 256.
const MAX_EMBEDDING: usize = 1 << 16;

impl UNetConfig {
    /// Levels of resolution.
    pub(crate) fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    /// Whether it is given a mask and a masked picture beside the latents.
    #[must_use]
    pub fn is_inpainting(&self) -> bool {
        is_inpainting(self.in_channels, self.out_channels)
    }

    /// Heads of attention at this level.
    pub(crate) fn heads(&self, level: usize) -> usize {
        self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim).at(level)
    }

    /// Channels of the time embedding.
    pub(crate) fn time_channels(&self) -> usize {
        4 * self.block_out_channels[0]
    }

    /// Channels of the pooled text.
    #[must_use]
    pub fn pooled_channels(&self) -> usize {
        self.projection_class_embeddings_input_dim
            .saturating_sub(self.addition_time_embed_dim.saturating_mul(6))
    }

    /// Whether the level has attention on the way down.
    pub(crate) fn attends_down(&self, level: usize) -> bool {
        self.down_block_types[level].starts_with(CROSS_ATTENTION)
    }

    /// Whether the level has attention on the way up.
    pub(crate) fn attends_up(&self, level: usize) -> bool {
        self.up_block_types[self.levels() - 1 - level].starts_with(CROSS_ATTENTION)
    }

    /// How blocks are counted, outermost level first.
    pub(crate) fn numbering(&self) -> Vec<Level> {
        let level = |i| Level { blocks: self.layers_per_block.at(i), attention_up: self.attends_up(i) };
        (0..self.levels()).map(level).collect()
    }

    /// That of a model.
    pub(crate) fn read(configs: &Configs) -> Result<Self> {
        configs.checked(Part::Unet, Self::check)
    }

    /// An error, as a sentence, unless this is SDXL's kind of UNet.
    pub(crate) fn check(&self) -> Fits {
        limits::extents("block_out_channels", &self.block_out_channels)?;
        limits::extents("in_channels", &[self.in_channels])?;
        limits::extents("out_channels", &[self.out_channels])?;
        limits::extents("cross_attention_dim", &[self.cross_attention_dim])?;
        let added = "projection_class_embeddings_input_dim";
        limits::extents(added, &[self.projection_class_embeddings_input_dim])?;
        let levels = self.levels();
        limits::blocks("layers_per_block", &self.layers_per_block.over("layers_per_block", levels)?)?;
        let layers = "transformer_layers_per_block";
        limits::layers(layers, &self.transformer_layers_per_block.over(layers, levels)?)?;
        blocks(["down_block_types", "DownBlock2D"], &self.down_block_types, levels)?;
        blocks(["up_block_types", "UpBlock2D"], &self.up_block_types, levels)?;
        self.divides()?;
        require(self.pooled_channels() > 0, || format!("`{added}` leaves no room for the pooled text"))?;
        self.others.check()
    }

    /// Numbers that are in no tensor's shape, and those that must divide channels.
    fn divides(&self) -> Fits {
        let checks = [
            ("sample_size", self.sample_size.is_none_or(|size| (1..=MAX_SAMPLE_SIZE).contains(&size))),
            ("addition_time_embed_dim", (1..=MAX_EMBEDDING).contains(&self.addition_time_embed_dim)),
            ("norm_eps", self.norm_eps.is_finite() && self.norm_eps >= 0.0),
        ];
        limits::all(&checks, "has a value that no SDXL model has")?;
        let divide = |divisors: &[usize]| {
            let mut pairs = self.block_out_channels.iter().zip(divisors);
            pairs.all(|(channels, divisor)| *divisor > 0 && channels.is_multiple_of(*divisor))
        };
        let heads = self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim);
        let heads = heads.over("attention_head_dim", self.levels())?;
        let groups = vec![self.norm_num_groups; self.levels()];
        require(divide(&heads), || {
            "`attention_head_dim` (the number of heads) must divide the channels".into()
        })?;
        require(divide(&groups), || "`norm_num_groups` must divide the channels".into())
    }
}

/// Whether the types of blocks, one a level, are the plain ones or those with attention.
fn blocks([field, plain]: [&str; 2], types: &[String], levels: usize) -> Fits {
    limits::one_a_level(field, types.len(), levels)?;
    let is_known = |name: &&String| name.strip_prefix(CROSS_ATTENTION).unwrap_or(name) == plain;
    let unknown = types.iter().find(|name| !is_known(name));
    unknown.map_or(Ok(()), |name| {
        Err(format!("`{field}` has a block `{}`, which is not one of SDXL's", quote::quoted(name)))
    })
}

impl Others {
    fn check(&self) -> Fits {
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
        limits::all(&checks, "has a value that SDXL does not use")
    }
}
