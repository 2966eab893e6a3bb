//! RRDBNet: the network of ESRGAN and Real-ESRGAN (Wang et al. 2018, arXiv 1809.00219; 2021, arXiv 2107.10833).

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::graph::{Activation, Recorder, Tensor};
use crate::layers::Conv3x3;
use crate::layers::limits::{self, Fits};
use crate::weights::{UpscalerFile, Weight, Weights};

/// What residuals are multiplied by.
const FIFTH: f32 = 0.2;

/// Largest number of doublings: pictures of eight times the sides.
const MOST_DOUBLINGS: usize = 3;

/// The extents of a network, which its tensors tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RrdbConfig {
    /// Channels of the picture that comes in, 3 for each pixel that lies in one.
    pub(super) inputs: usize,
    /// Channels between the blocks.
    pub(super) features: usize,
    /// Channels that a dense convolution adds.
    growth: usize,
    pub(super) blocks: usize,
    /// How often the sides are doubled.
    pub(super) doublings: usize,
}

impl RrdbConfig {
    /// Those of a file's network; `None` where its names are not of this network.
    pub(super) fn of(file: &UpscalerFile) -> Option<Self> {
        let shape = |name: &str| file.shape(name).filter(|shape| shape.len() == 4);
        let first = shape("conv_first.weight")?;
        let blocks =
            file.names().filter_map(|name| name.strip_prefix("body.")?.split('.').next()?.parse().ok());
        let doubling = |number: &usize| shape(&format!("conv_up{number}.weight")).is_some();
        Some(Self {
            inputs: first[1],
            features: first[0],
            growth: shape("body.0.rdb1.conv1.weight")?[0],
            blocks: blocks.max().map_or(0, |last: usize| last.saturating_add(1)),
            doublings: (1..=MOST_DOUBLINGS + 1).take_while(doubling).count(),
        })
    }

    /// Pixels of a side that come in as one.
    pub(super) fn folded(&self) -> usize {
        (1..=4).find(|side| 3 * side * side == self.inputs).unwrap_or(0)
    }

    /// Pixels of a side that one pixel becomes.
    pub(super) fn scale(&self) -> usize {
        (1 << self.doublings) / self.folded().max(1)
    }

    /// An error, as a sentence, unless this network can be made.
    pub(super) fn check(&self) -> Fits {
        limits::extents("conv_first.weight", &[self.features])?;
        limits::extents("body.0.rdb1.conv1.weight", &[self.growth])?;
        limits::layers("body", &[self.blocks])?;
        let folded = self.folded();
        let whole = folded > 0 && (1usize << self.doublings).is_multiple_of(folded);
        limits::require(whole && self.doublings <= MOST_DOUBLINGS, || {
            let (inputs, doublings) = (self.inputs, self.doublings);
            format!(
                "`conv_first.weight` takes {inputs} channels, and the sides are doubled {doublings} times"
            )
        })
    }
}

/// How far a block looks: 15 convolutions, a pixel each.
pub(super) const BLOCK_SEES: usize = 15;

/// How far the tail looks, in pixels before the sides are doubled: one in each size, and two more in the last.
pub(super) const TAIL_SEES: usize = 2;

/// `[n, h, w, inputs] → [n, h · 2ᵈ, w · 2ᵈ, 3]`.
#[derive(Debug)]
pub(super) struct RrdbNet {
    conv_first: Conv3x3,
    body: Vec<Rrdb>,
    conv_body: Conv3x3,
    conv_up: Vec<Conv3x3>,
    conv_hr: Conv3x3,
    conv_last: Conv3x3,
    fifth: Arc<Weight>,
}

impl RrdbNet {
    /// Under Real-ESRGAN's names.
    pub(super) fn load(w: &Weights, config: &RrdbConfig) -> Result<Self> {
        let features = config.features;
        let conv = |name: &str| Conv3x3::load(&w.at(name), features, features);
        let block = |number| Rrdb::load(&w.at(&format!("body.{number}")), features, config.growth);
        Ok(Self {
            conv_first: Conv3x3::load(&w.at("conv_first"), config.inputs, features)?,
            body: (0..config.blocks).map(block).collect::<Result<_>>()?,
            conv_body: conv("conv_body")?,
            conv_up: (1..=config.doublings).map(|n| conv(&format!("conv_up{n}"))).collect::<Result<_>>()?,
            conv_hr: conv("conv_hr")?,
            conv_last: Conv3x3::load(&w.at("conv_last"), features, 3)?,
            fifth: fifth(features),
        })
    }

    /// From the picture to the features before the first block.
    pub(super) fn first(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        self.conv_first.forward(g, x)
    }

    /// Some of the blocks.
    pub(super) fn blocks(&self, g: &mut Recorder, x: Tensor, blocks: Range<usize>) -> Tensor {
        let blocks = self.body.iter().take(blocks.end).skip(blocks.start);
        blocks.fold(x, |h, block| block.forward(g, h, &self.fifth))
    }

    /// From what the blocks made, and what went into them, to the features that become pixels.
    pub(super) fn joined(&self, g: &mut Recorder, first: Tensor, h: Tensor) -> Tensor {
        let h = self.conv_body.forward(g, h);
        g.add(first, h)
    }

    /// From those to the larger picture.
    pub(super) fn tail(&self, g: &mut Recorder, mut x: Tensor) -> Tensor {
        for conv in &self.conv_up {
            x = g.upsample(x, 2 * x.shape().height, 2 * x.shape().width);
            x = leaky(g, conv, x);
        }
        let x = leaky(g, &self.conv_hr, x);
        self.conv_last.forward(g, x)
    }
}

/// Three dense blocks, a fifth of which is added to what came in.
#[derive(Debug)]
struct Rrdb {
    dense: [DenseBlock; 3],
}

impl Rrdb {
    fn load(w: &Weights, features: usize, growth: usize) -> Result<Self> {
        let block = |name: &str| DenseBlock::load(&w.at(name), features, growth);
        Ok(Self { dense: [block("rdb1")?, block("rdb2")?, block("rdb3")?] })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor, fifth: &Arc<Weight>) -> Tensor {
        let h = self.dense.iter().fold(x, |h, block| block.forward(g, h));
        let h = g.linear(h, fifth, None);
        g.add(x, h)
    }
}

/// Five convolutions, each over all that came before it.
#[derive(Debug)]
struct DenseBlock {
    convs: [Conv3x3; 4],
    /// With numbers of a fifth, for a fifth of what it makes is added.
    last: Conv3x3,
}

impl DenseBlock {
    fn load(w: &Weights, features: usize, growth: usize) -> Result<Self> {
        let conv = |number: usize, outputs| {
            Conv3x3::load(&w.at(&format!("conv{number}")), features + (number - 1) * growth, outputs)
        };
        Ok(Self {
            convs: [conv(1, growth)?, conv(2, growth)?, conv(3, growth)?, conv(4, growth)?],
            last: conv(5, features)?.times(FIFTH),
        })
    }

    fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let all = self.convs.iter().fold(x, |all, conv| {
            let more = leaky(g, conv, all);
            g.concat(all, more)
        });
        let h = self.last.forward(g, all);
        g.add(x, h)
    }
}

fn leaky(g: &mut Recorder, conv: &Conv3x3, x: Tensor) -> Tensor {
    let x = conv.forward(g, x);
    g.activate(x, Activation::LeakyRelu)
}

/// A product that multiplies every channel by a fifth: as one, it takes the sum that follows into its epilogue.
fn fifth(channels: usize) -> Arc<Weight> {
    let mut values = vec![0.0; channels * channels];
    values.iter_mut().step_by(channels + 1).for_each(|value| *value = FIFTH);
    Arc::new(Weight::from_f32("fifth.weight", vec![channels, channels], &values))
}
