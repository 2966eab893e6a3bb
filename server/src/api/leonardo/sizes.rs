//! How large a picture is drawn first, and how large it becomes.

use crate::fields::{Looks, Pass, Values};

/// Sides are multiples of so many pixels.
const GRAIN: f64 = 8.0;

/// Width and height, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    /// Where nothing is drawn twice, the finished one.
    pub(super) drawn: [usize; 2],
    pub(super) pass: Option<Pass>,
    pub(super) finished: [usize; 2],
}

impl Sizes {
    /// Those of a request: recipes enlarge the picture.
    pub(super) fn of(values: &Values, looks: &Looks) -> Self {
        let side = |name| values.integer(name).unwrap_or(0) as usize;
        let asked = [side("width"), side("height")];
        let ratio = looks.pass.map_or(1.0, |pass| pass.ratio) * values.number("upscaleRatio").unwrap_or(1.0);
        Self { drawn: asked, pass: looks.pass, finished: scaled(asked, ratio) }
    }
}

/// Sides so many times as long.
fn scaled(sides: [usize; 2], ratio: f64) -> [usize; 2] {
    sides.map(|side| ((side as f64 * ratio / GRAIN).round().max(1.0) * GRAIN) as usize)
}
