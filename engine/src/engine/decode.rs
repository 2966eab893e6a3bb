//! Latents → picture: the VAE's decoder, for pictures and for previews of them.

use super::layout::{averaged, channels_innermost};
use super::programs::{Compiled, Part, ProgramKey};
use super::{Engine, Watch};
use crate::backend::HostTensor;
use crate::graph::Shape;
use crate::picture::Picture;
use crate::{Error, Result};

/// The longest side of a preview's latents. Larger ones are averaged down: a decode costs by the pixel, and
/// that of a whole SDXL picture costs as much as one or two steps.
const LONGEST_PREVIEW: usize = 32;

/// Whether a preview is shown after step `done` of `steps`: `previews` of them, evenly spread. The last step has none,
/// for the picture itself follows.
pub(super) fn is_due(previews: usize, done: usize, steps: usize) -> bool {
    let candidates = steps - 1;
    let previews = previews.min(candidates);
    done <= candidates && done * previews / candidates.max(1) > (done - 1) * previews / candidates.max(1)
}

impl Engine {
    /// Latents `[channels, height, width]` to pixels. `shape` is theirs.
    pub(super) fn decode(&mut self, latents: &[f32], shape: Shape, watch: &mut Watch<'_>) -> Result<Picture> {
        self.decode_as("vae", latents, shape, watch)
    }

    /// What the picture would be if these latents were finished, at most 32 of them a side.
    pub(super) fn preview(
        &mut self,
        latents: &[f32],
        shape: Shape,
        watch: &mut Watch<'_>,
    ) -> Result<Picture> {
        let (latents, small) = averaged(latents, shape, LONGEST_PREVIEW);
        if small != shape {
            let need = self.decoder(small)?.memory();
            self.check_memory(need)?;
        }
        self.decode_as("preview", &latents, small, watch)
    }

    fn decode_as(
        &mut self,
        name: &str,
        latents: &[f32],
        shape: Shape,
        watch: &mut Watch<'_>,
    ) -> Result<Picture> {
        let scaling = self.model.vae.config().scaling_factor;
        let latents: Vec<f32> = latents.iter().map(|v| v / scaling).collect();
        let latents = HostTensor::f32(shape, channels_innermost(&latents, shape));
        let inputs = [("latents", &latents)];
        let vae = self.decoder(shape)?;
        let outputs = vae.run(name, &inputs, watch)?;
        let picture = &outputs[0];
        match Picture::from_rgba(picture.shape.width, picture.shape.height, picture.as_u32()) {
            Err(Error::PictureNotFinite { .. }) if name == "vae" => {
                Err(Error::PictureNotFinite { layer: vae.first_not_finite(&inputs)? })
            }
            picture => picture,
        }
    }

    /// The decoder of one picture with latents of this shape.
    pub(super) fn decoder(&mut self, shape: Shape) -> Result<&mut Compiled> {
        let Shape { height, width, .. } = shape;
        let key = ProgramKey {
            part: Part::Vae,
            model: self.model.id(),
            images: 1,
            height,
            width,
            tokens: 0,
            led: false,
        };
        let (vae, element) = (&self.model.vae, self.element);
        self.programs.get(key, || vae.graph(shape, element, false))
    }
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
}
