//! What `vae/config.json` says.

use serde::Deserialize;

use crate::Result;
use crate::layers::limits::{self, Fits};
use crate::weights::{Configs, Level, Part};

/// `vae/config.json` of a diffusers `AutoencoderKL`, as far as SDXL uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct VaeConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of the picture that is encoded, 3.
    pub in_channels: usize,
    /// Channels of the picture that comes out, 3.
    pub out_channels: usize,
    /// Channels of every level, outermost first; each but the first halves the resolution.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a level in the encoder; one more in the decoder.
    pub layers_per_block: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// The UNet's latents are the encoder's times this.
    pub scaling_factor: f32,
    /// Whether values exceed what f16 can hold, as those of SDXL's own VAE do.
    #[serde(default = "yes")]
    pub force_upcast: bool,
    /// Whether a 1×1 convolution stands after the encoder.
    #[serde(default = "yes")]
    pub use_quant_conv: bool,
    /// Whether a 1×1 convolution stands before the decoder.
    #[serde(default = "yes")]
    pub use_post_quant_conv: bool,
    /// Whether the middle has attention.
    #[serde(default = "yes")]
    pub mid_block_add_attention: bool,
    act_fn: Option<String>,
    #[serde(default)]
    down_block_types: Vec<String>,
    #[serde(default)]
    up_block_types: Vec<String>,
    #[serde(default)]
    latents_mean: serde_json::Value,
    #[serde(default)]
    latents_std: serde_json::Value,
    #[serde(default)]
    shift_factor: Option<f32>,
}

fn yes() -> bool {
    true
}

impl VaeConfig {
    /// Picture pixels to a latent pixel, along a side.
    #[must_use]
    pub fn scale(&self) -> usize {
        1 << (self.block_out_channels.len().saturating_sub(1))
    }

    /// How blocks are counted, outermost level first.
    pub(crate) fn numbering(&self) -> Vec<Level> {
        vec![Level { blocks: self.layers_per_block, attention_up: false }; self.block_out_channels.len()]
    }

    /// That of a model.
    pub(crate) fn read(configs: &Configs) -> Result<Self> {
        configs.checked(Part::Vae, Self::check)
    }

    /// An error, as a sentence, unless this is SDXL's kind of VAE.
    fn check(&self) -> Fits {
        limits::extents("block_out_channels", &self.block_out_channels)?;
        limits::extents("in_channels", &[self.in_channels])?;
        limits::extents("out_channels", &[self.out_channels])?;
        limits::extents("latent_channels", &[self.latent_channels])?;
        limits::blocks("layers_per_block", &[self.layers_per_block])?;
        let groups = self.norm_num_groups;
        let groups_fit = groups > 0 && self.block_out_channels.iter().all(|c| c.is_multiple_of(groups));
        let checks = [
            ("norm_num_groups", groups_fit),
            ("out_channels", self.out_channels == 3),
            ("scaling_factor", self.scaling_factor.is_finite() && self.scaling_factor > 0.0),
            ("act_fn", self.act_fn.as_deref().is_none_or(|name| name == "silu")),
            ("up_block_types", self.up_block_types.iter().all(|name| name == "UpDecoderBlock2D")),
            ("latents_mean", self.latents_mean.is_null()),
            ("latents_std", self.latents_std.is_null()),
            ("shift_factor", self.shift_factor.is_none_or(|shift| shift == 0.0)),
        ];
        limits::all(&checks, "has a value that SDXL's VAE does not use")
    }

    /// An error, as a sentence, unless pictures of three colours can be encoded. The decoder does not mind.
    pub(super) fn check_encoder(&self) -> Fits {
        let checks = [
            ("in_channels", self.in_channels == 3),
            ("down_block_types", self.down_block_types.iter().all(|name| name == "DownEncoderBlock2D")),
        ];
        limits::all(&checks, "has a value that the encoder of SDXL's VAE does not use")
    }
}
