//! A picture as an encoder reads it: fitted to its square as Pillow fits pictures, then each colour by the mean and
//! deviation of the pictures that CLIP was trained on. So does transformers' `CLIPImageProcessor`.

use super::VisionConfig;
use crate::picture::Picture;

/// Colours of a pixel.
const COLOURS: usize = 3;
/// Of the pictures that CLIP was trained on, in red, green and blue.
const MEAN: [f32; COLOURS] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// The same.
const DEVIATION: [f32; COLOURS] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// Bits behind the point of Pillow's weights, which are whole numbers.
const BITS: u32 = 32 - 8 - 2;

/// The patches of a picture, `[tokens, colours · patch · patch]`, behind one of zeros.
#[must_use]
pub fn patches(picture: &Picture, config: &VisionConfig) -> Vec<f32> {
    let (side, patch) = (config.image_size, config.patch_size);
    let square = square(picture, side);
    let mut out = vec![0.0; config.patch_len()];
    out.reserve_exact(config.patches() * config.patch_len());
    for top in (0..side).step_by(patch) {
        for left in (0..side).step_by(patch) {
            for colour in 0..COLOURS {
                for y in top..top + patch {
                    out.extend((left..left + patch).map(|x| {
                        // In the order of Python's arithmetic, in f64 and then f32.
                        let value =
                            (f64::from(square[(y * side + x) * COLOURS + colour]) * (1.0 / 255.0)) as f32;
                        (value - MEAN[colour]) / DEVIATION[colour]
                    }));
                }
            }
        }
    }
    out
}

/// The picture's middle, after its shorter side became `side` pixels.
fn square(picture: &Picture, side: usize) -> Vec<u8> {
    let (width, height) = (picture.width, picture.height);
    let short = width.min(height);
    // The longer side is rounded down.
    let [wide, high] =
        [width, height].map(|extent| if extent == short { side } else { side * extent / short });
    let (left, top) = ((wide - side) / 2, (high - side) / 2);
    // Only what stays of the picture is made: along the rows, then down the columns.
    let columns = Taps::between(width, wide, left..left + side);
    let rows = Taps::between(height, high, top..top + side);
    let mut narrow = vec![0; height * side * COLOURS];
    for (from, to) in picture.rgb.chunks_exact(width * COLOURS).zip(narrow.chunks_exact_mut(side * COLOURS)) {
        for (taps, pixel) in columns.iter().zip(to.chunks_exact_mut(COLOURS)) {
            (0..COLOURS).for_each(|c| pixel[c] = taps.sum(|place| from[place * COLOURS + c]));
        }
    }
    let mut square = vec![0; side * side * COLOURS];
    for (taps, to) in rows.iter().zip(square.chunks_exact_mut(side * COLOURS)) {
        for (place, value) in to.iter_mut().enumerate() {
            *value = taps.sum(|row| narrow[row * side * COLOURS + place]);
        }
    }
    square
}

/// Where a pixel comes from, and how much of each.
struct Taps {
    first: usize,
    /// In units of 2⁻²².
    weights: Vec<i32>,
}

impl Taps {
    /// Of some of the `to` pixels of a line that `from` pixels become. Where nothing changes, Pillow leaves a line as it
    /// is, and so does a single tap of one.
    fn between(from: usize, to: usize, some: std::ops::Range<usize>) -> Vec<Self> {
        let scale = from as f64 / to as f64;
        // Several pixels become one: the curve is stretched over all of them.
        let stretch = scale.max(1.0);
        let support = 2.0 * stretch;
        let one = |at: usize| {
            let centre = (at as f64 + 0.5) * scale;
            let first = ((centre - support + 0.5) as isize).max(0) as usize;
            let last = ((centre + support + 0.5) as usize).min(from);
            let weights: Vec<f64> =
                (first..last).map(|place| bicubic((place as f64 - centre + 0.5) * (1.0 / stretch))).collect();
            let sum: f64 = weights.iter().sum();
            let whole = |weight: f64| {
                let weight = weight / sum * f64::from(1u32 << BITS);
                (if weight < 0.0 { weight - 0.5 } else { weight + 0.5 }) as i32
            };
            Self { first, weights: weights.into_iter().map(whole).collect() }
        };
        some.map(one).collect()
    }

    /// The pixel, rounded and held to what a byte can be.
    fn sum(&self, at: impl Fn(usize) -> u8) -> u8 {
        let places = self.weights.iter().enumerate();
        let sum: i32 = places.map(|(i, weight)| i32::from(at(self.first + i)) * weight).sum();
        ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
    }
}

/// Keys' curve with a = −½ (Keys 1981).
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    match x {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}
