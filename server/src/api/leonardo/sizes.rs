//! How large a picture is drawn first, and how large it becomes.

use crate::fields::{Looks, Pass, Values};
use crate::jobs::ModelInfo;

/// Sides are multiples of so many pixels.
const GRAIN: f64 = 8.0;

/// Pictures of so many times the model's own area are drawn in that first, where alchemy is on.
const LARGE: f64 = 1.5;

/// How much of them is drawn anew when they are drawn again in their size.
const STRENGTH: f64 = 0.4;

/// Width and height, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    /// Where nothing is drawn twice, the finished one.
    pub(super) drawn: [usize; 2],
    pub(super) pass: Option<Pass>,
    pub(super) upscale: Option<f64>,
    pub(super) finished: [usize; 2],
}

impl Sizes {
    /// Those of a request: recipes and `upscaleRatio` enlarge the picture, alchemy is only another way to it.
    pub(super) fn of(values: &Values, looks: &Looks, model: &ModelInfo) -> Self {
        let side = |name| values.integer(name).unwrap_or(0) as usize;
        let asked = [side("width"), side("height")];
        let upscale = values.number("upscaleRatio").filter(|ratio| *ratio > 1.0);
        let finished = scaled(asked, looks.pass.map_or(1.0, |pass| pass.ratio) * upscale.unwrap_or(1.0));
        let own = (model.own_size * model.own_size) as f64;
        let area = (asked[0] * asked[1]) as f64 / own;
        let is_large = values.flag("alchemy") == Some(true) && !model.is_demo && area > LARGE;
        if is_large && looks.pass.is_none() {
            let ratio = area.sqrt();
            let pass = Some(Pass { ratio, strength: STRENGTH });
            return Self { drawn: scaled(asked, 1.0 / ratio), pass, upscale, finished };
        }
        Self { drawn: asked, pass: looks.pass, upscale, finished }
    }
}

/// Sides so many times as long.
fn scaled(sides: [usize; 2], ratio: f64) -> [usize; 2] {
    sides.map(|side| ((side as f64 * ratio / GRAIN).round().max(1.0) * GRAIN) as usize)
}
