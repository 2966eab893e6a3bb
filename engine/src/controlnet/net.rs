//! A ControlNet: the UNet's encoder with weights of its own, which adds to the UNet's skips.

use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor, Tiling};
use crate::layers::{Conv3x3, CrossContext, Linear};
use crate::unet::{
    BlockInputs, DownBlock, Encoded, Given, MidBlock, SkipNet, TimeEmbedding, down_blocks, mid_block,
};
use crate::weights::{NetworkSpec, Weights, listed};

use super::config::ControlNetConfig;
use super::hint::HintNet;
use super::union::Union;

/// What the hint net makes of the picture: `[n, h, w, level-0 channels]`.
pub(crate) const HINT: &str = "hint";
/// How much is added: `[n, 1, 1, skips + 1]`.
pub(crate) const FACTORS: &str = "factors";
/// Of a union, what is added to the time embedding: `[n, 1, 1, time channels]`.
pub(crate) const TYPE: &str = "type";

/// What an input of the `place`-th net is called.
pub(crate) fn input_name(place: usize, what: &str) -> String {
    format!("control.{place}.{what}")
}

/// `ControlNetModel` and `ControlNetUnionModel` of diffusers, of any size.
#[derive(Debug)]
pub(crate) struct ControlNet {
    config: ControlNetConfig,
    hint: HintNet,
    union: Option<Union>,
    conv_in: Conv3x3,
    time_embedding: TimeEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    /// 1×1 convolutions, one for each skip; they were zero when training began.
    zero_convs: Vec<Linear>,
    mid_zero_conv: Linear,
}

impl ControlNetConfig {
    /// Its tensors.
    pub(crate) fn network(&self) -> Result<NetworkSpec> {
        let tensors = listed(|w| ControlNet::load(w, self.clone()).map(drop))?;
        Ok(NetworkSpec { tensors, levels: Vec::new() })
    }
}

impl ControlNet {
    /// Under diffusers' names.
    pub(crate) fn load(w: &Weights, config: ControlNetConfig) -> Result<Self> {
        let encoder = &config.encoder;
        let last = encoder.block_out_channels[encoder.levels() - 1];
        let zero_convs = config.skips.iter().enumerate().map(|(i, channels)| {
            Linear::pointwise(&w.at(&format!("controlnet_down_blocks.{i}")), *channels, *channels)
        });
        let union = config.union.map(|union| Union::load(w, encoder, union)).transpose()?;
        Ok(Self {
            hint: HintNet::load(&w.at("controlnet_cond_embedding"), &config.hint)?,
            union,
            conv_in: Conv3x3::load(&w.at("conv_in"), encoder.in_channels, encoder.block_out_channels[0])?,
            time_embedding: TimeEmbedding::load(w, encoder)?,
            down_blocks: down_blocks(w, encoder)?,
            mid_block: mid_block(w, encoder, config.mid_layers)?,
            zero_convs: zero_convs.collect::<Result<_>>()?,
            mid_zero_conv: Linear::pointwise(&w.at("controlnet_mid_block"), last, last)?,
            config,
        })
    }

    /// What it was built from.
    pub(crate) fn config(&self) -> &ControlNetConfig {
        &self.config
    }

    /// What it has besides where it serves several kinds of pictures.
    pub(crate) fn union(&self) -> Option<&Union> {
        self.union.as_ref()
    }

    /// The hint net alone: input `pixels [1, h, w, 3]` from 0 to 1, output `[1, ⌈h/8⌉, ⌈w/8⌉, level-0 channels]`.
    pub(crate) fn hint_graph(&self, pixels: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element).tiled(tiling);
        let pixels = g.input("pixels", pixels);
        let hint = self.hint.forward(&mut g, pixels);
        g.finish(&[hint])
    }

    /// The latents through the first convolution, with what the hint net made of the picture.
    fn first(&self, g: &mut Recorder, latents: Tensor, place: usize) -> Tensor {
        let x = self.conv_in.forward(g, latents);
        let hint = g.input(&input_name(place, HINT), x.shape());
        g.add(x, hint)
    }

    /// The time embedding, with the kind of picture in it where there are several.
    fn time(&self, g: &mut Recorder, given: Given, place: usize) -> Tensor {
        let mut time = self.time_embedding.sum(g, given.time, given.added);
        if self.union.is_some() {
            let kind = g.input(&input_name(place, TYPE), time.shape());
            time = g.add(time, kind);
        }
        g.silu(time)
    }
}

impl SkipNet for ControlNet {
    fn add_to(&self, g: &mut Recorder, given: Given, place: usize, encoded: &mut Encoded) {
        let count = self.zero_convs.len();
        let factors = Shape::vector(given.latents.shape().images, count + 1);
        let factors = g.input(&input_name(place, FACTORS), factors);
        let conditioning = Some(CrossContext { context: given.context, negative: None, image_tokens: &[] });
        let inputs = BlockInputs { time: self.time(g, given, place), conditioning, feature: None };
        let mut x = self.first(g, given.latents, place);
        // Each value is added as soon as it is made, so that none waits for the others.
        let (mut made, mut skips) = (0..count, vec![x]);
        let mut add = |g: &mut Recorder, skips: &mut Vec<Tensor>| {
            for (skip, i) in skips.drain(..).zip(made.by_ref()) {
                let residual = self.zero_convs[i].forward(g, skip);
                encoded.skips[i] = g.add_scaled(encoded.skips[i], residual, factors, i);
            }
        };
        for block in &self.down_blocks {
            add(g, &mut skips);
            x = block.forward(g, x, inputs, &mut skips);
        }
        add(g, &mut skips);
        x = self.mid_block.forward(g, x, inputs);
        let residual = self.mid_zero_conv.forward(g, x);
        encoded.mid = g.add_scaled(encoded.mid, residual, factors, count);
    }
}
