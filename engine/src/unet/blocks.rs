//! The levels of the U: down, middle, up.

use super::transformer::{Transformer, TransformerShape};
use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::layers::{Attention, CrossContext, Downsample, ResBlock, ResBlockShape, Upsample};
use crate::weights::Weights;

/// What every block of the UNet takes besides the pixels.
#[derive(Debug, Clone, Copy)]
pub struct BlockInputs<'a> {
    /// `[n, 1, 1, time channels]`, through SiLU.
    pub time: Tensor,
    /// What the transformers read.
    pub conditioning: Option<CrossContext<'a>>,
    /// What an adapter adds to a level on the way down.
    pub feature: Option<Tensor>,
}

/// Extents that all blocks of one level share.
#[derive(Debug, Clone, Copy)]
pub struct LevelShape {
    /// Channels of what comes from the level before.
    pub inputs: usize,
    /// Channels of this level.
    pub channels: usize,
    /// Residual blocks.
    pub layers: usize,
    /// Channels of the time embedding.
    pub time: usize,
    /// Groups of the norms.
    pub groups: usize,
    /// Of the residual blocks' norms.
    pub epsilon: f32,
    /// The transformer after each residual block, where the level has them.
    pub attention: Option<TransformerShape>,
    /// Whether the resolution changes at the end.
    pub resample: bool,
}

impl LevelShape {
    fn res_block(&self, inputs: usize) -> ResBlockShape {
        let Self { channels: outputs, groups, epsilon, time, .. } = *self;
        ResBlockShape { inputs, outputs, time: Some(time), groups, epsilon }
    }

    fn attentions(&self, w: &Weights) -> Result<Vec<Transformer>> {
        let Some(shape) = self.attention else { return Ok(Vec::new()) };
        (0..self.layers).map(|i| Transformer::load(&w.at(&format!("attentions.{i}")), shape)).collect()
    }
}

/// `DownBlock2D` or `CrossAttnDownBlock2D`.
#[derive(Debug)]
pub struct DownBlock {
    resnets: Vec<ResBlock>,
    /// One for each residual block, or none.
    attentions: Vec<Transformer>,
    downsample: Option<Downsample>,
}

impl DownBlock {
    /// Under diffusers' names.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, shape: LevelShape) -> Result<Self> {
        let resnets = (0..shape.layers).map(|i| {
            let inputs = if i == 0 { shape.inputs } else { shape.channels };
            ResBlock::load(&w.at(&format!("resnets.{i}")), shape.res_block(inputs))
        });
        let downsample = || Downsample::load(&w.at("downsamplers.0"), shape.channels);
        Ok(Self {
            resnets: resnets.collect::<Result<_>>()?,
            attentions: shape.attentions(w)?,
            downsample: shape.resample.then(downsample).transpose()?,
        })
    }

    /// `[n, h, w, in] → [n, ⌈h/2⌉, ⌈w/2⌉, c]`; every value on the way is pushed to `skips`. A feature is added before the
    /// resolution changes where the level has transformers, and after that where it has none, as diffusers does it.
    pub fn forward(
        &self,
        g: &mut Recorder,
        x: Tensor,
        inputs: BlockInputs<'_>,
        skips: &mut Vec<Tensor>,
    ) -> Tensor {
        let mut x = x;
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(g, x, Some(inputs.time));
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(g, x, inputs.conditioning);
            }
            if let Some(feature) = inputs.feature.filter(|_| i + 1 == self.attentions.len()) {
                x = g.add(x, feature);
            }
            skips.push(x);
        }
        if let Some(downsample) = &self.downsample {
            x = downsample.forward(g, x);
            skips.push(x);
        }
        if let (Some(feature), true, Some(last)) =
            (inputs.feature, self.attentions.is_empty(), skips.last_mut())
        {
            x = g.add(x, feature);
            *last = x;
        }
        x
    }

    /// Every cross-attention, in their order.
    pub(super) fn cross_attentions(&self) -> impl Iterator<Item = &Attention> {
        self.attentions.iter().flat_map(Transformer::cross_attentions)
    }
}

/// `UNetMidBlock2DCrossAttn`: residual block, transformer, residual block. The smallest ControlNets have the first alone.
#[derive(Debug)]
pub struct MidBlock {
    resnet_in: ResBlock,
    rest: Option<(Transformer, ResBlock)>,
}

impl MidBlock {
    /// Under diffusers' names. `attention` is the innermost level's; without it there is one residual block.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, shape: LevelShape, attention: Option<TransformerShape>) -> Result<Self> {
        let res_block = shape.res_block(shape.channels);
        Ok(Self {
            resnet_in: ResBlock::load(&w.at("resnets.0"), res_block)?,
            rest: attention
                .map(|attention| {
                    let attention = Transformer::load(&w.at("attentions.0"), attention)?;
                    Ok((attention, ResBlock::load(&w.at("resnets.1"), res_block)?))
                })
                .transpose()?,
        })
    }

    /// The shape stays.
    pub fn forward(&self, g: &mut Recorder, x: Tensor, inputs: BlockInputs<'_>) -> Tensor {
        let x = self.resnet_in.forward(g, x, Some(inputs.time));
        let Some((attention, resnet_out)) = &self.rest else { return x };
        let x = attention.forward(g, x, inputs.conditioning);
        resnet_out.forward(g, x, Some(inputs.time))
    }

    /// Every cross-attention, in their order.
    pub(super) fn cross_attentions(&self) -> impl Iterator<Item = &Attention> {
        self.rest.iter().flat_map(|(attention, _)| attention.cross_attentions())
    }
}

/// `UpBlock2D` or `CrossAttnUpBlock2D`.
#[derive(Debug)]
pub struct UpBlock {
    resnets: Vec<ResBlock>,
    /// One for each residual block, or none.
    attentions: Vec<Transformer>,
    upsample: Option<Upsample>,
}

impl UpBlock {
    /// Under diffusers' names. `skip_channels`: of the skips in the order in which they are taken.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, shape: LevelShape, skip_channels: &[usize]) -> Result<Self> {
        let resnets = skip_channels.iter().enumerate().map(|(i, skip)| {
            let inputs = if i == 0 { shape.inputs } else { shape.channels };
            ResBlock::load(&w.at(&format!("resnets.{i}")), shape.res_block(inputs + skip))
        });
        let upsample = || Upsample::load(&w.at("upsamplers.0"), shape.channels);
        Ok(Self {
            resnets: resnets.collect::<Result<_>>()?,
            attentions: shape.attentions(w)?,
            upsample: shape.resample.then(upsample).transpose()?,
        })
    }

    /// Takes one skip from the end of `skips` for each residual block. The next skip decides the
    /// size after upsampling: odd sizes were rounded up on the way down.
    pub fn forward(
        &self,
        g: &mut Recorder,
        x: Tensor,
        inputs: BlockInputs<'_>,
        skips: &mut Vec<Tensor>,
    ) -> Tensor {
        let mut x = x;
        for (i, resnet) in self.resnets.iter().enumerate() {
            if let Some(skip) = skips.pop() {
                x = g.concat(x, skip);
            }
            x = resnet.forward(g, x, Some(inputs.time));
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(g, x, inputs.conditioning);
            }
        }
        if let Some(upsample) = &self.upsample {
            let double = (2 * x.shape().height, 2 * x.shape().width);
            let (height, width) = skips.last().map_or(double, |s| (s.shape().height, s.shape().width));
            x = upsample.forward(g, x, height, width);
        }
        x
    }

    /// Every cross-attention, in their order.
    pub(super) fn cross_attentions(&self) -> impl Iterator<Item = &Attention> {
        self.attentions.iter().flat_map(Transformer::cross_attentions)
    }
}
