//! `AutoencoderTiny`'s decoder (TAESD, and TAESDXL for SDXL's latents): 3×3 convolutions with ReLU, 17 million
//! products for each latent pixel where the VAE's own decoder has 300 million.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::Result;
use crate::graph::{Activation, Element, Graph, Recorder, Shape, Tensor, Tiling};
use crate::layers::Conv3x3;
use crate::layers::limits::{self, Fits};
use crate::weights::{Configs, Part, Weights};

/// `config.json` of a diffusers `AutoencoderTiny`. The default is the network of all published TAESD files, which come
/// without one.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TinyConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of the picture that is encoded, 3.
    pub in_channels: usize,
    /// Channels of the picture that comes out, 3.
    pub out_channels: usize,
    /// Channels of every stage of the encoder, outermost first. diffusers knows none whose stages differ.
    pub encoder_block_out_channels: Vec<usize>,
    /// Residual blocks of every stage of the encoder; each stage but the first halves the resolution.
    pub num_encoder_blocks: Vec<usize>,
    /// Channels of every stage, innermost first. diffusers knows none whose stages differ.
    pub decoder_block_out_channels: Vec<usize>,
    /// Residual blocks of every stage; each stage but the last doubles the resolution.
    pub num_decoder_blocks: Vec<usize>,
    /// The UNet's latents are the encoder's times this.
    pub scaling_factor: f32,
    upsampling_scaling_factor: usize,
    upsample_fn: String,
    act_fn: String,
    shift_factor: f32,
}

impl Default for TinyConfig {
    fn default() -> Self {
        Self {
            latent_channels: 4,
            in_channels: 3,
            out_channels: 3,
            encoder_block_out_channels: vec![64; 4],
            num_encoder_blocks: vec![1, 3, 3, 3],
            decoder_block_out_channels: vec![64; 4],
            num_decoder_blocks: vec![3, 3, 3, 1],
            scaling_factor: 1.0,
            upsampling_scaling_factor: 2,
            upsample_fn: "nearest".into(),
            act_fn: "relu".into(),
            shift_factor: 0.0,
        }
    }
}

impl TinyConfig {
    /// Picture pixels to a latent pixel, along a side.
    pub(crate) fn scale(&self) -> usize {
        1 << self.num_decoder_blocks.len().saturating_sub(1)
    }

    /// That of a model whose VAE is of this class.
    pub(super) fn read(configs: &Configs) -> Result<Self> {
        configs.checked(Part::Vae, Self::check)
    }

    /// An error, as a sentence, unless this decoder has all that is configured.
    fn check(&self) -> Fits {
        let (channels, blocks) = (&self.decoder_block_out_channels, &self.num_decoder_blocks);
        limits::extents("latent_channels", &[self.latent_channels])?;
        limits::extents("decoder_block_out_channels", channels)?;
        limits::blocks("num_decoder_blocks", blocks)?;
        let checks = [
            ("out_channels", self.out_channels == 3),
            ("decoder_block_out_channels", channels.iter().all(|c| *c == channels[0])),
            ("num_decoder_blocks", blocks.len() == channels.len()),
            ("scaling_factor", self.scaling_factor.is_finite() && self.scaling_factor > 0.0),
            ("upsampling_scaling_factor", self.upsampling_scaling_factor == 2),
            ("upsample_fn", self.upsample_fn == "nearest"),
            ("act_fn", self.act_fn == "relu"),
            ("shift_factor", self.shift_factor == 0.0),
        ];
        limits::all(&checks, "has a value that TAESDXL does not use")
    }

    /// Whether pictures can be encoded by what is configured.
    pub(crate) fn has_encoder(&self) -> bool {
        self.check_encoder().is_ok()
    }

    /// An error, as a sentence, unless the encoder has all that is configured for it. One that has not leaves the
    /// decoder as it is.
    pub(super) fn check_encoder(&self) -> Fits {
        let (channels, blocks) = (&self.encoder_block_out_channels, &self.num_encoder_blocks);
        limits::extents("encoder_block_out_channels", channels)?;
        limits::blocks("num_encoder_blocks", blocks)?;
        let checks = [
            ("in_channels", self.in_channels == 3),
            ("encoder_block_out_channels", channels.iter().all(|c| *c == channels[0])),
            (
                "num_encoder_blocks",
                blocks.len() == channels.len() && blocks.len() == self.num_decoder_blocks.len(),
            ),
        ];
        limits::all(&checks, "has a value that TAESDXL's encoder does not use")
    }
}

/// The decoder: `[n, h, w, latent channels] → [n, 8h, 8w, 3]`.
#[derive(Debug)]
pub struct TinyDecoder {
    conv_in: Conv3x3,
    stages: Vec<Stage>,
    conv_out: Conv3x3,
    /// `conv_out` with its values from 0..1 brought to −1..1.
    conv_signed: OnceLock<Conv3x3>,
}

impl TinyDecoder {
    /// Under diffusers' names: `decoder.layers.…`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, config: &TinyConfig) -> Result<Self> {
        let layer = |number: usize| w.at(&format!("decoder.layers.{number}"));
        let channels = config.decoder_block_out_channels[0];
        let conv_in = Conv3x3::load(&layer(0), config.latent_channels, channels)?;
        let last = config.num_decoder_blocks.len() - 1;
        // Layer 1 is a ReLU; where the resolution doubles, a layer without weights says so.
        let mut number = 2;
        let mut stages = Vec::new();
        for (place, &count) in config.num_decoder_blocks.iter().enumerate() {
            let blocks = (number..number + count).map(|number| Block::load(&layer(number), channels));
            let blocks = blocks.collect::<Result<_>>()?;
            number += count + usize::from(place < last);
            let conv = || Conv3x3::without_bias(&layer(number), channels, channels);
            stages.push(Stage { blocks, conv: (place < last).then(conv).transpose()? });
            number += usize::from(place < last);
        }
        let conv_out = Conv3x3::load(&layer(number), channels, config.out_channels)?;
        Ok(Self { conv_in, stages, conv_out, conv_signed: OnceLock::new() })
    }

    /// Input `latents [n, h, w, latent channels]`, already divided by the scaling factor; outputs the
    /// packed picture `[n, 8h, 8w, 1]` and, where `float` asks for it, the values it is made from, in
    /// −1..1 as the VAE's own decoder has them.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, latents: Shape, tiling: Tiling, element: Element, float: bool) -> Result<Graph> {
        let mut g = Recorder::new(element).tiled(tiling);
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
pub(super) struct Block {
    convs: [Conv3x3; 3],
}

impl Block {
    pub(super) fn load(w: &Weights, channels: usize) -> Result<Self> {
        let conv = |name: &str| Conv3x3::load(&w.at(name), channels, channels);
        Ok(Self { convs: [conv("conv.0")?, conv("conv.2")?, conv("conv.4")?] })
    }

    pub(super) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
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
