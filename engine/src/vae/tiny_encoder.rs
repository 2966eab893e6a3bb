//! `AutoencoderTiny`'s encoder (TAESD, and TAESDXL for SDXL's latents).

use super::TinyConfig;
use super::tiny::Block;
use crate::Result;
use crate::graph::{ConvWindow, Element, Graph, Padding, Recorder, Shape, Tensor, Tiling};
use crate::layers::Conv3x3;
use crate::weights::Weights;

/// Every second pixel, with zeros around.
const HALF: ConvWindow = ConvWindow { stride: 2, padding: [Padding::AROUND; 2] };

/// The encoder: `[n, h, w, 3] → [n, h / 8, w / 8, latent channels]`, the latents themselves.
#[derive(Debug)]
pub struct TinyEncoder {
    stages: Vec<Stage>,
    conv_out: Conv3x3,
}

/// A convolution, in all stages but the first to half the resolution, then residual blocks.
#[derive(Debug)]
struct Stage {
    conv: Conv3x3,
    blocks: Vec<Block>,
}

impl TinyEncoder {
    /// Under diffusers' names: `encoder.layers.…`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, config: &TinyConfig) -> Result<Self> {
        let layer = |number: usize| w.at(&format!("encoder.layers.{number}"));
        let channels = config.encoder_block_out_channels[0];
        let (mut number, mut stages) = (0, Vec::new());
        for (place, &count) in config.num_encoder_blocks.iter().enumerate() {
            let conv = match place {
                0 => Conv3x3::load(&layer(number), config.in_channels, channels)?,
                _ => Conv3x3::without_bias_with(&layer(number), channels, channels, HALF)?,
            };
            let blocks = (number + 1..=number + count).map(|number| Block::load(&layer(number), channels));
            stages.push(Stage { conv, blocks: blocks.collect::<Result<_>>()? });
            number += 1 + count;
        }
        let conv_out = Conv3x3::load(&layer(number), channels, config.latent_channels)?;
        Ok(Self { stages, conv_out })
    }

    /// Input `picture [n, h, w, 3]` in 0..1; one output, the latents `[n, h / 8, w / 8, latent channels]`.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, picture: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element).tiled(tiling);
        let mut x = g.input(super::PICTURE, picture);
        for stage in &self.stages {
            x = stage.forward(&mut g, x);
        }
        let latents = self.conv_out.forward(&mut g, x);
        g.finish(&[latents])
    }
}

impl Stage {
    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.conv.forward(g, x);
        self.blocks.iter().fold(x, |x, block| block.forward(g, x))
    }
}
