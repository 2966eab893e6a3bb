//! Margins around a picture, to be drawn.

use super::blur;
use super::mask::Mask;
use super::resample::Plane;
use crate::picture::Picture;

/// Pixels of the picture, at a side that goes on, over which drawn and kept are blended: two latents.
const OVERLAP: usize = 16;

/// How much a margin is blurred, as a share of the distance from the picture.
const BLUR: f32 = 0.4;

/// A picture with margins, and what of it is to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// The picture within its margins. They are filled with its mirror image, the more blurred the farther from it, down
    /// to its mean colours: no edge shows where it ended, and a model finds light and colours to go on from.
    pub picture: Picture,
    /// White in the margins, and fading to black over the last pixels of the picture at each side that goes on.
    pub mask: Mask,
}

/// A picture with `left`, `top`, `right` and `bottom` pixels more.
#[must_use]
pub fn extended(picture: &Picture, [left, top, right, bottom]: [usize; 4]) -> Extended {
    let frame = Frame {
        x: Side { before: left, own: picture.width, after: right },
        y: Side { before: top, own: picture.height, after: bottom },
    };
    let fill = |channels, values: &[u8]| frame.filled(channels, values).values;
    let (width, height) = (frame.x.length(), frame.y.length());
    let alpha = picture.alpha.as_ref().map(|alpha| fill(1, alpha));
    let picture = Picture { width, height, rgb: fill(3, &picture.rgb), alpha };
    Extended { picture, mask: frame.mask() }
}

/// Pixels along one direction.
#[derive(Clone, Copy)]
struct Side {
    before: usize,
    own: usize,
    after: usize,
}

impl Side {
    fn length(self) -> usize {
        self.before + self.own + self.after
    }

    /// The pixel of the picture that stands here, mirrored at its edges as often as needed.
    fn mirrored(self, at: usize) -> usize {
        let period = 2 * self.own;
        // Counted from the first pixel of a period that lies before everything.
        let turned = (at + period * self.before.div_ceil(period) - self.before) % period;
        turned.min(period - 1 - turned)
    }

    /// Pixels between here and the picture; 0 within it.
    fn distance(self, at: usize) -> usize {
        self.before.saturating_sub(at) + (at + 1).saturating_sub(self.before + self.own)
    }

    /// 255 outside, falling to nothing over the overlap, and nothing at an end where the picture does not go on.
    fn drawn(self, at: usize) -> u8 {
        if self.distance(at) > 0 {
            return u8::MAX;
        }
        let (from_first, from_last) = (at - self.before, self.before + self.own - 1 - at);
        let overlap = OVERLAP.min(self.own / 4);
        let fading = |margin: usize, inwards: usize| match margin > 0 && inwards < overlap {
            true => 255 * (overlap - inwards) / (overlap + 1),
            false => 0,
        };
        fading(self.before, from_first).max(fading(self.after, from_last)) as u8
    }
}

#[derive(Clone, Copy)]
struct Frame {
    x: Side,
    y: Side,
}

impl Frame {
    fn filled(self, channels: usize, values: &[u8]) -> Plane {
        let mut whole = self.mirrored(channels, values);
        let (mut sharper, mut deviation) = (whole.clone(), 0.0_f32);
        let farthest = self.deviation(0, 0).max(self.deviation(self.x.length() - 1, self.y.length() - 1));
        while deviation < farthest {
            let next = (2.0 * deviation).max(1.0);
            // Blurs add up by their squares.
            let step = (next * next - deviation * deviation).sqrt();
            let softer = blur::blurred(sharper.clone(), step);
            self.between(&mut whole, [&sharper, &softer], [deviation, next]);
            (sharper, deviation) = (softer, next);
        }
        whole
    }

    fn mirrored(self, channels: usize, values: &[u8]) -> Plane {
        let (width, height) = (self.x.length(), self.y.length());
        let mut whole = Vec::with_capacity(width * height * channels);
        let columns: Vec<usize> = (0..width).map(|x| self.x.mirrored(x)).collect();
        for y in 0..height {
            let row = &values[self.y.mirrored(y) * self.x.own * channels..][..self.x.own * channels];
            columns.iter().for_each(|x| whole.extend_from_slice(&row[x * channels..][..channels]));
        }
        Plane { width, height, channels, values: whole }
    }

    /// The deviation of the blur at a pixel.
    fn deviation(self, x: usize, y: usize) -> f32 {
        let [x, y] = [self.x.distance(x), self.y.distance(y)].map(|distance| distance as f32);
        BLUR * x.hypot(y)
    }

    /// Pixels whose blur lies between two deviations, blended from both.
    fn between(self, whole: &mut Plane, [sharper, softer]: [&Plane; 2], [from, to]: [f32; 2]) {
        let channels = whole.channels;
        for (i, pixel) in whole.values.chunks_exact_mut(channels).enumerate() {
            let deviation = self.deviation(i % whole.width, i / whole.width);
            if deviation <= from || deviation > to {
                continue;
            }
            let share = (deviation - from) / (to - from);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let at = |plane: &Plane| f32::from(plane.values[i * channels + channel]);
                *value = (at(sharper) + share * (at(softer) - at(sharper))).round() as u8;
            }
        }
    }

    fn mask(self) -> Mask {
        let (width, height) = (self.x.length(), self.y.length());
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let values = pixels.map(|(x, y)| self.x.drawn(x).max(self.y.drawn(y))).collect();
        Mask { width, height, values }
    }
}
