//! Products: over the channels of a pixel, and over the 3×3 pixels around it.

use std::sync::Arc;

use crate::Result;
use crate::graph::{ConvWindow, Recorder, Tensor};
use crate::weights::{Weight, Weights};

/// `x · weightᵀ + bias`: `[.., in] → [.., out]`. A 1×1 convolution is the same thing.
#[derive(Debug)]
pub struct Linear {
    weight: Arc<Weight>,
    /// Attention's queries, keys and values have none in the UNet.
    bias: Option<Arc<Weight>>,
}

impl Linear {
    /// `weight [out, in]` and `bias [out]`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = w.matrix("weight", &[outputs, inputs])?;
        Ok(Self { weight, bias: Some(w.vector("bias", outputs)?) })
    }

    /// `weight [out, in]` alone.
    pub(crate) fn without_bias(w: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self { weight: w.matrix("weight", &[outputs, inputs])?, bias: None })
    }

    /// A 1×1 convolution: `weight [out, in, 1, 1]` and `bias [out]`.
    pub(crate) fn pointwise(w: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = w.matrix("weight", &[outputs, inputs, 1, 1])?;
        Ok(Self { weight, bias: Some(w.vector("bias", outputs)?) })
    }

    /// A convolution whose kernel is as large as its steps: `weight [out, channels, patch, patch]`, no bias. Its inputs
    /// are patches, all numbers of a channel side by side.
    pub(crate) fn patches(w: &Weights, [channels, patch]: [usize; 2], outputs: usize) -> Result<Self> {
        let weight = w.tensor("weight", &[outputs, channels, patch, patch])?;
        let matrix = weight.reshaped(weight.name(), &[outputs, channels * patch * patch]);
        Ok(Self { weight: Arc::new(matrix), bias: None })
    }

    /// `[out, in]`.
    pub(super) fn weight(&self) -> &Arc<Weight> {
        &self.weight
    }

    /// What its weight is called.
    pub(super) fn name(&self) -> &str {
        self.weight.name()
    }

    /// Channels of what comes out.
    pub(super) fn outputs(&self) -> usize {
        self.weight.outputs()
    }

    /// `[.., in] → [.., out]`.
    pub fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        g.linear(x, &self.weight, self.bias.as_ref())
    }
}

/// A 3×3 convolution: `[n, h, w, in] → [n, h', w', out]`.
#[derive(Debug)]
pub struct Conv3x3 {
    weight: Arc<Weight>,
    bias: Option<Arc<Weight>>,
    window: ConvWindow,
}

impl Conv3x3 {
    /// `weight [out, in, 3, 3]` and `bias [out]`; every pixel, with one pixel of zeros around.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        Self::load_with(w, inputs, outputs, ConvWindow::SAME)
    }

    /// The same, with another window.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load_with(w: &Weights, inputs: usize, outputs: usize, window: ConvWindow) -> Result<Self> {
        let weight = w.matrix("weight", &[outputs, inputs, 3, 3])?;
        Ok(Self { weight, bias: Some(w.vector("bias", outputs)?), window })
    }

    /// Every pixel, with one pixel of zeros around, and no bias.
    pub(crate) fn without_bias(w: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        Self::without_bias_with(w, inputs, outputs, ConvWindow::SAME)
    }

    /// Another window, and no bias.
    pub(crate) fn without_bias_with(
        w: &Weights,
        inputs: usize,
        outputs: usize,
        window: ConvWindow,
    ) -> Result<Self> {
        let weight = w.matrix("weight", &[outputs, inputs, 3, 3])?;
        Ok(Self { weight, bias: None, window })
    }

    /// The convolution whose values are these times `factor`, plus `summand`.
    pub(crate) fn stretched(&self, factor: f32, summand: f32) -> Self {
        let change = |weight: &Weight, summand: f32| {
            let values: Vec<f32> = weight.to_f32().iter().map(|value| value * factor + summand).collect();
            Arc::new(Weight::from_f32(weight.name(), weight.shape().to_vec(), &values))
        };
        let bias = self.bias.as_ref().map(|bias| change(bias, summand));
        Self { weight: change(&self.weight, 0.0), bias, window: self.window }
    }

    /// The convolution whose values are these times `factor`, its numbers being multiplied as they are read.
    pub(crate) fn times(self, factor: f32) -> Self {
        let times = |weight: &Arc<Weight>| Arc::new(weight.times(factor));
        Self { weight: times(&self.weight), bias: self.bias.as_ref().map(times), ..self }
    }

    /// `[n, h, w, in] → [n, h', w', out]`.
    pub fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        g.conv3x3(x, &self.weight, self.bias.as_ref(), self.window)
    }
}
