//! What a ControlNet is made of, as its tensors and the UNet that it guides tell.

use serde::Deserialize;

use crate::Result;
use crate::layers::limits;
use crate::unet::{PerLevel, UNetConfig};
use crate::weights::{HINT_BLOCKS, Layout, NameTable, NetworkSpec, Standalone};

/// Heads of a union's transformer where nothing says otherwise.
const HEADS: usize = 8;
/// Layers that are counted; no net comes near.
const MOST_LAYERS: usize = 128;

/// The extents of a ControlNet.
#[derive(Debug, Clone)]
pub(crate) struct ControlNetConfig {
    /// The UNet's, with attention where this net has it.
    pub(crate) encoder: UNetConfig,
    /// Layers of the middle's transformer; without one the middle is one residual block.
    pub(crate) mid_layers: Option<usize>,
    /// Channels of the picture, then of each level of the hint net, then of what comes out.
    pub(crate) hint: Vec<usize>,
    /// Channels of every skip, in their order.
    pub(crate) skips: Vec<usize>,
    /// Where one net serves several kinds of pictures.
    pub(crate) union: Option<UnionConfig>,
    /// Whether colours are given as blue, green, red.
    pub(crate) is_bgr: bool,
}

/// How much of the UNet's encoder a ControlNet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetSize {
    /// All of it.
    Full,
    /// Transformers of one layer in the innermost level and the middle, and of none in the others.
    Mid,
    /// No transformers, and one residual block in the middle.
    Small,
}

impl ControlNetConfig {
    /// That of a ControlNet for this UNet, as published ones are: of this size, and perhaps for so many kinds of pictures.
    pub(crate) fn usual(unet: &UNetConfig, size: NetSize, types: Option<usize>) -> Self {
        let (mut encoder, innermost) = (unet.clone(), unet.levels() - 1);
        encoder.in_channels = unet.out_channels;
        let layers = |level: usize| usize::from(level == innermost);
        let mid_layers = match size {
            NetSize::Full => Some(unet.transformer_layers_per_block.at(innermost)),
            NetSize::Mid => {
                encoder.transformer_layers_per_block = PerLevel::Each((0..=innermost).map(layers).collect());
                Some(1)
            }
            NetSize::Small => {
                encoder.down_block_types.fill("DownBlock2D".into());
                None
            }
        };
        let channels = unet.block_out_channels[0];
        let union = types.map(|types| UnionConfig { types, channels, heads: HEADS, layers: 1 });
        let [first, second, third, fourth] =
            if types.is_some() { [48, 96, 192, 384] } else { [16, 32, 96, 256] };
        let hint = vec![3, first, second, third, fourth, channels];
        Self { encoder, mid_layers, hint, skips: skips(unet), union, is_bgr: false }
    }

    /// How much of the UNet's encoder it has, in a word.
    pub(super) fn size(&self) -> &'static str {
        let mut levels = 0..self.encoder.levels();
        let attends = |level: &usize| self.encoder.attends_down(*level);
        let is_empty = |level: usize| self.encoder.transformer_layers_per_block.at(level) == 0;
        match levels.clone().find(attends) {
            None => "small",
            Some(_) if levels.any(|level| attends(&level) && is_empty(level)) => "mid",
            Some(_) => "full",
        }
    }
}

/// The extents of what a union has besides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnionConfig {
    /// Kinds of pictures.
    pub(crate) types: usize,
    /// Channels of the transformer.
    pub(crate) channels: usize,
    /// Its heads.
    pub(crate) heads: usize,
    /// Its layers.
    pub(crate) layers: usize,
}

/// A net's file under the names of its tensors.
pub(super) struct Reading<'a> {
    file: &'a Standalone,
    unet: &'a UNetConfig,
    names: NameTable,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a Standalone, unet: &'a UNetConfig, layout: Layout) -> Self {
        Self { file, unet, names: NameTable::control_net(layout, &unet.numbering()) }
    }

    /// What the net is made of, and its tensors; an error, as the rest of a sentence, where it is not one for this UNet.
    pub(super) fn config(&self) -> Result<(ControlNetConfig, NetworkSpec, NameTable), String> {
        self.fits()?;
        let mut encoder = self.unet.clone();
        self.settings(&mut encoder)?;
        let levels = encoder.levels();
        let (types, layers): (Vec<_>, Vec<_>) = (0..levels).map(|level| self.level(level)).unzip();
        encoder.down_block_types = types;
        encoder.transformer_layers_per_block = PerLevel::Each(layers);
        encoder.in_channels = self.unet.out_channels;
        // Transformers without layers are those of the middle sizes alone.
        let layers = encoder.transformer_layers_per_block.clone();
        let some = (0..levels).map(|level| layers.at(level).max(1)).collect();
        let mut checked = encoder.clone();
        checked.transformer_layers_per_block = PerLevel::Each(some);
        checked.check()?;
        let has_mid = self.has("mid_block.attentions.0.norm.weight");
        let config = ControlNetConfig {
            mid_layers: has_mid.then(|| self.layers("mid_block.attentions.0")),
            hint: self.hint()?,
            skips: skips(self.unet),
            union: self.union()?,
            is_bgr: self.setting("controlnet_conditioning_channel_order").as_deref() == Some("bgr"),
            encoder,
        };
        let network = config.network().map_err(|e| e.to_string())?;
        Ok((config, network, self.names.clone()))
    }

    /// An error unless the net was made for a UNet of these extents.
    fn fits(&self) -> Result<(), String> {
        let extent = |name: &str, axis: usize| self.shape(name)?.get(axis).copied();
        let context = (0..self.unet.levels())
            .map(|level| format!("down_blocks.{level}"))
            .chain(["mid_block".into()])
            .find_map(|block| {
                extent(&format!("{block}.attentions.0.transformer_blocks.0.attn2.to_k.weight"), 1)
            });
        let added = extent("add_embedding.linear_1.weight", 1);
        if added.is_none() {
            let family = if context == Some(1024) { "Stable Diffusion 2" } else { "Stable Diffusion 1" };
            return Err(format!("is a ControlNet for {family}"));
        }
        let wanted = skips(self.unet);
        let count = (0..).take_while(|i| self.has(&format!("controlnet_down_blocks.{i}.weight"))).count();
        let mut checks = vec![
            ("latent channels", extent("conv_in.weight", 1), self.unet.out_channels),
            ("channels of text", context, self.unet.cross_attention_dim),
            ("channels of pooled text and size", added, self.unet.projection_class_embeddings_input_dim),
            ("values that it adds to", Some(count), wanted.len()),
        ];
        for (i, channels) in wanted.into_iter().enumerate() {
            let found = extent(&format!("controlnet_down_blocks.{i}.weight"), 0);
            checks.push(("channels of one of them", found, channels));
        }
        let wrong = checks.into_iter().find(|(_, found, wanted)| found.is_some_and(|found| found != *wanted));
        wrong.map_or(Ok(()), |(what, found, wanted)| {
            Err(format!("has {} {what}, and the model's UNet has {wanted}", found.unwrap_or_default()))
        })
    }

    /// What its configuration says where the tensors do not tell.
    fn settings(&self, encoder: &mut UNetConfig) -> Result<(), String> {
        let read = |name: &str| {
            let value = self.file.setting(name);
            value.map(|value| PerLevel::deserialize(value).map_err(|e| format!("`{name}`: {e}"))).transpose()
        };
        if let Some(heads) = read("attention_head_dim")? {
            encoder.attention_head_dim = heads;
            encoder.num_attention_heads = read("num_attention_heads")?;
        }
        if let Some(groups) = self.number("norm_num_groups")? {
            encoder.norm_num_groups = groups;
        }
        if self.file.setting("global_pool_conditions").is_some_and(|value| value == true) {
            return Err("averages what it adds over the picture, which no ControlNet of SDXL does".into());
        }
        let class = self.setting("_class_name");
        match class.as_deref() {
            None | Some("ControlNetModel" | "ControlNetUnionModel" | "ControlNetModel_Union") => Ok(()),
            Some(class) => {
                Err(format!("is of a `{}`, not a ControlNet of SDXL", crate::quote::quoted(class)))
            }
        }
    }

    /// Which kind of block a level has, and how many layers its transformers have.
    fn level(&self, level: usize) -> (String, usize) {
        let attention = format!("down_blocks.{level}.attentions.0");
        match self.has(&format!("{attention}.norm.weight")) {
            true => ("CrossAttnDownBlock2D".into(), self.layers(&attention)),
            false => ("DownBlock2D".into(), 1),
        }
    }

    /// Layers of a transformer. Those of the middle sizes of ControlNet have none.
    fn layers(&self, attention: &str) -> usize {
        let name = |i: usize| format!("{attention}.transformer_blocks.{i}.norm1.weight");
        (0..MOST_LAYERS).take_while(|i| self.has(&name(*i))).count()
    }

    fn hint(&self) -> Result<Vec<usize>, String> {
        let conv = |name: &str| self.shape(&format!("controlnet_cond_embedding.{name}.weight"));
        let conv = |name: &str| match conv(name).as_deref() {
            Some(&[outputs, inputs, 3, 3]) => Ok([inputs, outputs]),
            _ => Err(format!("has no hint net as SDXL's have it: `{name}` is missing or of another shape")),
        };
        let [pixels, first] = conv("conv_in")?;
        let mut widths = vec![pixels, first];
        for i in (1..HINT_BLOCKS).step_by(2) {
            widths.push(conv(&format!("blocks.{i}"))?[1]);
        }
        widths.push(conv("conv_out")?[1]);
        limits::extents("controlnet_cond_embedding", &widths)?;
        match pixels {
            3 => Ok(widths),
            _ => {
                Err(format!("reads pictures of {pixels} channels, where Fulmen gives it red, green and blue"))
            }
        }
    }

    fn union(&self) -> Result<Option<UnionConfig>, String> {
        let Some(shape) = self.shape("task_embedding") else { return Ok(None) };
        let &[types, channels] = &shape[..] else {
            return Err(format!("has a `task_embedding` of shape {shape:?}, where one has two extents"));
        };
        limits::extents("task_embedding", &[types, channels])?;
        let heads = self.number("num_trans_head")?.unwrap_or(HEADS);
        let layers = (0..MOST_LAYERS).take_while(|i| self.has(&format!("transformer_layes.{i}.ln_1.weight")));
        let fits = heads > 0 && channels.is_multiple_of(heads) && channels == self.unet.block_out_channels[0];
        limits::require(fits, || {
            format!("fuses {channels} channels in {heads} heads, which does not fit this model")
        })?;
        Ok(Some(UnionConfig { types, channels, heads, layers: layers.count() }))
    }

    fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.file.shape(&self.names, name)
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.file.setting(name)?.as_str().map(str::to_owned)
    }

    fn number(&self, name: &str) -> Result<Option<usize>, String> {
        let Some(value) = self.file.setting(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| format!("`{name}` must be a whole number"))
    }
}

/// Channels of every skip of this UNet, in the order in which they are made.
fn skips(unet: &UNetConfig) -> Vec<usize> {
    let channels = &unet.block_out_channels;
    let mut skips = vec![channels[0]];
    for (level, channels) in channels.iter().enumerate() {
        let down = usize::from(level + 1 < unet.levels());
        skips.extend(std::iter::repeat_n(*channels, unet.layers_per_block.at(level) + down));
    }
    skips
}
