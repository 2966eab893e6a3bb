//! `AutoencoderKL`'s decoder.

use super::VaeConfig;
use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor, Tiling};
use crate::layers::{
    Attention, AttentionShape, Conv3x3, GroupNorm, Linear, ResBlock, ResBlockShape, Upsample,
};
use crate::weights::Weights;

pub(super) const EPSILON: f32 = 1e-6;

/// The decoder: `[n, h, w, latent channels] → [n, 8h, 8w, 3]`.
#[derive(Debug)]
pub struct VaeDecoder {
    config: VaeConfig,
    post_quant_conv: Option<Linear>,
    conv_in: Conv3x3,
    mid_block: VaeMidBlock,
    up_blocks: Vec<UpDecoderBlock>,
    norm_out: GroupNorm,
    conv_out: Conv3x3,
}

impl VaeDecoder {
    /// Under diffusers' names: `post_quant_conv`, `decoder.…`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, config: VaeConfig) -> Result<Self> {
        let latent = config.latent_channels;
        let decoder = w.at("decoder");
        let channels: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
        let (inner, outer) = (channels[0], channels[channels.len() - 1]);
        let up_blocks = (0..channels.len()).map(|i| {
            let shape = res_block(&config, channels[i.saturating_sub(1)], channels[i]);
            let last = i + 1 == channels.len();
            UpDecoderBlock::load(
                &decoder.at(&format!("up_blocks.{i}")),
                shape,
                config.layers_per_block + 1,
                last,
            )
        });
        let post_quant = || Linear::pointwise(&w.at("post_quant_conv"), latent, latent);
        let mid = res_block(&config, inner, inner);
        Ok(Self {
            post_quant_conv: config.use_post_quant_conv.then(post_quant).transpose()?,
            conv_in: Conv3x3::load(&decoder.at("conv_in"), latent, inner)?,
            mid_block: VaeMidBlock::load(
                &decoder.at("mid_block"),
                mid,
                config.mid_block_add_attention.then_some(1),
            )?,
            up_blocks: up_blocks.collect::<Result<_>>()?,
            norm_out: GroupNorm::load(&decoder.at("conv_norm_out"), outer, config.norm_num_groups, EPSILON)?,
            conv_out: Conv3x3::load(&decoder.at("conv_out"), outer, config.out_channels)?,
            config,
        })
    }

    /// Input `latents [n, h, w, latent channels]`, already divided by the scaling factor; outputs
    /// the packed picture `[n, 8h, 8w, 1]` and, where `float` asks for it, the values it is made from.
    ///
    /// `element` is raised to f32 where the configuration says that the values exceed f16.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, latents: Shape, tiling: Tiling, element: Element, float: bool) -> Result<Graph> {
        let element = if self.config.force_upcast { Element::F32 } else { element };
        let mut g = Recorder::new(element).tiled(tiling);
        let mut x = g.input("latents", latents);
        if let Some(conv) = &self.post_quant_conv {
            x = conv.forward(&mut g, x);
        }
        x = self.conv_in.forward(&mut g, x);
        x = self.mid_block.forward(&mut g, x);
        for block in &self.up_blocks {
            x = block.forward(&mut g, x);
        }
        x = self.norm_out.silu(&mut g, x);
        x = self.conv_out.forward(&mut g, x);
        let picture = g.picture(x);
        if float { g.finish(&[picture, x]) } else { g.finish(&[picture]) }
    }
}

pub(super) fn res_block(config: &VaeConfig, inputs: usize, outputs: usize) -> ResBlockShape {
    ResBlockShape { inputs, outputs, time: None, groups: config.norm_num_groups, epsilon: EPSILON }
}

/// Residual block, attention over all pixels, residual block.
#[derive(Debug)]
pub struct VaeMidBlock {
    resnet_in: ResBlock,
    attention: Option<(GroupNorm, Attention)>,
    resnet_out: ResBlock,
}

impl VaeMidBlock {
    /// Under diffusers' names. `heads` of the attention, where there is one; one in SDXL's VAE.
    pub(crate) fn load(w: &Weights, shape: ResBlockShape, heads: Option<usize>) -> Result<Self> {
        let channels = shape.outputs;
        let attention = |heads| {
            let w = w.at("attentions.0");
            let norm = GroupNorm::load(&w.at("group_norm"), channels, shape.groups, shape.epsilon)?;
            let shape =
                AttentionShape { channels, context_channels: channels, heads, causal: false, bias: true };
            Ok((norm, Attention::load(&w, shape)?))
        };
        Ok(Self {
            resnet_in: ResBlock::load(&w.at("resnets.0"), shape)?,
            attention: heads.map(attention).transpose()?,
            resnet_out: ResBlock::load(&w.at("resnets.1"), shape)?,
        })
    }

    /// The shape stays.
    pub(crate) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let mut x = self.resnet_in.forward(g, x, None);
        if let Some((norm, attention)) = &self.attention {
            let h = norm.forward(g, x);
            let h = attention.forward(g, h, h);
            x = g.add(x, h);
        }
        self.resnet_out.forward(g, x, None)
    }
}

/// `UpDecoderBlock2D`: residual blocks, then double the resolution.
#[derive(Debug)]
struct UpDecoderBlock {
    resnets: Vec<ResBlock>,
    upsample: Option<Upsample>,
}

impl UpDecoderBlock {
    fn load(w: &Weights, shape: ResBlockShape, layers: usize, last: bool) -> Result<Self> {
        let resnets = (0..layers).map(|i| {
            let inputs = if i == 0 { shape.inputs } else { shape.outputs };
            ResBlock::load(&w.at(&format!("resnets.{i}")), ResBlockShape { inputs, ..shape })
        });
        let upsample = || Upsample::load(&w.at("upsamplers.0"), shape.outputs);
        Ok(Self { resnets: resnets.collect::<Result<_>>()?, upsample: (!last).then(upsample).transpose()? })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.resnets.iter().fold(x, |x, resnet| resnet.forward(g, x, None));
        match &self.upsample {
            None => x,
            Some(upsample) => upsample.forward(g, x, 2 * x.shape().height, 2 * x.shape().width),
        }
    }
}
