//! A T2I-Adapter: a picture's pixels to features of the sizes that the UNet has on its way down.

use crate::Result;
use crate::graph::{Activation, Element, Graph, Recorder, Shape, Tensor, Tiling};
use crate::layers::limits::{self, require};
use crate::layers::{Conv3x3, Linear};
use crate::unet::UNetConfig;
use crate::weights::{ADAPTER_LAYERS, Layout, NameTable, NetworkSpec, Standalone, Weights, listed};

/// Pixels of a side that become channels of one value.
const UNSHUFFLE: usize = 16;
/// The block that begins at half the resolution.
const HALVED: usize = 2;

/// The extents of an adapter.
#[derive(Debug, Clone)]
pub(crate) struct AdapterConfig {
    /// Channels of the picture.
    pixels: usize,
    /// Of each block's features.
    channels: Vec<usize>,
    /// Residual blocks of each.
    layers: usize,
}

impl AdapterConfig {
    /// That of an adapter for this UNet, as published ones are.
    pub(crate) fn usual(unet: &UNetConfig) -> Self {
        let channels = &unet.block_out_channels;
        let last = channels[channels.len() - 1];
        let channels = channels.iter().copied().chain([last]).collect();
        Self { pixels: 3, channels, layers: ADAPTER_LAYERS }
    }

    /// Its tensors.
    pub(crate) fn network(&self) -> Result<NetworkSpec> {
        let tensors = listed(|w| Adapter::load(w, self.clone()).map(drop))?;
        Ok(NetworkSpec { tensors, levels: Vec::new() })
    }

    /// What an adapter is made of, and its tensors; an error, as the rest of a sentence, where it is not one for this UNet.
    pub(super) fn of(
        file: &Standalone,
        unet: &UNetConfig,
        layout: Layout,
    ) -> Result<(Self, NetworkSpec, NameTable), String> {
        let names = NameTable::adapter(layout);
        let extent = |name: &str, axis: usize| file.shape(&names, name)?.get(axis).copied();
        let outputs = |i: usize| extent(&format!("body.{i}.resnets.0.block1.weight"), 0);
        let inputs = extent("conv_in.weight", 1).unwrap_or_default();
        let pixels = inputs / (UNSHUFFLE * UNSHUFFLE);
        require([1, 3].contains(&pixels) && inputs.is_multiple_of(UNSHUFFLE * UNSHUFFLE), || {
            "is a T2I-Adapter for Stable Diffusion 1".into()
        })?;
        let channels: Vec<usize> = (0..=2 * unet.levels()).map_while(outputs).collect();
        let last = unet.block_out_channels.len() - 1;
        let wanted = unet.block_out_channels.iter().chain([&unet.block_out_channels[last]]);
        let fits = channels.len() == unet.levels() + 1 && channels.iter().eq(wanted.clone());
        require(fits, || {
            let wanted: Vec<usize> = wanted.copied().collect();
            format!("makes features of {channels:?} channels, and the model's UNet takes {wanted:?}")
        })?;
        limits::extents("body", &channels)?;
        let halves = |level: usize| if unet.attends_down(level) { level } else { level + 1 };
        let wanted = |level: usize| if level < HALVED { 1 } else { 2 };
        let fits = (0..unet.levels()).all(|level| halves(level).min(unet.levels() - 1) == wanted(level));
        require(fits, || "adds to levels of other sizes than the model's UNet has".into())?;
        let has = |j: &usize| file.shape(&names, &format!("body.0.resnets.{j}.block1.weight")).is_some();
        let config = Self { pixels, channels, layers: (0..ADAPTER_LAYERS).take_while(has).count() };
        let network = config.network().map_err(|e| e.to_string())?;
        Ok((config, network, names))
    }
}

/// `T2IAdapter` of diffusers, of the type `full_adapter_xl`.
#[derive(Debug)]
pub(crate) struct Adapter {
    config: AdapterConfig,
    conv_in: Conv3x3,
    body: Vec<AdapterBlock>,
}

impl Adapter {
    /// Under diffusers' names.
    pub(crate) fn load(w: &Weights, config: AdapterConfig) -> Result<Self> {
        let channels = &config.channels;
        let body = (0..channels.len()).map(|i| {
            // Only the second and the third block begin with other channels than they end with.
            let inputs = if [1, HALVED].contains(&i) { channels[i - 1] } else { channels[i] };
            AdapterBlock::load(&w.at(&format!("body.{i}")), [inputs, channels[i]], config.layers)
        });
        let body = body.collect::<Result<_>>()?;
        let inputs = config.pixels * UNSHUFFLE * UNSHUFFLE;
        Ok(Self { conv_in: Conv3x3::load(&w.at("conv_in"), inputs, channels[0])?, body, config })
    }

    /// Extents of what [`Self::first_graph`] is given of a picture.
    pub(crate) fn input(&self, height: usize, width: usize) -> Shape {
        let channels = self.config.pixels * UNSHUFFLE * UNSHUFFLE;
        Shape::image(1, height.div_ceil(UNSHUFFLE), width.div_ceil(UNSHUFFLE), channels)
    }

    /// A picture `[height, width, 3]` from 0 to 1 as that graph wants it: squares of pixels as channels, as torch's
    /// `PixelUnshuffle` orders them. Where the sides are no multiples, the last pixels go on.
    pub(crate) fn unshuffled(&self, pixels: &[f32], height: usize, width: usize) -> Vec<f32> {
        let shape = self.input(height, width);
        let colour = |y: usize, x: usize| {
            let [r, g, b] = std::array::from_fn(|c| pixels[(y * width + x) * 3 + c]);
            // Of one channel: brightness, as Pillow's `L` weighs colours.
            if self.config.pixels == 3 { [r, g, b] } else { [0.299 * r + 0.587 * g + 0.114 * b; 3] }
        };
        let mut values = Vec::with_capacity(shape.len());
        for (top, left) in (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| (y, x))) {
            for channel in 0..self.config.pixels {
                for (dy, dx) in (0..UNSHUFFLE).flat_map(|y| (0..UNSHUFFLE).map(move |x| (y, x))) {
                    let y = (top * UNSHUFFLE + dy).min(height - 1);
                    let x = (left * UNSHUFFLE + dx).min(width - 1);
                    values.push(colour(y, x)[channel]);
                }
            }
        }
        values
    }

    /// The blocks of the whole resolution: input `pixels`, an output for each block's features.
    pub(crate) fn first_graph(&self, pixels: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element).tiled(tiling);
        let pixels = g.input("pixels", pixels);
        let x = self.conv_in.forward(&mut g, pixels);
        let features = features(&mut g, &self.body[..HALVED.min(self.body.len())], x);
        g.finish(&features)
    }

    /// Extents of every block's features, for a picture of this size.
    pub(crate) fn feature_shapes(&self, height: usize, width: usize) -> Vec<Shape> {
        let whole = self.input(height, width);
        let half = Shape { height: whole.height.div_ceil(2), width: whole.width.div_ceil(2), ..whole };
        let channels = self.config.channels.iter().enumerate();
        let shape = |(i, channels): (usize, &usize)| {
            if i < HALVED { whole.with_channels(*channels) } else { half.with_channels(*channels) }
        };
        channels.map(shape).collect()
    }

    /// Extents of what [`Self::rest_graph`] is given: the last features of the first, through [`halved`].
    pub(crate) fn rest_input(&self, height: usize, width: usize) -> Option<Shape> {
        (self.body.len() > HALVED).then(|| {
            let whole = self.input(height, width);
            let channels = self.config.channels[HALVED - 1];
            Shape::image(1, whole.height.div_ceil(2), whole.width.div_ceil(2), channels)
        })
    }

    /// The blocks of half the resolution: input `features`, an output for each block's features.
    pub(crate) fn rest_graph(&self, input: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element).tiled(tiling);
        let x = g.input("features", input);
        let features = features(&mut g, &self.body[HALVED..], x);
        g.finish(&features)
    }
}

/// The features after each block.
fn features(g: &mut Recorder, body: &[AdapterBlock], x: Tensor) -> Vec<Tensor> {
    let mut x = x;
    let blocks = body.iter().map(|block| {
        x = block.forward(g, x);
        x
    });
    blocks.collect()
}

/// Means of squares of two by two pixels; of those that there are, at odd ends.
pub(crate) fn halved(numbers: &[f32], shape: Shape) -> Vec<f32> {
    let Shape { height, width, channels, .. } = shape;
    let (down, across) = (height.div_ceil(2), width.div_ceil(2));
    let mut values = Vec::with_capacity(down * across * channels);
    for (top, left) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
        let rows = 2 * top..(2 * top + 2).min(height);
        let columns = 2 * left..(2 * left + 2).min(width);
        let count = (rows.len() * columns.len()) as f32;
        for channel in 0..channels {
            let places = rows.clone().flat_map(|y| columns.clone().map(move |x| y * width + x));
            let sum: f32 = places.map(|place| numbers[place * channels + channel]).sum();
            values.push(sum / count);
        }
    }
    values
}

/// A 1×1 convolution where channels change, then residual blocks.
#[derive(Debug)]
struct AdapterBlock {
    in_conv: Option<Linear>,
    resnets: Vec<AdapterLayer>,
}

impl AdapterBlock {
    fn load(w: &Weights, [inputs, outputs]: [usize; 2], layers: usize) -> Result<Self> {
        let in_conv = || Linear::pointwise(&w.at("in_conv"), inputs, outputs);
        let layer = |j: usize| AdapterLayer::load(&w.at(&format!("resnets.{j}")), outputs);
        Ok(Self {
            in_conv: (inputs != outputs).then(in_conv).transpose()?,
            resnets: (0..layers).map(layer).collect::<Result<_>>()?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.in_conv.as_ref().map_or(x, |conv| conv.forward(g, x));
        self.resnets.iter().fold(x, |x, layer| layer.forward(g, x))
    }
}

/// A 3×3 convolution, ReLU and a 1×1 convolution, with a way around.
#[derive(Debug)]
struct AdapterLayer {
    block1: Conv3x3,
    block2: Linear,
}

impl AdapterLayer {
    fn load(w: &Weights, channels: usize) -> Result<Self> {
        Ok(Self {
            block1: Conv3x3::load(&w.at("block1"), channels, channels)?,
            block2: Linear::pointwise(&w.at("block2"), channels, channels)?,
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let h = self.block1.forward(g, x);
        let h = g.activate(h, Activation::Relu);
        let h = self.block2.forward(g, h);
        g.add(x, h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_means_of_the_pixels_that_there_are() {
        let x: Vec<f32> = (0..9u8).map(f32::from).collect();
        assert_eq!(halved(&x, Shape::image(1, 3, 3, 1)), [2.0, 3.5, 6.5, 8.0]);
    }
}
