//! The decoder of opacity: a U of residual blocks over the decoded picture, with the latents beside it.

use std::path::Path;

use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor};
use crate::layers::{
    Attention, AttentionShape, Conv3x3, Downsample, GroupNorm, Linear, ResBlock, ResBlockShape, Upsample,
};
use crate::weights::{NetworkAbout, NetworkFile, NetworkFolder, Weights};

/// Groups of every norm.
const GROUPS: usize = 4;
/// Of every norm.
const EPSILON: f32 = 1e-5;
/// Channels of a head of attention.
const HEAD: usize = 8;
/// The level that is of the latents' resolution, before which they are added.
const LATENT_LEVEL: usize = 3;
/// Colours that go in; opacity and colours that come out.
const COLOURS: [usize; 2] = [3, 4];
/// Levels and blocks that are counted in a file.
const MOST: usize = 16;

/// What `vae_transparent_decoder` has.
#[derive(Debug)]
pub struct TransparentDecoder {
    conv_in: Conv3x3,
    latent_conv_in: Linear,
    down_blocks: Vec<Level<Downsample>>,
    mid_in: ResBlock,
    mid_attention: AttentionBlock,
    mid_out: ResBlock,
    up_blocks: Vec<Level<Upsample>>,
    norm_out: GroupNorm,
    conv_out: Conv3x3,
    shape: DecoderShape,
    file: NetworkFile,
}

/// Extents, as the tensors show them.
#[derive(Debug, Clone)]
struct DecoderShape {
    /// Of each level, outermost first.
    channels: Vec<usize>,
    /// Whether a level has attention.
    attends: Vec<bool>,
    /// Residual blocks of a level on the way down; one more on the way up.
    layers: usize,
    /// Channels of the latents.
    latents: usize,
}

impl DecoderShape {
    fn of(file: &NetworkFile) -> Option<Self> {
        let shape = |name: &str| file.shape(name);
        let block = |i: usize, j: usize| shape(&format!("down_blocks.{i}.resnets.{j}.conv1.weight"));
        let channels: Vec<usize> = (0..MOST).map_while(|i| block(i, 0)?.first().copied()).collect();
        let layers = (0..MOST).take_while(|j| block(0, *j).is_some()).count();
        let attends = |i| shape(&format!("down_blocks.{i}.attentions.0.to_q.weight")).is_some();
        let [_, latents, ..] = shape("latent_conv_in.weight")? else { return None };
        let fits = |channels: &usize| channels.is_multiple_of(GROUPS) && *channels > 0;
        let heads = |(i, channels): (usize, &usize)| !attends(i) || channels.is_multiple_of(HEAD);
        let fits = channels.len() > LATENT_LEVEL
            && channels.iter().all(fits)
            && channels.last()?.is_multiple_of(HEAD)
            && channels.iter().enumerate().all(heads);
        let attends = (0..channels.len()).map(attends).collect();
        fits.then_some(Self { channels, attends, layers, latents: *latents })
    }

    fn block(&self, inputs: usize, outputs: usize) -> ResBlockShape {
        ResBlockShape { inputs, outputs, time: None, groups: GROUPS, epsilon: EPSILON }
    }
}

impl TransparentDecoder {
    /// Picture pixels to a latent, along a side.
    pub const SCALE: usize = 1 << LATENT_LEVEL;

    /// Opens a file.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        let file = Self::file(path)?;
        let shape = DecoderShape::of(&file).ok_or_else(|| {
            file.refused("is not LayerDiffuse's decoder; give vae_transparent_decoder.safetensors for SDXL")
        })?;
        let (w, channels) = (file.weights(), &shape.channels);
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let mid = w.at("mid_block");
        Ok(Self {
            conv_in: Conv3x3::load(&w.at("conv_in"), COLOURS[0], first)?,
            latent_conv_in: Linear::pointwise(
                &w.at("latent_conv_in"),
                shape.latents,
                channels[LATENT_LEVEL - 1],
            )?,
            down_blocks: down_blocks(&w, &shape)?,
            mid_in: ResBlock::load(&mid.at("resnets.0"), shape.block(last, last))?,
            mid_attention: AttentionBlock::load(&mid.at("attentions.0"), last)?,
            mid_out: ResBlock::load(&mid.at("resnets.1"), shape.block(last, last))?,
            up_blocks: up_blocks(&w, &shape)?,
            norm_out: GroupNorm::load(&w.at("conv_norm_out"), first, GROUPS, EPSILON)?,
            conv_out: Conv3x3::load(&w.at("conv_out"), first, COLOURS[1])?,
            shape,
            file,
        })
    }

    /// Whether a file is one. What is wrong with others is said where they are opened.
    pub(super) fn is_one(path: &Path) -> bool {
        Self::file(path).is_ok_and(|file| DecoderShape::of(&file).is_some())
    }

    fn file(path: &Path) -> Result<NetworkFile> {
        let folder = NetworkFolder { stem: "vae_transparent_decoder", within: "" };
        NetworkFile::open(path, folder, "vae_transparent_decoder")
    }

    /// How much there is of it.
    pub(super) fn about(&self) -> NetworkAbout {
        self.file.about()
    }

    /// An error if its file was changed or truncated since it was opened.
    ///
    /// # Errors
    /// That.
    pub fn unchanged(&self) -> Result<()> {
        self.file.unchanged()
    }

    /// Channels of the latents that it reads.
    #[must_use]
    pub fn latent_channels(&self) -> usize {
        self.shape.latents
    }

    /// Inputs `pixels [1, h, w, 3]` from 0 to 1 and `latents [1, h / 8, w / 8, channels]`, as the VAE decodes them; one
    /// output `[1, h, w, 4]`, opacity first, then colours.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, latents: Shape, element: Element) -> Result<Graph> {
        let scale = Self::SCALE;
        let mut g = Recorder::new(element);
        let pixels =
            g.input("pixels", Shape::image(1, scale * latents.height, scale * latents.width, COLOURS[0]));
        let latents = g.input("latents", latents);
        let latents = self.latent_conv_in.forward(&mut g, latents);
        let mut x = self.conv_in.forward(&mut g, pixels);
        let mut skips = vec![x];
        for (level, block) in self.down_blocks.iter().enumerate() {
            if level == LATENT_LEVEL {
                x = g.add(x, latents);
            }
            x = block.down(&mut g, x, &mut skips);
        }
        x = self.mid_in.forward(&mut g, x, None);
        x = self.mid_attention.forward(&mut g, x);
        x = self.mid_out.forward(&mut g, x, None);
        for block in &self.up_blocks {
            x = block.up(&mut g, x, &mut skips);
        }
        let x = self.norm_out.silu(&mut g, x);
        let out = self.conv_out.forward(&mut g, x);
        g.finish(&[out])
    }
}

fn down_blocks(w: &Weights, shape: &DecoderShape) -> Result<Vec<Level<Downsample>>> {
    let channels = &shape.channels;
    let load = |i: usize| {
        let (w, inputs) = (w.at(&format!("down_blocks.{i}")), channels[i.saturating_sub(1)]);
        let inputs: Vec<usize> =
            (0..shape.layers).map(|j| if j == 0 { inputs } else { channels[i] }).collect();
        let resample =
            (i + 1 < channels.len()).then(|| Downsample::load(&w.at("downsamplers.0"), channels[i]));
        Level::load(&w, &inputs, shape, i, resample.transpose()?)
    };
    (0..channels.len()).map(load).collect()
}

/// Innermost first.
fn up_blocks(w: &Weights, shape: &DecoderShape) -> Result<Vec<Level<Upsample>>> {
    let channels = &shape.channels;
    let innermost = channels.len() - 1;
    let load = |i: usize| {
        let (w, here) = (w.at(&format!("up_blocks.{i}")), innermost - i);
        let inputs = (0..=shape.layers).map(|j| {
            let from = if j == 0 { channels[(here + 1).min(innermost)] } else { channels[here] };
            // The last value that it takes is the one with which the level began.
            from + if j == shape.layers { channels[here.saturating_sub(1)] } else { channels[here] }
        });
        let inputs: Vec<usize> = inputs.collect();
        let resample = (here > 0).then(|| Upsample::load(&w.at("upsamplers.0"), channels[here]));
        Level::load(&w, &inputs, shape, here, resample.transpose()?)
    };
    (0..channels.len()).map(load).collect()
}

/// Residual blocks of one resolution, with attention after each where the level has it.
#[derive(Debug)]
struct Level<R> {
    resnets: Vec<ResBlock>,
    attentions: Vec<AttentionBlock>,
    resample: Option<R>,
}

impl<R> Level<R> {
    fn load(
        w: &Weights,
        inputs: &[usize],
        shape: &DecoderShape,
        level: usize,
        resample: Option<R>,
    ) -> Result<Self> {
        let channels = shape.channels[level];
        let resnets = inputs.iter().enumerate().map(|(i, inputs)| {
            ResBlock::load(&w.at(&format!("resnets.{i}")), shape.block(*inputs, channels))
        });
        let attentions = (0..inputs.len())
            .filter(|_| shape.attends[level])
            .map(|i| AttentionBlock::load(&w.at(&format!("attentions.{i}")), channels));
        Ok(Self {
            resnets: resnets.collect::<Result<_>>()?,
            attentions: attentions.collect::<Result<_>>()?,
            resample,
        })
    }

    fn block(&self, g: &mut Recorder, i: usize, x: Tensor) -> Tensor {
        let x = self.resnets[i].forward(g, x, None);
        self.attentions.get(i).map_or(x, |attention| attention.forward(g, x))
    }
}

impl Level<Downsample> {
    fn down(&self, g: &mut Recorder, mut x: Tensor, skips: &mut Vec<Tensor>) -> Tensor {
        for i in 0..self.resnets.len() {
            x = self.block(g, i, x);
            skips.push(x);
        }
        if let Some(downsample) = &self.resample {
            x = downsample.forward(g, x);
            skips.push(x);
        }
        x
    }
}

impl Level<Upsample> {
    /// The next skip decides the size after upsampling: odd sizes were rounded up on the way down.
    fn up(&self, g: &mut Recorder, mut x: Tensor, skips: &mut Vec<Tensor>) -> Tensor {
        for i in 0..self.resnets.len() {
            if let Some(skip) = skips.pop() {
                x = g.concat(x, skip);
            }
            x = self.block(g, i, x);
        }
        if let Some(upsample) = &self.resample {
            let double = [2 * x.shape().height, 2 * x.shape().width];
            let [height, width] = skips.last().map_or(double, |s| [s.shape().height, s.shape().width]);
            x = upsample.forward(g, x, height, width);
        }
        x
    }
}

/// Attention of pixels to each other, behind a group norm and with a way around.
#[derive(Debug)]
struct AttentionBlock {
    norm: GroupNorm,
    attention: Attention,
}

impl AttentionBlock {
    fn load(w: &Weights, channels: usize) -> Result<Self> {
        let heads = channels / HEAD;
        let shape = AttentionShape { channels, context_channels: channels, heads, causal: false, bias: true };
        Ok(Self {
            norm: GroupNorm::load(&w.at("group_norm"), channels, GROUPS, EPSILON)?,
            attention: Attention::load(w, shape)?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let h = self.norm.forward(g, x);
        let h = self.attention.forward(g, h, h);
        g.add(x, h)
    }
}
