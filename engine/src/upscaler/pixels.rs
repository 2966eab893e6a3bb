//! Pixels in the order in which the networks take and make them.

use super::Tile;
use crate::graph::Shape;
use crate::picture::{CHANNELS, Picture};

/// A tile in 0..1, `folded × folded` pixels side by side in the channels: the colour first, then the row, then the column,
/// as torch's `pixel_unshuffle` orders them. `start` and `size` count such squares.
pub(super) fn folded(picture: &Picture, start: [usize; 2], size: [usize; 2], folded: usize) -> Vec<f32> {
    let squares = folded * folded;
    let mut values = vec![0.0; size[0] * size[1] * CHANNELS * squares];
    for row in 0..size[0] * folded {
        let source = mirrored(start[0] * folded + row, picture.height) * picture.width;
        for column in 0..size[1] * folded {
            let pixel = (source + mirrored(start[1] * folded + column, picture.width)) * CHANNELS;
            let to = (row / folded * size[1] + column / folded) * CHANNELS * squares;
            let inner = row % folded * folded + column % folded;
            for (colour, value) in picture.rgb[pixel..pixel + CHANNELS].iter().enumerate() {
                values[to + colour * squares + inner] = f32::from(*value) / 255.0;
            }
        }
    }
    values
}

/// The place on a side that one beyond its end shows: it goes back from there.
fn mirrored(place: usize, side: usize) -> usize {
    if place < side { place } else { (2 * (side - 1)).saturating_sub(place) }
}

/// What a network made of a tile.
pub(crate) struct Made<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) shape: Shape,
    pub(crate) tile: &'a Tile,
}

impl Made<'_> {
    /// Lays what is kept of a tile into the large picture, where each of its pixels becomes `larger × larger`; `None` where
    /// a number is not finite. Where there is a `base`, its pixels are added, and pixels lie side by side in the channels,
    /// as torch's `pixel_shuffle` finds them.
    pub(super) fn lay(&self, base: Option<&Picture>, larger: usize, large: &mut Picture) -> Option<()> {
        let Tile { start, kept } = self.tile;
        let ends = [large.height, large.width];
        let [rows, columns] = [0, 1].map(|axis| {
            let kept = &kept[axis];
            kept.start * larger..(kept.end * larger).min(ends[axis])
        });
        for row in rows {
            for column in columns.clone() {
                let pixel = (row * large.width + column) * CHANNELS;
                let place = [row - start[0] * larger, column - start[1] * larger];
                for colour in 0..CHANNELS {
                    let value = match base {
                        None => self.at(place, colour),
                        Some(base) => {
                            let source = row / larger * base.width + column / larger;
                            self.shuffled(place, colour, larger)
                                + f32::from(base.rgb[source * CHANNELS + colour]) / 255.0
                        }
                    };
                    if !value.is_finite() {
                        return None;
                    }
                    large.rgb[pixel + colour] = (value.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
                }
            }
        }
        Some(())
    }

    fn at(&self, [row, column]: [usize; 2], colour: usize) -> f32 {
        self.values[(row * self.shape.width + column) * self.shape.channels + colour]
    }

    fn shuffled(&self, [row, column]: [usize; 2], colour: usize, larger: usize) -> f32 {
        let inner = row % larger * larger + column % larger;
        self.at([row / larger, column / larger], colour * larger * larger + inner)
    }
}
