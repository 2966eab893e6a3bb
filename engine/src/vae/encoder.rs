//! `AutoencoderKL`'s encoder.

use super::VaeConfig;
use super::decoder::{EPSILON, VaeMidBlock, res_block};
use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor, Tiling};
use crate::layers::{Conv3x3, Downsample, GroupNorm, Linear, ResBlock};
use crate::weights::Weights;

/// The encoder: `[n, h, w, 3] → [n, h / 8, w / 8, 2 · latent channels]`, the mean of the latents and the
/// logarithm of their variance.
#[derive(Debug)]
pub struct VaeEncoder {
    /// Whether values exceed what f16 can hold.
    upcast: bool,
    conv_in: Conv3x3,
    down_blocks: Vec<DownEncoderBlock>,
    mid_block: VaeMidBlock,
    norm_out: GroupNorm,
    conv_out: Conv3x3,
    quant_conv: Option<Linear>,
}

/// `DownEncoderBlock2D`: residual blocks, then half the resolution.
#[derive(Debug)]
struct DownEncoderBlock {
    resnets: Vec<ResBlock>,
    downsample: Option<Downsample>,
}

impl VaeEncoder {
    /// Under diffusers' names: `encoder.…`, `quant_conv`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, config: &VaeConfig) -> Result<Self> {
        let (encoder, moments) = (w.at("encoder"), 2 * config.latent_channels);
        let channels = &config.block_out_channels;
        let (outer, inner) = (channels[0], channels[channels.len() - 1]);
        let down_blocks = (0..channels.len()).map(|i| DownEncoderBlock::load(&encoder, config, i));
        let mid = res_block(config, inner, inner);
        let heads = config.mid_block_add_attention.then_some(1);
        let quant_conv = || Linear::pointwise(&w.at("quant_conv"), moments, moments);
        Ok(Self {
            upcast: config.force_upcast,
            conv_in: Conv3x3::load(&encoder.at("conv_in"), config.in_channels, outer)?,
            down_blocks: down_blocks.collect::<Result<_>>()?,
            mid_block: VaeMidBlock::load(&encoder.at("mid_block"), mid, heads)?,
            norm_out: GroupNorm::load(&encoder.at("conv_norm_out"), inner, config.norm_num_groups, EPSILON)?,
            conv_out: Conv3x3::load(&encoder.at("conv_out"), inner, moments)?,
            quant_conv: config.use_quant_conv.then(quant_conv).transpose()?,
        })
    }

    /// Input `picture [n, h, w, 3]` in −1..1; one output, the moments `[n, h / 8, w / 8, 2 · latent channels]`.
    ///
    /// `element` is raised to f32 where the configuration says that the values exceed f16.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, picture: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        let element = if self.upcast { Element::F32 } else { element };
        let mut g = Recorder::new(element).tiled(tiling);
        let x = g.input(super::PICTURE, picture);
        let mut x = self.conv_in.forward(&mut g, x);
        for block in &self.down_blocks {
            x = block.forward(&mut g, x);
        }
        x = self.mid_block.forward(&mut g, x);
        x = self.norm_out.silu(&mut g, x);
        x = self.conv_out.forward(&mut g, x);
        if let Some(conv) = &self.quant_conv {
            x = conv.forward(&mut g, x);
        }
        g.finish(&[x])
    }
}

impl DownEncoderBlock {
    fn load(encoder: &Weights, config: &VaeConfig, level: usize) -> Result<Self> {
        let w = encoder.at(&format!("down_blocks.{level}"));
        let channels = &config.block_out_channels;
        let (outer, here) = (channels[level.saturating_sub(1)], channels[level]);
        let resnets = (0..config.layers_per_block).map(|i| {
            let inputs = if i == 0 { outer } else { here };
            ResBlock::load(&w.at(&format!("resnets.{i}")), res_block(config, inputs, here))
        });
        let downsample = || Downsample::load_one_sided(&w.at("downsamplers.0"), here);
        let last = level + 1 == channels.len();
        Ok(Self {
            resnets: resnets.collect::<Result<_>>()?,
            downsample: (!last).then(downsample).transpose()?,
        })
    }
    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.resnets.iter().fold(x, |x, resnet| resnet.forward(g, x, None));
        match &self.downsample {
            None => x,
            Some(downsample) => downsample.forward(g, x),
        }
    }
}
