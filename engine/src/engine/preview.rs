//! What the picture would be if this step had been the last one, small enough to be shown meanwhile.

use super::layout::vae_input;
use super::stage::Stage;
use super::watch::Watch;
use super::{Engine, Stages, stages};
use crate::Result;
use crate::graph::Shape;
use crate::picture::Picture;

/// The longest side of a preview's latents. Larger ones are averaged down: a decode costs by the pixel, and
/// that of a whole SDXL picture costs as much as one or two steps.
const LONGEST_SIDE: usize = 32;

/// The decoder of previews of one size.
pub(super) struct Preview {
    latents: Shape,
    vae: Stage,
}

/// Whether a preview is shown after step `done` of `steps`: `previews` of them, evenly spread. The last step has none,
/// for the picture itself follows.
pub(super) fn is_due(previews: usize, done: usize, steps: usize) -> bool {
    let candidates = steps - 1;
    let previews = previews.min(candidates);
    done <= candidates && done * previews / candidates.max(1) > (done - 1) * previews / candidates.max(1)
}

impl Engine {
    /// Finished latents `[channels, height, width]` of the compiled size to a picture of at most 32 latents a side.
    pub(super) fn preview(&mut self, latents: &[f32], watch: &mut Watch<'_>) -> Result<Picture> {
        let whole = Shape { images: 1, ..stages(&mut self.stages)?.latents };
        let (latents, shape) = averaged(latents, whole);
        let input = vae_input(&latents, shape, self.models.vae.config());
        let vae = self.preview_stage(shape, whole)?;
        let outputs = vae.run("preview", &[("latents", &input)], watch)?;
        let picture = &outputs[0];
        Picture::from_rgba(picture.shape.width, picture.shape.height, picture.as_u32())
    }

    /// The decoder of the whole picture where that is small enough, else one of its own.
    fn preview_stage(&mut self, shape: Shape, whole: Shape) -> Result<&mut Stage> {
        if shape == whole {
            return Ok(&mut stages(&mut self.stages)?.vae);
        }
        let compiled = match stages(&mut self.stages)?.preview.take() {
            Some(preview) if preview.latents == shape => preview,
            _ => {
                let graph = self.models.vae.graph(shape, self.element, false)?;
                let vae = Stage::compile(self.backend.as_ref(), graph)?;
                self.check_memory(vae.memory())?;
                Preview { latents: shape, vae }
            }
        };
        let Stages { preview, .. } = stages(&mut self.stages)?;
        Ok(&mut preview.insert(compiled).vae)
    }
}

/// Means of squares of latents, as few as make the longer side short enough.
fn averaged(latents: &[f32], shape: Shape) -> (Vec<f32>, Shape) {
    let Shape { height, width, channels, .. } = shape;
    let square = height.max(width).div_ceil(LONGEST_SIDE);
    let small = Shape { height: height.div_ceil(square), width: width.div_ceil(square), ..shape };
    let mut means = Vec::with_capacity(small.pixels() * channels);
    for channel in latents.chunks_exact(height * width) {
        for top in (0..height).step_by(square) {
            for left in (0..width).step_by(square) {
                let rows = top..(top + square).min(height);
                let columns = left..(left + square).min(width);
                let count = (rows.len() * columns.len()) as f32;
                let sum: f32 =
                    rows.flat_map(|y| &channel[y * width + columns.start..y * width + columns.end]).sum();
                means.push(sum / count);
            }
        }
    }
    (means, small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_spread_evenly_and_never_follow_the_last_step() {
        let due = |previews, steps: usize| {
            (1..=steps).filter(|&step| is_due(previews, step, steps)).collect::<Vec<_>>()
        };
        assert!(due(0, 4).is_empty());
        assert_eq!(due(1, 4), [3]);
        assert_eq!(due(3, 4), [1, 2, 3]);
        assert_eq!(due(50, 4), [1, 2, 3]);
        assert_eq!(due(3, 30), [10, 20, 29]);
        assert!(due(3, 1).is_empty());
    }

    #[test]
    fn latents_are_averaged_only_where_they_are_many() {
        let shape = Shape::image(1, 3, 65, 1);
        let latents: Vec<f32> = (0..3 * 65).map(|i| (i % 65) as f32).collect();
        let (means, small) = averaged(&latents, shape);
        assert_eq!((small.height, small.width), (1, 22));
        assert_eq!((means[0], means[1], means[21]), (1.0, 4.0, 63.5));
        let (same, small) = averaged(&latents[..32], Shape::image(1, 1, 32, 1));
        assert_eq!((same.as_slice(), small.width), (&latents[..32], 32));
    }
}
