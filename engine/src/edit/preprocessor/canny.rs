//! Canny's edges: gradients, their ridges, and of those what is strong or continues what is.

use crate::picture::Picture;

/// Gradients above this belong to an edge where it is strong elsewhere.
pub(super) const WEAK: i32 = 100;

/// Gradients above this are an edge.
pub(super) const STRONG: i32 = 200;

/// The tangent of 22.5°, in fractions of `1 << 15`: where a gradient begins to be counted as diagonal.
const TANGENT: i32 = 13_573;

/// 255 on edges, 0 elsewhere.
pub(super) fn edges(picture: &Picture, weak: i32, strong: i32) -> Vec<u8> {
    let gradients = Gradients::of(picture);
    let mut edges = vec![0; picture.width * picture.height];
    let ridges: Vec<bool> = (0..edges.len()).map(|at| gradients.is_ridge(at, weak)).collect();
    let mut open: Vec<usize> =
        (0..edges.len()).filter(|&at| ridges[at] && gradients.size(at) > strong).collect();
    open.iter().for_each(|&at| edges[at] = u8::MAX);
    while let Some(at) = open.pop() {
        let (x, y) = (at % picture.width, at / picture.width);
        for y in y.saturating_sub(1)..(y + 2).min(picture.height) {
            for x in x.saturating_sub(1)..(x + 2).min(picture.width) {
                let next = y * picture.width + x;
                if ridges[next] && edges[next] == 0 {
                    edges[next] = u8::MAX;
                    open.push(next);
                }
            }
        }
    }
    edges
}

/// Sobel's gradient of every pixel, by the colour in which it is largest; the first of several.
struct Gradients {
    width: usize,
    height: usize,
    steps: Vec<[i16; 2]>,
}

impl Gradients {
    fn of(picture: &Picture) -> Self {
        let (width, height) = (picture.width, picture.height);
        let near = |at: usize, length: usize| [at.saturating_sub(1), at, (at + 1).min(length - 1)];
        let mut steps = Vec::with_capacity(width * height);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (rows, columns) = (near(y, height), near(x, width));
            let of = |channel: usize| {
                let at = |row: usize, column: usize| {
                    i16::from(picture.rgb[(rows[row] * width + columns[column]) * 3 + channel])
                };
                let across = |row: usize| at(row, 2) - at(row, 0);
                let down = |column: usize| at(2, column) - at(0, column);
                [across(0) + 2 * across(1) + across(2), down(0) + 2 * down(1) + down(2)]
            };
            let largest = [1, 2]
                .map(of)
                .into_iter()
                .fold(of(0), |best, step| if length(step) > length(best) { step } else { best });
            steps.push(largest);
        }
        Self { width, height, steps }
    }

    fn size(&self, at: usize) -> i32 {
        length(self.steps[at])
    }

    /// The size of the neighbour in this direction; nothing outside the picture.
    fn beside(&self, at: usize, dx: isize, dy: isize) -> i32 {
        let x = (at % self.width).checked_add_signed(dx).filter(|&x| x < self.width);
        let y = (at / self.width).checked_add_signed(dy).filter(|&y| y < self.height);
        x.zip(y).map_or(0, |(x, y)| self.size(y * self.width + x))
    }

    /// Whether a gradient is more than weak and the largest along its own direction. Of two that are as large, the first
    /// counts; on diagonals neither does.
    fn is_ridge(&self, at: usize, weak: i32) -> bool {
        let size = self.size(at);
        if size <= weak {
            return false;
        }
        let [dx, dy] = self.steps[at].map(i32::from);
        let (x, y) = (dx.abs(), dy.abs() << 15);
        let flat = x * TANGENT;
        if y < flat {
            return size > self.beside(at, -1, 0) && size >= self.beside(at, 1, 0);
        }
        // The tangent of 67.5° is larger by two.
        if y > flat + (x << 16) {
            return size > self.beside(at, 0, -1) && size >= self.beside(at, 0, 1);
        }
        let side = if (dx < 0) == (dy < 0) { 1 } else { -1 };
        size > self.beside(at, -side, -1) && size > self.beside(at, side, 1)
    }
}

/// The sum of both parts, as OpenCV measures it unless it is told otherwise.
fn length([dx, dy]: [i16; 2]) -> i32 {
    i32::from(dx).abs() + i32::from(dy).abs()
}
