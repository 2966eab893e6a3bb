//! What a caller sees while a picture is drawn: events, a trace, and the way to stop it.

use super::Fit;
use crate::Result;
use crate::backend::{CancelToken, MemoryNeed};
use crate::graph::{Node, Shape};
use crate::message::Message;
use crate::picture::Parameters;
use crate::picture::Picture;
use crate::weights::Lora;

/// Told of every node's value.
pub type OnTrace<'a> = dyn FnMut(&TraceRow) -> Result<()> + 'a;

/// How a caller watches a run, and stops it.
pub struct Watch<'a> {
    /// Told of everything that happens, in order.
    pub event: &'a mut dyn FnMut(Event),
    /// Shown every node's value. Slow: every value is copied to the host.
    pub trace: Option<&'a mut OnTrace<'a>>,
    /// How many previews to show of each picture, spread evenly over its steps. Each costs less than a step of SDXL's.
    pub previews: usize,
    /// Stops the run at its next node.
    pub cancel: CancelToken,
}

/// What happens while pictures are drawn.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something that the user should know.
    Warning(Message),
    /// A LoRA that the prompt asks for was opened.
    Lora(Lora),
    /// A stage begins.
    Stage(DrawStage),
    /// What the run will take at its peak, known before it starts. Whoever needs more for what they do with the
    /// pictures says so now, by cancelling.
    Memory(MemoryNeed),
    /// How that fits into the memory of a device, where it has memory of its own.
    Fit(Fit),
    /// A step of a picture is done.
    Step {
        /// Which picture, from 0.
        image: usize,
        /// Which step, from 1.
        step: usize,
        /// Of how many.
        steps: usize,
        /// How long it took.
        seconds: f64,
    },
    /// What the picture would be if this step had been the last one; no larger than [`super::Engine::largest_preview`].
    Preview {
        /// Which picture, from 0.
        image: usize,
        /// Which step, from 1.
        step: usize,
        /// Smaller than the picture where that is large.
        picture: Box<Picture>,
    },
    /// A tile of a picture that is being enlarged is done.
    Tile {
        /// Which picture, from 0.
        image: usize,
        /// Which tile, from 1.
        tile: usize,
        /// Of how many.
        tiles: usize,
        /// How long it took.
        seconds: f64,
    },
    /// A picture is done. It is the watcher's from now on: the engine keeps none.
    Picture(Box<Drawn>),
}

/// The stages of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawStage {
    /// Weights are read, graphs compiled.
    Load,
    /// The prompt is encoded.
    Text,
    /// The picture that is drawn over is encoded.
    Encode,
    /// Latents are denoised: the picture's number, from 0.
    Denoise(usize),
    /// Latents become a picture: its number, from 0.
    Decode(usize),
    /// A picture is enlarged: its number, from 0.
    Upscale(usize),
}

/// A picture with all that is known of how it was made.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The pixels.
    pub picture: Picture,
    /// The settings, as they are written into the file.
    pub parameters: Parameters,
    /// The seed of its noise.
    pub seed: u64,
    /// Where the time went.
    pub seconds: Seconds,
}

/// Seconds by stage, of one picture.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Seconds {
    /// Reading weights and compiling graphs.
    pub load: f64,
    /// Both text encoders.
    pub text: f64,
    /// The VAE's encoder.
    pub encode: f64,
    /// Each step of the sampler.
    pub unet_steps: Vec<f64>,
    /// The VAE's decoder.
    pub vae: f64,
    /// Enlarging the picture.
    pub upscale: f64,
}

/// One node's value in short.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TraceRow {
    /// `text`, `unet step 1`, …, `vae`.
    pub program: String,
    /// Where in the model: `unet.down_blocks.0.resnets.0.conv1`.
    pub node: String,
    /// The operation.
    pub op: &'static str,
    /// `[images, height, width, channels]`.
    pub shape: [usize; 4],
    /// Of all values.
    pub mean: f64,
    /// Standard deviation of all values.
    pub sigma: f64,
    /// The least; NaN where any value is.
    pub min: f32,
    /// The greatest; NaN where any value is.
    pub max: f32,
    /// The first eight values.
    pub head: Vec<f32>,
}

impl TraceRow {
    /// Statistics of `values`.
    pub(super) fn new(program: &str, node: &Node, shape: Shape, values: &[f32]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let spread = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        let bad = values.iter().copied().find(|v| v.is_nan());
        Self {
            program: program.into(),
            node: node.label.clone(),
            op: node.op.name(),
            shape: [shape.images, shape.height, shape.width, shape.channels],
            mean,
            sigma: spread.sqrt(),
            min: bad.unwrap_or_else(|| values.iter().copied().fold(f32::INFINITY, f32::min)),
            max: bad.unwrap_or_else(|| values.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
            head: values.iter().take(8).copied().collect(),
        }
    }
}
