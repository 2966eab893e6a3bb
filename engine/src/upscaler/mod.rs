//! Networks that enlarge pictures: RRDBNet (ESRGAN, Real-ESRGAN) and SRVGG (Real-ESRGAN's small one).
//!
//! They are written as layers that record a graph, as all networks are. What is around them are only pixels in another
//! order, which is done here: neighbouring pixels as the channels of one before the network, and the reverse after it.

mod pixels;
mod rrdb;
mod srvgg;
mod tiles;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use self::pixels::Made;
use self::rrdb::{BLOCK_SEES, RrdbConfig, RrdbNet, TAIL_SEES};
use self::srvgg::{Srvgg, SrvggConfig};
pub(crate) use self::tiles::{Cut, Tile};
use crate::graph::{Element, Graph, Recorder, Shape};
use crate::picture::{CHANNELS, Picture};
use crate::weights::{UpscalerFile, Weights, listed};
use crate::{Error, Result};

/// Names of inputs: the picture, features of the blocks before, and those before the first block.
pub(crate) const PICTURE: &str = "picture";
pub(crate) const FEATURES: &str = "features";
pub(crate) const FIRST: &str = "first";

/// A part of a network that runs by itself, tile by tile. What lies between two of them is kept for the whole picture,
/// so tiles need overlap by no more than one part sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// All of it.
    Whole,
    /// Some of the blocks of an RRDBNet, with what is before the first and behind the last.
    Body(Range<usize>),
    /// Of an RRDBNet from there to the larger picture.
    Tail,
}

fn shape([height, width]: [usize; 2], channels: usize) -> Shape {
    Shape::image(1, height, width, channels)
}

/// A network that enlarges pictures, with the file that it was read from.
#[derive(Debug)]
pub struct Upscaler {
    file: UpscalerFile,
    config: Config,
    network: Network,
    id: u64,
}

#[derive(Debug)]
enum Config {
    Rrdb(RrdbConfig),
    Srvgg(SrvggConfig),
}

#[derive(Debug)]
enum Network {
    Rrdb(Box<RrdbNet>),
    Srvgg(Box<Srvgg>),
}

impl Config {
    fn of(file: &UpscalerFile) -> Result<Self> {
        let config = RrdbConfig::of(file).map(Self::Rrdb).or_else(|| SrvggConfig::of(file).map(Self::Srvgg));
        let error = |what| Error::File { file: file.path.clone(), what };
        let config = config
            .ok_or_else(|| error("lacks the first convolutions of an upscaler; fetch it again".into()))?;
        let fits = match &config {
            Self::Rrdb(config) => config.check(),
            Self::Srvgg(config) => config.check(),
        };
        fits.map_err(|what| error(format!("is an upscaler that cannot be made: {what}")))?;
        Ok(config)
    }

    fn load(&self, w: &Weights) -> Result<Network> {
        match self {
            Self::Rrdb(config) => Ok(Network::Rrdb(Box::new(RrdbNet::load(w, config)?))),
            Self::Srvgg(config) => Ok(Network::Srvgg(Box::new(Srvgg::load(w, config)?))),
        }
    }
}

impl Upscaler {
    /// Opens a safetensors file, a `.pth` of PyTorch, or the `.param` and `.bin` of ncnn.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of(UpscalerFile::open(path)?)
    }

    /// The same where the file may be anything; `None` where it is no upscaler.
    ///
    /// # Errors
    /// It is an upscaler, but one that cannot be used.
    pub fn find(path: &Path) -> Result<Option<Self>> {
        UpscalerFile::find(path)?.map(Self::of).transpose()
    }

    fn of(file: UpscalerFile) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let config = Config::of(&file)?;
        let tensors = listed(|w| config.load(w).map(drop))?;
        let network = config.load(&file.weights(&tensors)?)?;
        Ok(Self { file, config, network, id: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// What the network is called.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.config {
            Config::Rrdb(_) => "RRDBNet",
            Config::Srvgg(_) => "SRVGG",
        }
    }

    /// Pixels of a side that the network makes of one.
    #[must_use]
    pub fn scale(&self) -> usize {
        match &self.config {
            Config::Rrdb(config) => config.scale(),
            Config::Srvgg(config) => config.scale(),
        }
    }

    /// What it is meant to enlarge sides by: its scale, or less where its file says so.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.scale() as f64 * self.file.reduction
    }

    /// How many numbers it has, and how they are stored.
    #[must_use]
    pub fn parameters(&self) -> (usize, BTreeSet<String>) {
        self.file.parameters()
    }

    /// About how many operations it does for a pixel of the picture that it is given.
    #[must_use]
    pub fn operations(&self) -> f64 {
        let (parameters, _) = self.parameters();
        let square = match &self.config {
            Config::Rrdb(config) => config.folded().max(1).pow(2),
            Config::Srvgg(_) => 1,
        };
        2.0 * parameters as f64 / square as f64
    }

    /// Unlike that of any other that was opened.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// An error unless the file is as it was when it was opened.
    pub(crate) fn unchanged(&self) -> Result<()> {
        self.file.unchanged()
    }

    /// How many blocks it has between its first convolution and its tail; none where it has no such parts.
    pub(crate) fn blocks(&self) -> usize {
        match &self.config {
            Config::Rrdb(config) => config.blocks,
            Config::Srvgg(_) => 0,
        }
    }

    /// Channels between those parts.
    pub(crate) fn features(&self) -> usize {
        match &self.config {
            Config::Rrdb(config) => config.features,
            Config::Srvgg(_) => 0,
        }
    }

    /// Pixels of a side that come in as one.
    fn folded(&self) -> usize {
        match &self.config {
            Config::Rrdb(config) => config.folded(),
            Config::Srvgg(_) => 1,
        }
    }

    /// Height and width of a picture as it comes in.
    pub(crate) fn size(&self, picture: &Picture) -> [usize; 2] {
        [picture.height, picture.width].map(|side| side.div_ceil(self.folded()))
    }

    /// How far a stage looks beyond a pixel, as pixels come in.
    pub(crate) fn sees(&self, stage: &Stage) -> usize {
        match (&self.config, stage) {
            (Config::Srvgg(config), _) => config.sees(),
            (Config::Rrdb(_), Stage::Tail) => TAIL_SEES,
            (Config::Rrdb(config), Stage::Whole) => config.blocks * BLOCK_SEES + TAIL_SEES + 2,
            // With the first convolution, or the one after the last block, or both.
            (Config::Rrdb(config), Stage::Body(blocks)) => {
                let ends = usize::from(blocks.start == 0) + usize::from(blocks.end == config.blocks);
                blocks.len() * BLOCK_SEES + ends
            }
        }
    }

    /// The names of a stage's inputs.
    pub(crate) fn inputs(&self, stage: &Stage) -> Vec<&'static str> {
        match stage {
            Stage::Whole => vec![PICTURE],
            Stage::Body(blocks) if blocks.start == 0 => vec![PICTURE],
            Stage::Body(blocks) if blocks.end == self.blocks() => vec![FEATURES, FIRST],
            Stage::Body(_) | Stage::Tail => vec![FEATURES],
        }
    }

    /// The graph of a stage for tiles of this height and width. Its inputs are those of [`Upscaler::inputs`]; outputs are
    /// features, the first ones behind those of later blocks, or what [`Upscaler::lay`] lays.
    pub(crate) fn graph(&self, stage: &Stage, size: [usize; 2], element: Element) -> Result<Graph> {
        let mut graph = Recorder::new(element);
        let g = &mut graph;
        let features = |g: &mut Recorder, name: &str| g.input(name, shape(size, self.features()));
        let outputs = match (&self.network, stage) {
            (Network::Srvgg(network), _) => {
                let x = g.input(PICTURE, self.shape(size));
                vec![network.forward(g, x)]
            }
            (Network::Rrdb(network), Stage::Whole) => {
                let x = g.input(PICTURE, self.shape(size));
                let first = network.first(g, x);
                let h = network.blocks(g, first, 0..self.blocks());
                let h = network.joined(g, first, h);
                vec![network.tail(g, h)]
            }
            (Network::Rrdb(network), Stage::Tail) => {
                let h = features(g, FEATURES);
                vec![network.tail(g, h)]
            }
            (Network::Rrdb(network), Stage::Body(blocks)) => {
                let (is_first, is_last) = (blocks.start == 0, blocks.end == self.blocks());
                let x = if is_first {
                    let x = g.input(PICTURE, self.shape(size));
                    network.first(g, x)
                } else {
                    features(g, FEATURES)
                };
                let h = network.blocks(g, x, blocks.clone());
                match (is_first, is_last) {
                    (true, true) => vec![network.joined(g, x, h)],
                    (false, true) => {
                        let first = features(g, FIRST);
                        vec![network.joined(g, first, h)]
                    }
                    (true, false) => vec![h, x],
                    (false, false) => vec![h],
                }
            }
        };
        graph.finish(&outputs)
    }

    /// Of a tile of the picture.
    pub(crate) fn shape(&self, size: [usize; 2]) -> Shape {
        shape(size, CHANNELS * self.folded() * self.folded())
    }

    /// A tile of a picture, as the network takes it: in 0..1, and mirrored beyond the picture's ends.
    pub(crate) fn input(&self, picture: &Picture, tile: &Tile, size: [usize; 2]) -> Vec<f32> {
        pixels::folded(picture, tile.start, size, self.folded())
    }

    /// Lays what the network made of a tile into the large picture.
    ///
    /// # Errors
    /// [`Error::PictureNotFinite`].
    pub(crate) fn lay(&self, made: &Made<'_>, picture: &Picture, large: &mut Picture) -> Result<()> {
        let is_difference = matches!(self.config, Config::Srvgg(_));
        let larger = if is_difference { self.scale() } else { self.scale() * self.folded() };
        let laid = made.lay(is_difference.then_some(picture), larger, large);
        laid.ok_or_else(|| Error::PictureNotFinite { layer: format!("upscaler {}", self.path().display()) })
    }
}
