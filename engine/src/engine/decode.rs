//! Latents → picture: the VAE's decoder, for pictures and for previews of them.

use std::time::Instant;

use super::canvas::Canvas;
use super::layout::{Frame, averaged, averaged_shape, channels_innermost};
use super::programs::{Compiled, Network};
use super::watch::{DrawStage, Drawn, Event};
use super::{DrawPlan, Engine, Model, Watch};
use crate::backend::HostTensor;
use crate::picture::Picture;
use crate::request::Request;
use crate::vae::Vae;
use crate::{Error, Result};

/// The longest side of a preview's latents. Larger ones are averaged down: a decode costs by the pixel, and that of a
/// whole SDXL picture costs as much as one or two steps.
const LONGEST_PREVIEW: usize = 32;

/// The same with a tiny VAE, to which a whole SDXL picture is a tenth of the products of a step.
const LONGEST_TINY_PREVIEW: usize = 128;

/// What latents are decoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Picture,
    /// A picture with its colours as they are before they are rounded.
    Colours,
    Preview,
}

/// Latents of a preview's longest side, by the VAE that decodes it.
pub(super) fn longest_preview(vae: &Vae) -> usize {
    if vae.is_tiny() { LONGEST_TINY_PREVIEW } else { LONGEST_PREVIEW }
}

/// Whether a preview is shown after step `done` of `steps`: `previews` of them, evenly spread. The last step has none,
/// for the picture itself follows.
pub(super) fn is_due(previews: usize, done: usize, steps: usize) -> bool {
    let candidates = steps - 1;
    let previews = previews.min(candidates);
    done <= candidates && done * previews / candidates.max(1) > (done - 1) * previews / candidates.max(1)
}

impl Engine {
    /// The picture of finished latents.
    pub(super) fn finish(
        &mut self,
        canvas: Canvas,
        request: &Request,
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Drawn> {
        let Canvas { image, seed, latents, frame, mut seconds, start: begun, .. } = canvas;
        (watch.event)(Event::Stage(DrawStage::Decode(image)));
        let start = Instant::now();
        let picture = match plan.layer_diffuse() {
            None => self.decode(&latents, frame, watch)?,
            Some(folder) => self.transparent(folder, &latents, frame, watch)?,
        };
        let picture = begun.put_back(picture);
        // A file that was written to meanwhile has made another picture than the model's.
        self.model.checkpoint.unchanged()?;
        seconds.vae = start.elapsed().as_secs_f64();
        let (start, upscaled) = (Instant::now(), plan.upscale.is_some());
        let picture = plan.matted(self.enlarged(picture, plan, image, watch)?);
        seconds.upscale = if upscaled { start.elapsed().as_secs_f64() } else { 0.0 };
        let mut parameters = plan.parameters(request, seed);
        if let Some(upscale) = &plan.upscale {
            let ratio = upscale.by.unwrap_or(picture.width as f64 / plan.finished_size().0 as f64);
            parameters = parameters.enlarged(ratio, &upscale.name());
        }
        Ok(Drawn { picture, parameters, seed, seconds })
    }

    /// Latents `[channels, height, width]` to pixels.
    pub(super) fn decode(&mut self, latents: &[f32], frame: Frame, watch: &mut Watch<'_>) -> Result<Picture> {
        self.decode_for(Purpose::Picture, latents, frame, watch).map(|(picture, _)| picture)
    }

    /// The colours of a picture, `[height, width, 3]` from 0 to 1.
    pub(super) fn colours(
        &mut self,
        latents: &[f32],
        frame: Frame,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<f32>> {
        let (_, mut colours) = self.decode_for(Purpose::Colours, latents, frame, watch)?;
        colours.iter_mut().for_each(|colour| *colour = (*colour * 0.5 + 0.5).clamp(0.0, 1.0));
        Ok(colours)
    }

    /// What the picture would be if these latents were finished.
    pub(super) fn preview(
        &mut self,
        latents: &[f32],
        frame: Frame,
        watch: &mut Watch<'_>,
    ) -> Result<Picture> {
        let small = self.previewed(frame);
        if small != frame {
            let need = self.decoder(Purpose::Preview, small)?.memory();
            self.check_memory(need)?;
        }
        let latents = averaged(latents, frame.shape, self.longest_preview());
        self.decode_for(Purpose::Preview, &latents, small, watch).map(|(picture, _)| picture)
    }

    /// What a preview of latents in this frame is decoded from.
    pub(super) fn previewed(&self, frame: Frame) -> Frame {
        Frame { shape: averaged_shape(frame.shape, self.longest_preview()), ..frame }
    }

    fn longest_preview(&self) -> usize {
        longest_preview(self.model.decoding(Purpose::Preview))
    }

    /// The picture, and its colours in −1..1 where they are asked for.
    fn decode_for(
        &mut self,
        purpose: Purpose,
        latents: &[f32],
        frame: Frame,
        watch: &mut Watch<'_>,
    ) -> Result<(Picture, Vec<f32>)> {
        let scaling = self.model.decoding(purpose).latents().scaling_factor;
        let latents: Vec<f32> = latents.iter().map(|v| v / scaling).collect();
        let latents = HostTensor::f32(frame.shape, channels_innermost(&latents, frame.shape));
        let inputs = [("latents", &latents)];
        let name = if purpose == Purpose::Preview { "preview" } else { "vae" };
        let vae = self.decoder(purpose, frame)?;
        let outputs = vae.run(name, &inputs, watch)?;
        let picture = &outputs[0];
        match Picture::from_rgba(picture.shape.width, picture.shape.height, picture.as_u32()) {
            Err(Error::PictureNotFinite { .. }) if purpose != Purpose::Preview => {
                Err(Error::PictureNotFinite { layer: vae.first_not_finite(&inputs)? })
            }
            picture => Ok((picture?, outputs.get(1).map_or(vec![], |colours| colours.as_f32().to_vec()))),
        }
    }

    /// The decoder of one picture or preview with latents in this frame.
    pub(super) fn decoder(&mut self, purpose: Purpose, frame: Frame) -> Result<&mut Compiled> {
        let is_other = purpose == Purpose::Preview && self.model.preview_vae.is_some();
        let is_small = purpose == Purpose::Preview && frame.shape.height <= LONGEST_PREVIEW;
        let rows = self.vae_cut.rows(frame.shape.height).filter(|_| !is_small);
        let network = match purpose {
            Purpose::Preview if is_other => Network::PreviewVae(frame, rows),
            Purpose::Colours => Network::Colours(frame, rows),
            Purpose::Picture | Purpose::Preview => Network::Vae(frame, rows),
        };
        let key = self.key(network);
        let (vae, element) = (self.model.decoding(purpose), self.element);
        let has_colours = purpose == Purpose::Colours;
        self.programs.get_made(&key, rows, || vae.graph(frame.shape, frame.tiling, element, has_colours))
    }
}

impl Model {
    /// What latents are decoded with.
    pub(super) fn decoding(&self, purpose: Purpose) -> &Vae {
        match purpose {
            Purpose::Picture | Purpose::Colours => &self.vae,
            Purpose::Preview => self.preview_vae.as_ref().unwrap_or(&self.vae),
        }
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
