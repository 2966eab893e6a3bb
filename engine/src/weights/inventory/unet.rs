//! The tensors of a UNet (diffusers' `UNet2DConditionModel`, as SDXL uses it).

use serde::Deserialize;

use super::{ConfigReader, Inventory, PerLevel};
use crate::error::Result;
use crate::weights::component::Component;
use crate::weights::configs::Configs;

#[derive(Deserialize)]
struct UnetConfig {
    in_channels: usize,
    out_channels: usize,
    block_out_channels: Vec<usize>,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    layers_per_block: PerLevel,
    #[serde(default = "one_layer")]
    transformer_layers_per_block: PerLevel,
    cross_attention_dim: usize,
    #[serde(default)]
    use_linear_projection: bool,
    projection_class_embeddings_input_dim: usize,
}

fn one_layer() -> PerLevel {
    PerLevel::Same(1)
}

/// A level of resolution.
#[derive(Debug, Clone)]
pub(crate) struct UnetLevel {
    pub(crate) channels: usize,
    /// Residual blocks on the way down; one more on the way up.
    pub(crate) blocks: usize,
    /// Transformer layers after each residual block, where there is attention.
    depth: usize,
    pub(crate) attention_down: bool,
    pub(crate) attention_up: bool,
}

/// What of a UNet's configuration decides names and shapes.
#[derive(Debug, Clone)]
pub(crate) struct UnetShape {
    /// Outermost first.
    pub(crate) levels: Vec<UnetLevel>,
    pub(crate) in_channels: usize,
    out_channels: usize,
    pub(crate) context: usize,
    added: usize,
    linear_projection: bool,
}

impl UnetShape {
    pub(crate) fn read(configs: &Configs) -> Result<Self> {
        let (reader, config): (_, UnetConfig) = ConfigReader::open(configs, Component::Unet)?;
        let channels = &config.block_out_channels;
        reader.extents("block_out_channels", channels)?;
        reader.extents("in_channels", &[config.in_channels])?;
        reader.extents("out_channels", &[config.out_channels])?;
        reader.extents("cross_attention_dim", &[config.cross_attention_dim])?;
        reader.extents(
            "projection_class_embeddings_input_dim",
            &[config.projection_class_embeddings_input_dim],
        )?;
        Ok(Self {
            levels: levels(&reader, &config)?,
            in_channels: config.in_channels,
            out_channels: config.out_channels,
            context: config.cross_attention_dim,
            added: config.projection_class_embeddings_input_dim,
            linear_projection: config.use_linear_projection,
        })
    }

    pub(super) fn tensors(&self, list: &mut Inventory) {
        let first = self.levels[0].channels;
        let time = self.time();
        list.conv("conv_in", first, self.in_channels, 3);
        list.linear("time_embedding.linear_1", time, first);
        list.linear("time_embedding.linear_2", time, time);
        list.linear("add_embedding.linear_1", time, self.added);
        list.linear("add_embedding.linear_2", time, time);
        self.down(list);
        self.mid(list);
        self.up(list);
        list.norm("conv_norm_out", first);
        list.conv("conv_out", self.out_channels, first, 3);
    }

    /// Channels of the time embedding.
    fn time(&self) -> usize {
        4 * self.levels[0].channels
    }

    fn down(&self, list: &mut Inventory) {
        let mut inputs = self.levels[0].channels;
        for (i, level) in self.levels.iter().enumerate() {
            let name = format!("down_blocks.{i}");
            for j in 0..level.blocks {
                list.res_block(&format!("{name}.resnets.{j}"), inputs, level.channels, Some(self.time()));
                if level.attention_down {
                    self.transformer(list, &format!("{name}.attentions.{j}"), level);
                }
                inputs = level.channels;
            }
            if i + 1 < self.levels.len() {
                list.conv(&format!("{name}.downsamplers.0.conv"), level.channels, level.channels, 3);
            }
        }
    }

    fn mid(&self, list: &mut Inventory) {
        let Some(level) = self.levels.last() else { return };
        let block = |list: &mut Inventory, name| {
            list.res_block(name, level.channels, level.channels, Some(self.time()));
        };
        block(list, "mid_block.resnets.0");
        self.transformer(list, "mid_block.attentions.0", level);
        block(list, "mid_block.resnets.1");
    }

    fn up(&self, list: &mut Inventory) {
        let mut skips = self.skips();
        let mut inputs = self.levels.last().map_or(0, |level| level.channels);
        for (i, level) in self.levels.iter().rev().enumerate() {
            let name = format!("up_blocks.{i}");
            for j in 0..=level.blocks {
                let skip = skips.pop().unwrap_or(0);
                list.res_block(
                    &format!("{name}.resnets.{j}"),
                    inputs + skip,
                    level.channels,
                    Some(self.time()),
                );
                if level.attention_up {
                    self.transformer(list, &format!("{name}.attentions.{j}"), level);
                }
                inputs = level.channels;
            }
            if i + 1 < self.levels.len() {
                list.conv(&format!("{name}.upsamplers.0.conv"), level.channels, level.channels, 3);
            }
        }
    }

    /// Channels of what the way down leaves for the way up, in the order in which it is left: after
    /// the first convolution, each block and each downsampler.
    fn skips(&self) -> Vec<usize> {
        let mut skips = vec![self.levels[0].channels];
        for (i, level) in self.levels.iter().enumerate() {
            let downsampler = usize::from(i + 1 < self.levels.len());
            skips.extend(std::iter::repeat_n(level.channels, level.blocks + downsampler));
        }
        skips
    }

    fn transformer(&self, list: &mut Inventory, name: &str, level: &UnetLevel) {
        let channels = level.channels;
        let project = |list: &mut Inventory, part: &str| match self.linear_projection {
            true => list.linear(&format!("{name}.{part}"), channels, channels),
            false => list.conv(&format!("{name}.{part}"), channels, channels, 1),
        };
        list.norm(&format!("{name}.norm"), channels);
        project(list, "proj_in");
        for layer in 0..level.depth {
            self.transformer_layer(list, &format!("{name}.transformer_blocks.{layer}"), channels);
        }
        project(list, "proj_out");
    }

    fn transformer_layer(&self, list: &mut Inventory, name: &str, channels: usize) {
        for (norm, attention, context) in [("norm1", "attn1", channels), ("norm2", "attn2", self.context)] {
            list.norm(&format!("{name}.{norm}"), channels);
            list.matrix(&format!("{name}.{attention}.to_q"), channels, channels);
            list.matrix(&format!("{name}.{attention}.to_k"), channels, context);
            list.matrix(&format!("{name}.{attention}.to_v"), channels, context);
            list.linear(&format!("{name}.{attention}.to_out.0"), channels, channels);
        }
        list.norm(&format!("{name}.norm3"), channels);
        // Gated: values and gates, each four times as wide.
        list.linear(&format!("{name}.ff.net.0.proj"), 8 * channels, channels);
        list.linear(&format!("{name}.ff.net.2"), channels, 4 * channels);
    }
}

fn levels(reader: &ConfigReader, config: &UnetConfig) -> Result<Vec<UnetLevel>> {
    let count = config.block_out_channels.len();
    let blocks = reader.per_level("layers_per_block", &config.layers_per_block, count)?;
    let depths =
        reader.per_level("transformer_layers_per_block", &config.transformer_layers_per_block, count)?;
    reader.blocks("layers_per_block", &blocks)?;
    reader.layers("transformer_layers_per_block", &depths)?;
    let down = attention(reader, ["down_block_types", "DownBlock2D"], &config.down_block_types, count)?;
    let up = attention(reader, ["up_block_types", "UpBlock2D"], &config.up_block_types, count)?;
    let level = |i: usize| UnetLevel {
        channels: config.block_out_channels[i],
        blocks: blocks[i],
        depth: depths[i],
        attention_down: down[i],
        attention_up: up[count - 1 - i],
    };
    Ok((0..count).map(level).collect())
}

/// Whether each level's blocks have attention: `[field, plain block]`, and the field's values.
fn attention(
    reader: &ConfigReader,
    [field, plain]: [&str; 2],
    types: &[String],
    levels: usize,
) -> Result<Vec<bool>> {
    if types.len() != levels {
        return Err(reader.fault(format!("`{field}` must have {levels} entries, one a level")));
    }
    let has_attention = |name: &String| match name.strip_prefix("CrossAttn") {
        Some(rest) if rest == plain => Ok(true),
        None if name == plain => Ok(false),
        _ => Err(reader.fault(format!("`{field}` has a block `{name}`, which is not one of SDXL's"))),
    };
    types.iter().map(has_attention).collect()
}
