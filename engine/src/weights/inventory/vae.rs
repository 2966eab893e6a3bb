//! The tensors of a VAE (diffusers' `AutoencoderKL`).

use serde::Deserialize;

use super::{ConfigReader, Inventory};
use crate::error::Result;
use crate::weights::component::Component;
use crate::weights::configs::Configs;

fn yes() -> bool {
    true
}

/// What of a VAE's configuration decides names and shapes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct VaeShape {
    in_channels: usize,
    out_channels: usize,
    latent_channels: usize,
    /// Outermost level first.
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    #[serde(default = "yes")]
    mid_block_add_attention: bool,
    #[serde(default = "yes")]
    use_quant_conv: bool,
    #[serde(default = "yes")]
    use_post_quant_conv: bool,
}

impl VaeShape {
    pub(crate) fn read(configs: &Configs) -> Result<Self> {
        let (reader, shape): (_, Self) = ConfigReader::open(configs, Component::Vae)?;
        reader.extents("block_out_channels", &shape.block_out_channels)?;
        reader.extents("in_channels", &[shape.in_channels])?;
        reader.extents("out_channels", &[shape.out_channels])?;
        reader.extents("latent_channels", &[shape.latent_channels])?;
        reader.blocks("layers_per_block", &[shape.layers_per_block])?;
        Ok(shape)
    }

    /// Levels of resolution.
    pub(crate) fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    pub(super) fn tensors(&self, list: &mut Inventory) {
        let latent = self.latent_channels;
        list.optional = true;
        self.encoder(list);
        if self.use_quant_conv {
            list.conv("quant_conv", 2 * latent, 2 * latent, 1);
        }
        list.optional = false;
        if self.use_post_quant_conv {
            list.conv("post_quant_conv", latent, latent, 1);
        }
        self.decoder(list);
    }

    fn encoder(&self, list: &mut Inventory) {
        let channels = &self.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        list.conv("encoder.conv_in", first, self.in_channels, 3);
        let mut inputs = first;
        for (i, &outputs) in channels.iter().enumerate() {
            for j in 0..self.layers_per_block {
                list.res_block(&format!("encoder.down_blocks.{i}.resnets.{j}"), inputs, outputs, None);
                inputs = outputs;
            }
            if i + 1 < channels.len() {
                list.conv(&format!("encoder.down_blocks.{i}.downsamplers.0.conv"), outputs, outputs, 3);
            }
        }
        self.mid(list, "encoder.mid_block", last);
        list.norm("encoder.conv_norm_out", last);
        // Mean and logarithm of the variance.
        list.conv("encoder.conv_out", 2 * self.latent_channels, last, 3);
    }

    fn decoder(&self, list: &mut Inventory) {
        let channels = &self.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        list.conv("decoder.conv_in", last, self.latent_channels, 3);
        self.mid(list, "decoder.mid_block", last);
        let mut inputs = last;
        for (i, &outputs) in channels.iter().rev().enumerate() {
            for j in 0..=self.layers_per_block {
                list.res_block(&format!("decoder.up_blocks.{i}.resnets.{j}"), inputs, outputs, None);
                inputs = outputs;
            }
            if i + 1 < channels.len() {
                list.conv(&format!("decoder.up_blocks.{i}.upsamplers.0.conv"), outputs, outputs, 3);
            }
        }
        list.norm("decoder.conv_norm_out", first);
        list.conv("decoder.conv_out", self.out_channels, first, 3);
    }

    fn mid(&self, list: &mut Inventory, name: &str, channels: usize) {
        list.res_block(&format!("{name}.resnets.0"), channels, channels, None);
        if self.mid_block_add_attention {
            list.norm(&format!("{name}.attentions.0.group_norm"), channels);
            for part in ["to_q", "to_k", "to_v", "to_out.0"] {
                list.linear(&format!("{name}.attentions.0.{part}"), channels, channels);
            }
        }
        list.res_block(&format!("{name}.resnets.1"), channels, channels, None);
    }
}
