//! A picture in all eight orientations, and the median of what is said of it in each.

/// Turned by quarters against the clock, after it was mirrored or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation {
    /// Left and right exchanged first.
    pub mirrored: bool,
    /// Quarters of a turn.
    pub quarters: usize,
}

impl Orientation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::new(false, 0),
        Self::new(false, 1),
        Self::new(false, 2),
        Self::new(false, 3),
        Self::new(true, 0),
        Self::new(true, 1),
        Self::new(true, 2),
        Self::new(true, 3),
    ];

    const fn new(mirrored: bool, quarters: usize) -> Self {
        Self { mirrored, quarters }
    }

    /// Height and width of what has `size` before.
    #[must_use]
    pub fn size(self, [height, width]: [usize; 2]) -> [usize; 2] {
        if self.quarters.is_multiple_of(2) { [height, width] } else { [width, height] }
    }

    /// `[height, width, channels]` in this orientation.
    #[must_use]
    pub fn apply(self, pixels: &[f32], size: [usize; 2], channels: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(pixels.len());
        let [height, width] = self.size(size);
        for y in 0..height {
            for x in 0..width {
                let at = self.source([y, x], size) * channels;
                out.extend_from_slice(&pixels[at..at + channels]);
            }
        }
        out
    }

    /// The way back: `pixels` are in this orientation, and `size` is that of the result.
    #[must_use]
    pub fn undo(self, pixels: &[f32], size: [usize; 2], channels: usize) -> Vec<f32> {
        let mut out = vec![0.0; pixels.len()];
        let [height, width] = self.size(size);
        for y in 0..height {
            for x in 0..width {
                let (from, to) = ((y * width + x) * channels, self.source([y, x], size) * channels);
                out[to..to + channels].copy_from_slice(&pixels[from..from + channels]);
            }
        }
        out
    }

    /// Which pixel of the original comes to a place.
    fn source(self, [y, x]: [usize; 2], [height, width]: [usize; 2]) -> usize {
        let [row, column] = match self.quarters % 4 {
            0 => [y, x],
            1 => [x, width - 1 - y],
            2 => [height - 1 - y, width - 1 - x],
            _ => [height - 1 - x, y],
        };
        row * width + if self.mirrored { width - 1 - column } else { column }
    }
}

/// Of each number the middle one of all answers, the lower of two, as torch's.
#[must_use]
pub fn median(answers: &[Vec<f32>]) -> Vec<f32> {
    let count = answers.first().map_or(0, Vec::len);
    let mut each = vec![0.0; answers.len()];
    let one = |at: usize| {
        each.iter_mut().zip(answers).for_each(|(value, answer)| *value = answer[at]);
        each.sort_unstable_by(f32::total_cmp);
        each[(each.len() - 1) / 2]
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy's `rot90`, and what `fliplr` makes of it before.
    #[test]
    fn orientations_are_those_of_numpy_and_can_be_undone() {
        let pixels = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let wanted = [
            [0, 1, 2, 3, 4, 5],
            [2, 5, 1, 4, 0, 3],
            [5, 4, 3, 2, 1, 0],
            [3, 0, 4, 1, 5, 2],
            [2, 1, 0, 5, 4, 3],
            [0, 3, 1, 4, 2, 5],
            [3, 4, 5, 0, 1, 2],
            [5, 2, 4, 1, 3, 0],
        ];
        for (orientation, wanted) in Orientation::ALL.into_iter().zip(wanted) {
            let turned = orientation.apply(&pixels, [2, 3], 1);
            assert_eq!(turned, wanted.map(|v| v as f32), "{orientation:?}");
            assert_eq!(orientation.undo(&turned, [2, 3], 1), pixels);
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        let answers: Vec<Vec<f32>> = [5.0, 1.0, 7.0, 3.0].iter().map(|v| vec![*v, -v]).collect();
        assert_eq!(median(&answers), [3.0, -5.0]);
    }
}
