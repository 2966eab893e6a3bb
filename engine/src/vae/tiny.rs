//! `AutoencoderTiny`'s decoder (TAESD, and TAESDXL for SDXL's latents): 3×3 convolutions with ReLU, 17 million
//! products for each latent pixel where the VAE's own decoder has 300 million.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::Result;
use crate::graph::{Activation, Element, Graph, Recorder, Shape, Tensor};
use crate::layers::Conv3x3;
use crate::weights::Weights;

/// `config.json` of a diffusers `AutoencoderTiny`, as far as its decoder needs it. The default is the
/// network of all published TAESD files, which come without one.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TinyConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of the picture, 3.
    pub out_channels: usize,
    /// Channels of every stage, innermost first. diffusers knows none whose stages differ.
    pub decoder_block_out_channels: Vec<usize>,
    /// Residual blocks of every stage; each stage but the last doubles the resolution.
    pub num_decoder_blocks: Vec<usize>,
    /// The UNet's latents are the encoder's times this.
    pub scaling_factor: f32,
    upsampling_scaling_factor: usize,
    act_fn: String,
    shift_factor: f32,
}

impl Default for TinyConfig {
    fn default() -> Self {
        Self {
            latent_channels: 4,
            out_channels: 3,
            decoder_block_out_channels: vec![64; 4],
            num_decoder_blocks: vec![3, 3, 3, 1],
            scaling_factor: 1.0,
            upsampling_scaling_factor: 2,
            act_fn: "relu".into(),
            shift_factor: 0.0,
        }
    }
}

impl TinyConfig {
    /// Picture pixels to a latent pixel, along a side.
    #[must_use]
    pub fn scale(&self) -> usize {
        1 << self.num_decoder_blocks.len().saturating_sub(1)
    }

    /// What in this configuration this decoder does not have, as a sentence; `None` if nothing is.
    #[must_use]
    pub fn unsupported(&self) -> Option<String> {
        let (channels, blocks) = (&self.decoder_block_out_channels, &self.num_decoder_blocks);
        let alike = channels.iter().all(|c| *c == channels[0] && (1..=MOST).contains(c));
        let checks = [
            ("latent_channels", (1..=MOST).contains(&self.latent_channels)),
            ("out_channels", self.out_channels == 3),
            ("decoder_block_out_channels", (1..=8).contains(&channels.len()) && alike),
            ("num_decoder_blocks", blocks.len() == channels.len() && blocks.iter().all(|n| *n <= 64)),
            ("scaling_factor", self.scaling_factor.is_finite() && self.scaling_factor > 0.0),
            ("upsampling_scaling_factor", self.upsampling_scaling_factor == 2),
            ("act_fn", self.act_fn == "relu"),
            ("shift_factor", self.shift_factor == 0.0),
        ];
        let field = checks.iter().find(|(_, fits)| !fits)?.0;
        Some(format!("`{field}` has a value that this decoder does not support"))
    }
}

/// Channels at most.
const MOST: usize = 4096;

/// How a file names the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyNames {
    /// diffusers: `decoder.layers.0.weight`.
    Diffusers,
    /// `taesdxl_decoder`, one module by itself: `1.weight`, for its layer 0 is the clamp.
    Original,
}

impl TinyNames {
    /// The names that a file with these tensors follows; `None` if it holds no such decoder.
    #[must_use]
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        tensors.into_iter().find_map(|name| match name {
            "decoder.layers.2.conv.0.weight" => Some(Self::Diffusers),
            "3.conv.0.weight" => Some(Self::Original),
            _ => None,
        })
    }

    fn layer(self, w: &Weights, number: usize) -> Weights {
        match self {
            Self::Diffusers => w.at(&format!("decoder.layers.{number}")),
            Self::Original => w.at(&(number + 1).to_string()),
        }
    }
}

/// The decoder: `[n, h, w, latent channels] → [n, 8h, 8w, 3]`.
#[derive(Debug)]
pub struct TinyDecoder {
    config: TinyConfig,
    conv_in: Conv3x3,
    stages: Vec<Stage>,
    conv_out: Conv3x3,
    /// `conv_out` with its values from 0..1 brought to −1..1.
    conv_signed: OnceLock<Conv3x3>,
}

impl TinyDecoder {
    /// Under either kind of names.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, names: TinyNames, config: TinyConfig) -> Result<Self> {
        let channels = config.decoder_block_out_channels[0];
        let conv_in = Conv3x3::load(&names.layer(w, 0), config.latent_channels, channels)?;
        let last = config.num_decoder_blocks.len() - 1;
        // Layer 1 is a ReLU; where the resolution doubles, a layer without weights says so.
        let mut number = 2;
        let mut stages = Vec::new();
        for (place, &count) in config.num_decoder_blocks.iter().enumerate() {
            let blocks =
                (number..number + count).map(|number| Block::load(&names.layer(w, number), channels));
            let blocks = blocks.collect::<Result<_>>()?;
            number += count + usize::from(place < last);
            let conv = || Conv3x3::without_bias(&names.layer(w, number), channels, channels);
            stages.push(Stage { blocks, conv: (place < last).then(conv).transpose()? });
            number += usize::from(place < last);
        }
        let conv_out = Conv3x3::load(&names.layer(w, number), channels, config.out_channels)?;
        Ok(Self { config, conv_in, stages, conv_out, conv_signed: OnceLock::new() })
    }

    /// What it was built from.
    #[must_use]
    pub fn config(&self) -> &TinyConfig {
        &self.config
    }

    /// Input `latents [n, h, w, latent channels]`, already divided by the scaling factor; outputs the
    /// packed picture `[n, 8h, 8w, 1]` and, where `float` asks for it, the values it is made from, in
    /// −1..1 as the VAE's own decoder has them.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, latents: Shape, element: Element, float: bool) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let x = g.input("latents", latents);
        let x = g.activate(x, Activation::SoftClamp);
        let x = self.conv_in.forward(&mut g, x);
        let mut x = g.activate(x, Activation::Relu);
        for stage in &self.stages {
            x = stage.forward(&mut g, x);
        }
        let x = self.conv_signed.get_or_init(|| self.conv_out.stretched(2.0, -1.0)).forward(&mut g, x);
        let picture = g.picture(x);
        if float { g.finish(&[picture, x]) } else { g.finish(&[picture]) }
    }
}

/// Residual blocks, then double the resolution.
#[derive(Debug)]
struct Stage {
    blocks: Vec<Block>,
    /// After the doubling; none in the last stage.
    conv: Option<Conv3x3>,
}

impl Stage {
    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.blocks.iter().fold(x, |x, block| block.forward(g, x));
        let Some(conv) = &self.conv else { return x };
        let x = g.upsample(x, 2 * x.shape().height, 2 * x.shape().width);
        conv.forward(g, x)
    }
}

/// Three convolutions with ReLU between, and the way around.
#[derive(Debug)]
struct Block {
    convs: [Conv3x3; 3],
}

impl Block {
    fn load(w: &Weights, channels: usize) -> Result<Self> {
        let conv = |name: &str| Conv3x3::load(&w.at(name), channels, channels);
        Ok(Self { convs: [conv("conv.0")?, conv("conv.2")?, conv("conv.4")?] })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let [first, second, third] = &self.convs;
        let h = first.forward(g, x);
        let h = g.activate(h, Activation::Relu);
        let h = second.forward(g, h);
        let h = g.activate(h, Activation::Relu);
        let h = third.forward(g, h);
        let h = g.add(x, h);
        g.activate(h, Activation::Relu)
    }
}
