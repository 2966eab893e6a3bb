//! The speed of a network's operations at every size of picture, and the sizes that are slower than their neighbours.

use std::thread::available_parallelism;

use fulmen_engine::Result;
use fulmen_engine::graph::{ConvWindow, Shape};

use super::worked::worked;
use super::{Device, Sketch};

/// Pixels that a latent covers, in each direction: sides of pictures are multiples of it.
pub const GRAIN: usize = 8;

/// The height of pictures whose width alone grows.
const HEIGHT: usize = 512;

/// Rows of pixels that the VAE's convolution is timed at.
const VAE_ROWS: usize = 64;

/// Channels of the UNet's operations: few, so that a run takes milliseconds on a processor that plays a GPU, and others that
/// work there leave some of them undisturbed.
const CHANNELS: usize = 64;

/// Channels of the VAE's convolution.
const VAE_CHANNELS: usize = 32;

/// Channels of the one head.
const HEAD: usize = 64;

/// Runs at the most, and the seconds after which there are enough.
const RUNS: usize = 9;
const SECONDS: f64 = 0.02;

/// Operations of a run, and copies of a node at the most.
const ENOUGH: usize = 200_000_000;
const MOST_COPIES: usize = 32;

/// How many neighbours on each side a size is compared with.
const NEIGHBOURS: usize = 4;

/// Which pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Of 512 rows, and wider and wider.
    Wide,
    /// As high as wide.
    Square,
}

impl Pictures {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Wide, Self::Square];

    /// As a legend calls them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wide => "512 high",
            Self::Square => "square",
        }
    }

    fn height(self, width: usize) -> usize {
        match self {
            Self::Wide => HEIGHT,
            Self::Square => width,
        }
    }
}

/// What is computed for a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A product: a row for each latent.
    Linear,
    /// A convolution over the latents.
    Conv3x3,
    /// Attention over the latents at a quarter of their width and height, as at the UNet's bottom.
    Attention,
    /// A convolution over pixels, of which a strip is enough: the VAE's.
    Pixels,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Linear, Self::Conv3x3, Self::Attention, Self::Pixels];

    /// With its channels.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Linear => format!("linear {CHANNELS} → {}, latents", 2 * CHANNELS),
            Self::Conv3x3 => format!("conv3x3 {CHANNELS} → {CHANNELS}, latents"),
            Self::Attention => format!("attention, a head of {HEAD}, latents at a quarter"),
            Self::Pixels => format!("conv3x3 {VAE_CHANNELS} → {VAE_CHANNELS}, {VAE_ROWS} rows of pixels"),
        }
    }

    /// What it reads for a picture of this width.
    fn shape(self, pictures: Pictures, width: usize) -> Shape {
        let [height, width] = [pictures.height(width), width].map(|side| side / GRAIN);
        match self {
            Self::Linear => Shape::tokens(1, height * width, CHANNELS),
            Self::Conv3x3 => Shape::image(1, height, width, CHANNELS),
            Self::Attention => Shape::tokens(1, height.div_ceil(4) * width.div_ceil(4), HEAD),
            Self::Pixels => Shape::image(1, VAE_ROWS, GRAIN * width, VAE_CHANNELS),
        }
    }

    /// Whether it is the same for pictures of every height.
    #[must_use]
    pub fn has(self, pictures: Pictures) -> bool {
        self != Self::Pixels || pictures == Pictures::Wide
    }

    /// FLOP/s in the fastest of some runs, by the device's clock; where this machine's processor does the work and says for
    /// how long, by the time that its threads worked.
    ///
    /// # Errors
    /// What compiling or running fails with.
    pub fn rate(self, device: &Device, pictures: Pictures, width: usize) -> Result<f64> {
        let mut run = self.sketch(device, self.shape(pictures, width)).profiled(device)?;
        let threads = available_parallelism().map_or(1, usize::from) as f64;
        let (mut best, mut spent) = (0.0f64, 0.0);
        // This one makes pipelines.
        run()?;
        for _ in 0..RUNS {
            let before = worked().filter(|_| device.on_cpu);
            let (flops, by_device) = run()?;
            let by_threads = before.and_then(|before| Some((worked()? - before) / threads));
            let seconds = by_threads.unwrap_or(by_device).max(f64::MIN_POSITIVE);
            (best, spent) = (best.max(flops as f64 / seconds), spent + by_device);
            if spent > SECONDS {
                break;
            }
        }
        Ok(best)
    }

    /// So many copies of it as make what is around them small.
    fn sketch(self, device: &Device, shape: Shape) -> Sketch {
        let mut sketch = Sketch::new(device);
        let x = sketch.activations(shape);
        let (channels, pixels) = (shape.channels, shape.pixels());
        match self {
            Self::Linear => {
                let (weight, bias) = (sketch.weight(&[2 * channels, channels]), sketch.vector(2 * channels));
                let copies = copies(4 * pixels * channels * channels);
                sketch.repeat(copies, |graph| graph.linear(x, &weight, Some(&bias)));
            }
            Self::Conv3x3 | Self::Pixels => {
                let (weight, bias) = (sketch.weight(&[channels, channels, 3, 3]), sketch.vector(channels));
                let copies = copies(18 * pixels * channels * channels);
                sketch.repeat(copies, |graph| graph.conv3x3(x, &weight, Some(&bias), ConvWindow::SAME));
            }
            Self::Attention => {
                let [k, v] = [(); 2].map(|()| sketch.activations(shape));
                let copies = copies(4 * pixels * pixels * channels);
                sketch.repeat(copies, |graph| graph.attention(x, k, v, 1, false));
            }
        }
        sketch
    }
}

/// Copies of a node of so many operations.
fn copies(flops: usize) -> usize {
    ENOUGH.div_ceil(flops.max(1)).min(MOST_COPIES)
}

/// A size that is slower than those around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cliff {
    /// In pixels.
    pub width: usize,
    /// Its rate as a share of the neighbours' median.
    pub share: f64,
}

/// The widths, in steps of [`GRAIN`] from it on, whose rates are below a share of the median of their neighbours.
#[must_use]
pub fn cliffs(rates: &[f64], below: f64) -> Vec<Cliff> {
    let share = |place: usize| {
        let around = place.saturating_sub(NEIGHBOURS)..(place + NEIGHBOURS + 1).min(rates.len());
        let mut around: Vec<f64> = around.filter(|other| *other != place).map(|other| rates[other]).collect();
        around.sort_by(f64::total_cmp);
        around.get(around.len() / 2).map(|median| rates[place] / median)
    };
    let cliff = |place: usize| share(place).map(|share| Cliff { width: GRAIN * (place + 1), share });
    (0..rates.len()).filter_map(cliff).filter(|cliff| cliff.share < below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cliff_is_slower_than_its_neighbours_and_a_slope_is_none() {
        let slope: Vec<f64> = (16..40).map(f64::from).collect();
        assert!(cliffs(&slope, 0.7).is_empty());
        let mut rates = vec![100.0; 32];
        rates[15] = 60.0;
        assert_eq!(cliffs(&rates, 0.7), [Cliff { width: 128, share: 0.6 }]);
        assert!(cliffs(&rates, 0.5).is_empty());
        assert!(cliffs(&[1.0], 0.7).is_empty());
    }

    #[test]
    fn layers_see_latents_of_every_legal_size_and_attention_those_at_a_quarter() {
        let pixels = |layer: Layer, pictures, width| layer.shape(pictures, width).pixels();
        assert_eq!(pixels(Layer::Conv3x3, Pictures::Wide, 24), 3 * 64);
        assert_eq!(pixels(Layer::Linear, Pictures::Square, 24), 9);
        assert_eq!(pixels(Layer::Attention, Pictures::Square, 40), 4);
        assert_eq!(pixels(Layer::Pixels, Pictures::Wide, 24), 24 * VAE_ROWS);
    }
}
