//! What an encoder of pictures is made of: as its config.json says, or as its tensors show.

use serde::Deserialize;

use crate::Result;
use crate::layers::HiddenActivation;
use crate::layers::limits::{self, Fits, require};
use crate::weights::NetworkFile;

/// Pixels of a side that an encoder may read; published ones read 224 or 336.
const MOST_PIXELS: usize = 2048;
/// Patches of a picture.
const MOST_PATCHES: usize = 1 << 14;
/// Layers that are counted in a file.
const MOST_LAYERS: usize = 128;

/// `image_encoder/config.json` of a transformers `CLIPVisionModelWithProjection`, with its defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// Channels of a token.
    pub hidden_size: usize,
    /// Channels between the two products of a layer's feed-forward part.
    pub intermediate_size: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Channels of what it says of the whole picture.
    pub projection_dim: usize,
    /// `quick_gelu` or `gelu`.
    pub hidden_act: HiddenActivation,
    /// Pixels of a side of the square that it reads.
    pub image_size: usize,
    /// Pixels of a side of a patch, which is one token.
    pub patch_size: usize,
    /// Colours.
    pub num_channels: usize,
    /// Of the layer norms.
    pub layer_norm_eps: f32,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_attention_heads: 12,
            num_hidden_layers: 12,
            projection_dim: 512,
            hidden_act: HiddenActivation::QuickGelu,
            image_size: 224,
            patch_size: 32,
            num_channels: 3,
            layer_norm_eps: 1e-5,
        }
    }
}

impl VisionConfig {
    /// That of a file or folder.
    pub(crate) fn read(file: &NetworkFile) -> Result<Self> {
        let config = match file.config() {
            Some(whole) => {
                // A whole CLIP has one for each half.
                let config = whole.get("vision_config").unwrap_or(whole);
                Self::deserialize(config).map_err(|e| file.refused(format!("has a config.json that does not fit: {e}")))?
            }
            None => Self::of_tensors(file).ok_or_else(|| {
                file.refused(
                    "is not an encoder of pictures (CLIP Vision with its projection, in transformers' names); give the \
                     one that the IP-Adapter was made for, ViT-H or ViT-bigG",
                )
            })?,
        };
        config.check().map_err(|what| file.refused(what))?;
        Ok(config)
    }

    /// Patches of a picture.
    #[must_use]
    pub fn patches(&self) -> usize {
        let side = self.image_size / self.patch_size;
        side * side
    }

    /// Tokens: one of the whole picture, then its patches.
    #[must_use]
    pub fn tokens(&self) -> usize {
        1 + self.patches()
    }

    /// Numbers of a patch.
    #[must_use]
    pub fn patch_len(&self) -> usize {
        self.num_channels * self.patch_size * self.patch_size
    }

    /// What the tensors' shapes say. The number of heads is in none of them; it is known of the published widths.
    fn of_tensors(file: &NetworkFile) -> Option<Self> {
        let shape = |name: &str| file.shape(&format!("vision_model.{name}"));
        let [width, channels, patch_size, _] = shape("embeddings.patch_embedding.weight")?.try_into().ok()?;
        let [positions, _] = shape("embeddings.position_embedding.weight")?.try_into().ok()?;
        let [inner, _] = shape("encoder.layers.0.mlp.fc1.weight")?.try_into().ok()?;
        let [projection, _] = file.shape("visual_projection.weight")?.try_into().ok()?;
        let layer = |i: &usize| shape(&format!("encoder.layers.{i}.layer_norm1.weight")).is_some();
        let side = positions.checked_sub(1)?.isqrt();
        // OpenAI's own are ViT-B and ViT-L; those of LAION have the exact function.
        let (heads, hidden_act) = match width {
            768 => (12, HiddenActivation::QuickGelu),
            1024 => (16, HiddenActivation::QuickGelu),
            1280 | 1664 => (16, HiddenActivation::Gelu),
            other => ((other / 64).max(1), HiddenActivation::Gelu),
        };
        Some(Self {
            hidden_size: width,
            intermediate_size: inner,
            num_attention_heads: heads,
            num_hidden_layers: (0..MOST_LAYERS).take_while(layer).count(),
            projection_dim: projection,
            hidden_act,
            image_size: side.checked_mul(patch_size)?,
            patch_size,
            num_channels: channels,
            ..Self::default()
        })
    }

    fn check(&self) -> Fits {
        limits::extents("hidden_size", &[self.hidden_size])?;
        limits::extents("intermediate_size", &[self.intermediate_size])?;
        limits::extents("projection_dim", &[self.projection_dim])?;
        limits::layers("num_hidden_layers", &[self.num_hidden_layers])?;
        let (heads, patch) = (self.num_attention_heads, self.patch_size);
        let checks = [
            ("image_size", (1..=MOST_PIXELS).contains(&self.image_size)),
            ("patch_size", (1..=self.image_size).contains(&patch)),
            ("num_channels", self.num_channels == 3),
            ("num_attention_heads", heads > 0 && self.hidden_size.is_multiple_of(heads)),
            ("layer_norm_eps", self.layer_norm_eps.is_finite() && self.layer_norm_eps >= 0.0),
        ];
        limits::all(&checks, "has a value that CLIP's encoders of pictures do not use")?;
        let whole = self.image_size.is_multiple_of(patch) && self.patches() <= MOST_PATCHES;
        require(whole, || {
            format!("`image_size` {} is not made of patches of {patch} pixels", self.image_size)
        })
    }
}
