//! Changing the resolution, with a convolution.

use super::Conv3x3;
use crate::Result;
use crate::graph::{ConvWindow, Padding, Recorder, Tensor};
use crate::weights::Weights;

/// Half the resolution: a convolution at every second pixel.
#[derive(Debug)]
pub struct Downsample {
    conv: Conv3x3,
}

impl Downsample {
    /// `conv`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, channels: usize) -> Result<Self> {
        Self::load_padded(w, channels, Padding::AROUND)
    }

    /// `conv`, with zeros after the last row and column alone: the VAE's encoder.
    pub(crate) fn load_one_sided(w: &Weights, channels: usize) -> Result<Self> {
        Self::load_padded(w, channels, Padding::AFTER)
    }

    fn load_padded(w: &Weights, channels: usize, padding: Padding) -> Result<Self> {
        let window = ConvWindow { stride: 2, padding: [padding; 2] };
        Ok(Self { conv: Conv3x3::load_with(&w.at("conv"), channels, channels, window)? })
    }

    /// To half the height and width; odd ones are rounded up, with one-sided zeros down.
    pub fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        self.conv.forward(g, x)
    }
}

/// More resolution: nearest neighbour, then a convolution.
#[derive(Debug)]
pub struct Upsample {
    conv: Conv3x3,
}

impl Upsample {
    /// `conv`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, channels: usize) -> Result<Self> {
        Ok(Self { conv: Conv3x3::load(&w.at("conv"), channels, channels)? })
    }

    /// To `height × width`: in the UNet the skip's, which need not be the double.
    pub fn forward(&self, g: &mut Recorder, x: Tensor, height: usize, width: usize) -> Tensor {
        let x = g.upsample(x, height, width);
        self.conv.forward(g, x)
    }
}
