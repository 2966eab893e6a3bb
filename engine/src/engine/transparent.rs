//! Pictures that are transparent where nothing was drawn.

use std::path::Path;
use std::sync::Arc;

use super::decode::Purpose;
use super::layout::{Frame, channels_innermost};
use super::programs::{Compiled, Network, ProgramKey};
use super::{DrawPlan, Engine, Watch};
use crate::backend::{HostTensor, MemoryNeed};
use crate::edit;
use crate::graph::Shape;
use crate::layer_diffuse::{LayerDiffuseFiles, Orientation, TransparentDecoder, median};
use crate::picture::Picture;
use crate::request::Transparency;
use crate::vae::LatentSpace;
use crate::{Error, Result};

/// Colours of a pixel.
const COLOURS: usize = 3;
/// Opacity and colours.
const ANSWERED: usize = 4;

impl Engine {
    /// Opens the decoder that a plan names, if it fits the model.
    pub(super) fn open_transparency(&mut self, plan: &DrawPlan) -> Result<()> {
        let Some(folder) = plan.layer_diffuse() else { return Ok(()) };
        let (wanted, (_, decoder)) = (self.model.vae.latents(), self.transparent_decoder(folder)?);
        if (decoder.latent_channels(), TransparentDecoder::SCALE) == (wanted.channels, wanted.scale) {
            return Ok(());
        }
        let what = format!(
            "reads latents of {} channels, each of {} pixels a side, and this model's have {} and {}; give the decoder for \
             SDXL",
            decoder.latent_channels(),
            TransparentDecoder::SCALE,
            wanted.channels,
            wanted.scale
        );
        Err(Error::File { file: folder.to_path_buf(), what })
    }

    /// The memory of that decoder.
    pub(super) fn transparency_needs(&mut self, plan: &DrawPlan, frame: Frame) -> Result<Vec<MemoryNeed>> {
        let Some(folder) = plan.layer_diffuse() else { return Ok(vec![]) };
        let Shape { height, width, .. } = frame.shape;
        let turned = Shape { height: width, width: height, ..frame.shape };
        let mut needs = vec![self.opacity(folder, frame.shape)?.memory()];
        if turned != frame.shape {
            // Programs of one network share its weights.
            needs.push(MemoryNeed { weights: 0, ..self.opacity(folder, turned)?.memory() });
        }
        Ok(needs)
    }

    /// The picture of finished latents `[channels, height, width]`, as transparent as a folder's decoder of opacity says.
    pub(super) fn transparent(
        &mut self,
        folder: &Path,
        latents: &[f32],
        frame: Frame,
        watch: &mut Watch<'_>,
    ) -> Result<Picture> {
        let pixels = self.colours(latents, frame, watch)?;
        let LatentSpace { scale, scaling_factor: scaling, .. } = self.model.vae.latents();
        let (height, width) = (scale * frame.shape.height, scale * frame.shape.width);
        let latents: Vec<f32> = latents.iter().map(|latent| latent / scaling).collect();
        let latents = channels_innermost(&latents, frame.shape);
        let Shape { height: rows, width: columns, channels, .. } = frame.shape;
        let mut answers = vec![];
        for orientation in Orientation::ALL {
            let [high, wide] = orientation.size([rows, columns]);
            let shape = Shape::image(1, high, wide, channels);
            let turned = orientation.apply(&latents, [rows, columns], channels);
            let pixels = orientation.apply(&pixels, [height, width], COLOURS);
            let [high, wide] = orientation.size([height, width]);
            let pixels = HostTensor::f32(Shape::image(1, high, wide, COLOURS), pixels);
            let inputs = [("pixels", &pixels), ("latents", &HostTensor::f32(shape, turned))];
            let program = self.opacity(folder, shape)?;
            let outputs = program.run("opacity", &inputs, watch)?;
            let answer = outputs[0].as_f32();
            if answer.iter().any(|value| !value.is_finite()) {
                return Err(Error::PictureNotFinite { layer: program.first_not_finite(&inputs)? });
            }
            let answer: Vec<f32> = answer.iter().map(|value| value.clamp(0.0, 1.0)).collect();
            answers.push(orientation.undo(&answer, [height, width], ANSWERED));
        }
        self.transparent_decoder(folder)?.1.unchanged()?;
        Ok(painted(&median(&answers), width, height))
    }

    /// Bytes on the host while a plan's pictures are made transparent.
    pub(super) fn transparency_bytes(plan: &DrawPlan) -> u64 {
        let (width, height) = plan.second_sizes().unwrap_or_else(|| plan.sizes()).drawn;
        // All answers, the last of them twice, and the median; what goes in.
        const DECODER: usize = ((Orientation::ALL.len() + 2) * ANSWERED + 2 * COLOURS) * size_of::<f32>();
        /// A colour in f32 and what is known of it, for the picture and its ground.
        const MATTE: usize = 64;
        let pixel = match &plan.transparency {
            None => 0,
            Some(Transparency::Matte) => MATTE,
            Some(Transparency::LayerDiffuse(_)) => DECODER,
        };
        (width * height * pixel) as u64
    }

    fn transparent_decoder(&mut self, folder: &Path) -> Result<(u64, Arc<TransparentDecoder>)> {
        let file = LayerDiffuseFiles::find(folder)?.decoder;
        let is_whole = |decoder: &TransparentDecoder| decoder.unchanged().is_ok();
        self.transparent_decoders.get(&file, is_whole, || TransparentDecoder::open(&file))
    }

    /// What reads the opacity of pixels from latents of this shape.
    fn opacity(&mut self, folder: &Path, latents: Shape) -> Result<&mut Compiled> {
        let (id, decoder) = self.transparent_decoder(folder)?;
        let element = self.element;
        let key = ProgramKey::beside(Network::Opacity { decoder: id, latents });
        self.programs.get(&key, || decoder.graph(latents, element))
    }
}

impl DrawPlan {
    /// A finished picture, transparent where a matte of it was asked for.
    pub(super) fn matted(&self, picture: Picture) -> Picture {
        match &self.transparency {
            Some(Transparency::Matte) => edit::matte(&picture),
            _ => picture,
        }
    }

    /// What finished latents are decoded for.
    pub(super) fn purpose(&self) -> Purpose {
        if self.layer_diffuse().is_some() { Purpose::Colours } else { Purpose::Picture }
    }

    /// The folder of LayerDiffuse's files, where pictures are drawn with them.
    pub(super) fn layer_diffuse(&self) -> Option<&Path> {
        match &self.transparency {
            Some(Transparency::LayerDiffuse(folder)) => Some(folder),
            _ => None,
        }
    }
}

/// Opacity and colours of each pixel, from 0 to 1, as a picture.
fn painted(answer: &[f32], width: usize, height: usize) -> Picture {
    let byte = |value: f32| (value * 255.0).round_ties_even() as u8;
    let pixels = answer.chunks_exact(ANSWERED);
    let alpha = pixels.clone().map(|pixel| byte(pixel[0])).collect();
    let rgb = pixels.flat_map(|pixel| pixel[1..].iter().map(|colour| byte(*colour))).collect();
    Picture { alpha: Some(alpha), ..Picture::new(width, height, rgb) }
}
