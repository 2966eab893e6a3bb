//! A picture as it was answered, and what is measured on it.

use fulmen_engine::picture::Picture;
use serde_json::Value;

/// A picture, and all that was answered with it.
pub(super) struct Drawn {
    pub(super) picture: Picture,
    pub(super) answer: Value,
    /// The bytes of its file.
    pub(super) file: Vec<u8>,
}

impl Drawn {
    pub(super) fn new(file: Vec<u8>, answer: Value) -> Self {
        let decoded = image::load_from_memory(&file).unwrap();
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        let alpha = decoded.color().has_alpha();
        let rgba = decoded.to_rgba8().into_raw();
        let colours = rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let mut picture = Picture::new(width, height, colours);
        picture.alpha = alpha.then(|| rgba.chunks_exact(4).map(|pixel| pixel[3]).collect());
        Self { picture, answer, file }
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.picture.width, self.picture.height)
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let list = self.answer["warnings"].as_array().cloned().unwrap_or_default();
        list.iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
    }

    /// Whether it has the same pixels.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.picture == other.picture
    }

    /// The mean distance of its values from another's of the same size.
    pub(super) fn distance(&self, other: &Self) -> f64 {
        assert_eq!(self.size(), other.size());
        let pairs = self.picture.rgb.iter().zip(&other.picture.rgb);
        pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / self.picture.rgb.len() as f64
    }

    fn lumas(&self) -> Vec<f64> {
        let luma = |p: &[u8]| 0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]);
        self.picture.rgb.chunks_exact(3).map(luma).collect()
    }

    /// The standard deviation of its values from the middle grey.
    pub(super) fn contrast(&self) -> f64 {
        let squares = self.picture.rgb.iter().map(|value| (f64::from(*value) - 127.5).powi(2));
        (squares.sum::<f64>() / self.picture.rgb.len() as f64).sqrt()
    }

    /// The mean distance between the largest and the least colour of a pixel.
    pub(super) fn saturation(&self) -> f64 {
        let chroma = |p: &[u8]| f64::from(p.iter().max().unwrap() - p.iter().min().unwrap());
        self.picture.rgb.chunks_exact(3).map(chroma).sum::<f64>() / (self.picture.rgb.len() / 3) as f64
    }

    /// From its dark to its light tones, without the outermost percent of each.
    pub(super) fn range(&self) -> f64 {
        let mut lumas = self.lumas();
        lumas.sort_by(f64::total_cmp);
        let beyond = lumas.len() / 100;
        lumas[lumas.len() - 1 - beyond] - lumas[beyond]
    }

    /// The mean difference of neighbours, of pixels whose place in halves of its sides is between these distances from
    /// the middle.
    pub(super) fn edges(&self, [from, to]: [f64; 2]) -> f64 {
        let ((width, height), lumas) = (self.size(), self.lumas());
        let (mut sum, mut count) = (0.0, 0.0);
        for y in 0..height - 1 {
            for x in 0..width - 1 {
                let middle = |at: usize, side: usize| ((2 * at + 1) as f64 / side as f64 - 1.0).abs();
                let distance = middle(x, width).max(middle(y, height));
                if (from..to).contains(&distance) {
                    let at = y * width + x;
                    sum += (lumas[at + 1] - lumas[at]).abs() + (lumas[at + width] - lumas[at]).abs();
                    count += 1.0;
                }
            }
        }
        sum / count
    }

    /// How light its corners are, a sixteenth of its sides each.
    pub(super) fn corners(&self) -> f64 {
        let ((width, height), lumas) = (self.size(), self.lumas());
        let is_near = |at: usize, side: usize| at < side / 16 || at >= side - side / 16;
        let corners =
            (0..width * height).filter(|at| is_near(at % width, width) && is_near(at / width, height));
        let (sum, count) = corners.fold((0.0, 0.0), |(sum, count), at| (sum + lumas[at], count + 1.0));
        sum / count
    }

    /// How much stronger a colour is than all three together, on average.
    pub(super) fn excess(&self, colour: usize) -> f64 {
        let of = |p: &[u8]| f64::from(p[colour]) - p.iter().map(|value| f64::from(*value)).sum::<f64>() / 3.0;
        self.picture.rgb.chunks_exact(3).map(of).sum::<f64>() / (self.picture.rgb.len() / 3) as f64
    }

    /// How far its values jump from each border to the opposite one.
    pub(super) fn seam(&self) -> f64 {
        self.seams().iter().sum()
    }

    /// The same, from the right to the left one and from the lower to the upper one.
    pub(super) fn seams(&self) -> [f64; 2] {
        let ((width, height), lumas) = (self.size(), self.lumas());
        let at = |x: usize, y: usize| lumas[(y % height) * width + x % width];
        let over =
            |x: usize| (0..height).map(|y| (at(x, y) - at(x + 1, y)).abs()).sum::<f64>() / height as f64;
        let down = |y: usize| (0..width).map(|x| (at(x, y) - at(x, y + 1)).abs()).sum::<f64>() / width as f64;
        [over(width - 1), down(height - 1)]
    }

    /// The share of its pixels that are mainly of one colour: 0 red, 1 green, 2 blue.
    pub(super) fn share(&self, colour: usize) -> f64 {
        let is = |p: &&[u8]| (0..3).all(|other| other == colour || p[colour] > p[other].saturating_add(40));
        let pixels = self.picture.rgb.chunks_exact(3);
        pixels.filter(is).count() as f64 / (self.picture.rgb.len() / 3) as f64
    }
}
