//! Both encoders as one graph: token ids in, conditioning out.

use super::{ClipConfig, ClipEncoder};
use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor};
use crate::tokens::LENGTH;
use crate::weights::{Checkpoint, Part};

/// What a prompt means to the UNet.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditioning {
    /// `[tokens, context channels]`: both encoders' penultimate states side by side.
    pub context: Vec<f32>,
    /// `[projection]`: the second encoder's pooled projection.
    pub pooled: Vec<f32>,
}

impl Conditioning {
    /// No meaning at all: zeros of the same extents (`force_zeros_for_empty_prompt`).
    pub(crate) fn zeros_like(&self) -> Self {
        Self { context: vec![0.0; self.context.len()], pooled: vec![0.0; self.pooled.len()] }
    }
}

/// SDXL's two text encoders.
#[derive(Debug)]
pub struct TextEncoders {
    first: ClipEncoder,
    second: ClipEncoder,
    configs: [ClipConfig; 2],
}

impl TextEncoders {
    /// Both, from the checkpoint's `text_encoder` and `text_encoder_2`.
    ///
    /// # Errors
    /// A configuration that is not CLIP's, a missing or misshapen tensor, by name.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let load = |part, pooled| {
            let config = ClipConfig::read(checkpoint.configs(), part)?;
            let encoder = ClipEncoder::load(&checkpoint.weights(part)?, &config, pooled)?;
            Ok((encoder, config))
        };
        let (first, config) = load(Part::TextEncoder, false)?;
        let (second, config_2) = load(Part::TextEncoder2, true)?;
        Ok(Self { first, second, configs: [config, config_2] })
    }

    /// Channels of the first encoder's states and of the second's.
    #[must_use]
    pub fn widths(&self) -> [usize; 2] {
        self.configs.each_ref().map(|config| config.hidden_size)
    }

    /// Channels of the context: both encoders' side by side.
    pub(crate) fn context_channels(&self) -> usize {
        self.widths().iter().sum()
    }

    /// Channels of the pooled projection.
    pub(crate) fn pooled_channels(&self) -> usize {
        self.configs[1].projection_dim
    }

    /// Token ids that the encoders know, the first's and the second's.
    pub(crate) fn vocabulary(&self) -> [usize; 2] {
        [self.configs[0].vocab_size, self.configs[1].vocab_size]
    }

    /// Inputs `ids_1`, `ids_2 [1, 1, 77, 1]` and `end [1, 1, 1, 1]`, the place of the second
    /// tokenizer's first end token; outputs the context `[1, 1, 77, context]` and the pooled
    /// projection `[1, 1, 1, projection]`.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let ids_1 = g.ids("ids_1", Shape::tokens(1, LENGTH, 1));
        let ids_2 = g.ids("ids_2", Shape::tokens(1, LENGTH, 1));
        let end = g.ids("end", Shape::vector(1, 1));
        let first = self.first.forward(&mut g, ids_1, end);
        let second = self.second.forward(&mut g, ids_2, end);
        let context = g.concat(first.penultimate, second.penultimate);
        let outputs: Vec<Tensor> = [context].into_iter().chain(second.pooled).collect();
        g.finish(&outputs)
    }
}
