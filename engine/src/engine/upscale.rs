//! Finished pictures become larger ones: by a network, tile by tile, or by Lanczos' window.

use std::path::Path;
use std::sync::Arc;

use super::device::{Device, Opened};
use super::stages::Stages;
use super::watch::{DrawStage, Event};
use super::{DrawPlan, Engine, Precision, Watch};
use crate::backend::{Backend, MemoryNeed};
use crate::edit::resampled;
use crate::graph::Element;
use crate::message::{Message, Setting};
use crate::picture::{self, Picture};
use crate::request::Upscale;
use crate::upscaler::Upscaler;
use crate::{Error, Result};

/// Pixels of a picture on its way, which may become smaller at the end.
const MOST_PIXELS: usize = 256 << 20;

/// Enlarges pictures on a device.
pub struct Enlarger {
    backend: Arc<dyn Backend>,
    stages: Stages,
    /// The network that was used last.
    network: Option<Arc<Upscaler>>,
    warning: Option<Message>,
}

/// What is done with a picture. Sides are width and height.
struct Steps {
    network: Option<Arc<Upscaler>>,
    /// The sides after each run of the network.
    runs: Vec<[usize; 2]>,
    /// The sides at the end.
    end: [usize; 2],
}

impl Enlarger {
    /// Opens a device.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn open(device: &Device, precision: Option<Precision>) -> Result<Self> {
        let Opened { backend, is_gpu, warning } = device.choose(precision)?;
        let usual = if is_gpu { Precision::F16 } else { Precision::F32 };
        Ok(Self { warning, ..Self::new(backend, precision.unwrap_or(usual).into()) })
    }

    /// The same on a backend that is open already.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, element: Element) -> Self {
        Self { backend, stages: Stages::new(element), network: None, warning: None }
    }

    /// The same with tiles of at most so many pixels a side, whatever memory there is.
    #[must_use]
    pub fn with_largest_tile(mut self, largest_tile: usize) -> Self {
        self.stages.largest_tile = Some(largest_tile);
        self
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self) -> &str {
        self.backend.name()
    }

    /// What the user should know of the device.
    #[must_use]
    pub fn warning(&self) -> Option<&Message> {
        self.warning.as_ref()
    }

    /// Compiles what enlarging a picture of this width and height needs, which may have alpha; the memory that takes at its
    /// peak.
    ///
    /// # Errors
    /// Whatever is wrong with the network's file, and [`Error::Request`] where the picture would be too large.
    pub fn prepare(&mut self, sides: [usize; 2], alpha: bool, upscale: &Upscale) -> Result<MemoryNeed> {
        let Steps { network, runs, end } = self.steps(sides, upscale)?;
        let (mut need, mut from) = (MemoryNeed::default(), sides);
        for to in runs {
            if let Some(network) = &network {
                let [width, height] = from;
                let blank = Picture::new(width, height, vec![]);
                let one = self.stages.need(self.backend.as_ref(), network, network.size(&blank))?;
                need.activations = need.activations.max(one.activations);
                need.scratch = need.scratch.max(one.scratch);
                need.weights = need.weights.max(one.weights);
                need.picture = need.picture.max(bytes(from) + bytes(to) + one.picture);
            }
            from = to;
        }
        let opacity = if alpha { (end[0] * end[1]) as u64 } else { 0 };
        let resized = bytes(from) + bytes(end) + resizing(from, end);
        let encoded = bytes(end) + picture::encoding(end[0], end[1], alpha);
        Ok(MemoryNeed { picture: need.picture.max(resized).max(encoded) + opacity, ..need })
    }

    /// Enlarges the `image`-th picture. Told are the stage and every tile.
    ///
    /// # Errors
    /// As [`Enlarger::prepare`]; [`Error::Cancelled`], [`Error::Device`] and [`Error::PictureNotFinite`].
    pub fn enlarge(
        &mut self,
        picture: Picture,
        upscale: &Upscale,
        image: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Picture> {
        // Tiles are as large as there is memory for.
        self.backend.rest();
        let Steps { network, runs, end } = self.steps([picture.width, picture.height], upscale)?;
        (watch.event)(Event::Stage(DrawStage::Upscale(image)));
        let [width, height] = end;
        let Some(network) = &network else { return Ok(resampled(&picture, width, height)) };
        // A network knows colours alone.
        let alpha = picture.alpha.is_some().then(|| resampled(&picture, width, height).alpha).flatten();
        let mut large = Picture { alpha: None, ..picture };
        for _ in runs {
            large = self.stages.run(self.backend.as_ref(), network, &large, (image, &mut *watch))?;
            self.backend.rest();
        }
        network.unchanged()?;
        watch.cancel.check()?;
        Ok(Picture { alpha, ..resampled(&large, width, height) })
    }

    /// What is to be done with a picture of this width and height.
    fn steps(&mut self, sides: [usize; 2], upscale: &Upscale) -> Result<Steps> {
        upscale.validate()?;
        let network = upscale.file.as_deref().map(|file| self.network(file)).transpose()?;
        let ratio = upscale.ratio(network.as_ref().map(|network| network.ratio()));
        let end = Upscale::enlarged(sides, ratio)?;
        let runs = network.as_ref().map(|network| runs(sides, end, network.scale())).transpose();
        let runs = runs.map_err(|[width, height]| {
            let what = format!(" {ratio} needs a picture of {width}x{height} pixels on its way; try less");
            Error::Request(Message::of(Setting::UpscaleBy).text(what))
        })?;
        Ok(Steps { network, runs: runs.unwrap_or_default(), end })
    }

    /// The network of a file, opened once.
    fn network(&mut self, file: &Path) -> Result<Arc<Upscaler>> {
        let known = self.network.as_ref().filter(|known| known.path() == file && known.unchanged().is_ok());
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let opened = Arc::new(Upscaler::open(file)?);
        self.network = Some(opened.clone());
        Ok(opened)
    }
}

/// The sides after each run of a network: once at least, and again where that is not enough; those that are too large as
/// an error.
fn runs(mut sides: [usize; 2], end: [usize; 2], scale: usize) -> Result<Vec<[usize; 2]>, [usize; 2]> {
    let mut runs = vec![];
    loop {
        sides = sides.map(|side| side * scale);
        if sides[0].saturating_mul(sides[1]) > MOST_PIXELS {
            return Err(sides);
        }
        runs.push(sides);
        if scale < 2 || sides[0] >= end[0] && sides[1] >= end[1] {
            return Ok(runs);
        }
    }
}

/// Bytes that bringing a picture to another size takes, beside both: with its rows done, and a copy of what comes in.
fn resizing(from: [usize; 2], to: [usize; 2]) -> u64 {
    if from == to { 0 } else { bytes([to[0], from[1]]) + bytes(from) }
}

/// Bytes of a picture.
fn bytes([width, height]: [usize; 2]) -> u64 {
    (width * height * picture::CHANNELS) as u64
}

impl Engine {
    /// Enlarges pictures that were drawn already, on this engine's device.
    pub fn enlarger(&mut self) -> &mut Enlarger {
        &mut self.enlarger
    }

    /// Compiles what enlarging the pictures of a plan needs, where it asks for that.
    pub(super) fn prepare_upscale(&mut self, plan: &DrawPlan) -> Result<Option<MemoryNeed>> {
        let (width, height) = plan.finished_size();
        let prepare = |upscale| self.enlarger.prepare([width, height], plan.has_alpha(), upscale);
        plan.upscale.as_ref().map(prepare).transpose()
    }

    /// A finished picture, enlarged where the plan asks for that.
    pub(super) fn enlarged(
        &mut self,
        picture: Picture,
        plan: &DrawPlan,
        image: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Picture> {
        match &plan.upscale {
            Some(upscale) => self.enlarger.enlarge(picture, upscale, image, watch),
            None => Ok(picture),
        }
    }
}
