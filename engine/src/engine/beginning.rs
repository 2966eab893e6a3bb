//! What the pictures of a request begin from: noise alone, latents, or another picture, which the VAE's encoder reads
//! once for all of them.

use std::sync::Arc;
use std::time::Instant;

use super::layout::{Frame, channels_innermost};
use super::programs::{Compiled, Network};
use super::watch::{DrawStage, Event};
use super::{DrawPlan, Engine, Watch};
use crate::backend::{HostTensor, MemoryNeed};
use crate::graph::Shape;
use crate::init::{Prepared, Sizes};
use crate::message::{Message, Setting};
use crate::noise::Noise;
use crate::picture::Picture;
use crate::sampler;
use crate::vae::{PICTURE, Posterior, Vae};
use crate::{Error, Result};

/// A byte in the middle of its range is what an inpainting model sees where it is to draw: 0 of −1..1.
const GREY: f32 = 127.5;

/// Bytes of a pixel of a picture that is drawn over, until the end: as it is kept and as it is given, and its masks.
const KEEPING: usize = 12;

/// What a second pass is drawn over.
pub(super) enum Over {
    /// All of these latents.
    Latents(Posterior),
    /// A part of a picture; where there are latents of it, these in place of what the encoder makes of it.
    Part(Box<Prepared>, Option<Posterior>),
}

impl Over {
    /// The picture, where it is one.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match self {
            Self::Latents(_) => None,
            Self::Part(prepared, _) => Some(prepared.as_ref()),
        }
    }
}

/// What all pictures of a request begin from.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// The latents that are drawn over; none where pictures begin from noise alone.
    from: Option<Posterior>,
    /// Whether what is drawn begins from noise alone all the same, and the latents are what is kept.
    is_noise: bool,
    /// `[height, width]` of the latents: drawn where it is 1. None where all is, and where the UNet is given it.
    mask: Option<Vec<f32>>,
    /// What an inpainting UNet is given beside the latents.
    masked: Option<Masked>,
    /// What of the generator's numbers another picture's latents would have taken.
    skipped: Option<Posterior>,
    /// The way back into the picture.
    prepared: Option<Prepared>,
    pub(super) seconds: f64,
}

/// The other inputs of an inpainting UNet.
#[derive(Debug)]
struct Masked {
    /// `[height, width]` of the latents: drawn where it is 1.
    mask: Vec<f32>,
    /// Of the picture without what is drawn.
    picture: Posterior,
}

/// What one picture begins from.
#[derive(Debug)]
pub(super) struct Start {
    /// The first latents, `[channels, height, width]`.
    pub(super) latents: Vec<f32>,
    /// N(0, 1), in the same order.
    normals: Vec<f32>,
    /// What is kept.
    from: Option<Vec<f32>>,
    /// Steps that are left out.
    pub(super) skipped: usize,
    /// `[height, width, channels]`, beside the latents in the UNet's input.
    beside: Option<Vec<f32>>,
    shared: Arc<Beginning>,
}

impl Beginning {
    /// The picture that is drawn over.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_ref()
    }
}

impl Start {
    /// Draws from a picture's generator in the order in which diffusers' pipelines do.
    pub(super) fn new(shared: Arc<Beginning>, plan: &DrawPlan, shape: Shape, noise: &mut Noise) -> Self {
        let from = shared.from.as_ref().map(|from| from.sample(noise));
        let normals = noise.normals(shape.len());
        if let Some(skipped) = &shared.skipped {
            skipped.skip(noise);
        }
        let beside = shared.masked.as_ref().map(|masked| masked.beside(shape, noise));
        let skipped = plan.first_step();
        let latents = match &from {
            Some(from) if !shared.is_noise => noised(from, &normals, plan.schedule.sigmas[skipped]),
            _ => sampler::first_latents(&normals, &plan.schedule),
        };
        Self { latents, normals, from, skipped, beside, shared }
    }

    /// Where the mask keeps something, what was there comes back with the noise that is left.
    pub(super) fn keep(&self, latents: &mut [f32], sigma: f32) {
        let (Some(mask), Some(from)) = (&self.shared.mask, &self.from) else { return };
        let kept = noised(from, &self.normals, sigma);
        for ((x, kept), drawn) in latents.iter_mut().zip(kept).zip(mask.iter().cycle()) {
            *x = (1.0 - drawn) * kept + drawn * *x;
        }
    }

    /// Latents `[channels, height, width]` as the UNet is given them, channels innermost, with what it is given beside
    /// them.
    pub(super) fn unet_input(&self, latents: &[f32], shape: Shape) -> Vec<f32> {
        let latents = channels_innermost(latents, shape);
        let Some(beside) = &self.beside else { return latents };
        let others = beside.len() / shape.pixels();
        let pixels = latents.chunks_exact(shape.channels).zip(beside.chunks_exact(others));
        pixels.flat_map(|(latents, beside)| latents.iter().chain(beside)).copied().collect()
    }

    /// The picture that is drawn over.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        self.shared.prepared()
    }

    /// The finished picture of what was drawn.
    pub(super) fn put_back(&self, drawn: Picture) -> Picture {
        match &self.shared.prepared {
            None => drawn,
            Some(prepared) => prepared.put_back(drawn),
        }
    }
}

impl Masked {
    /// Mask and latents, channels innermost.
    fn beside(&self, shape: Shape, noise: &mut Noise) -> Vec<f32> {
        let picture = channels_innermost(&self.picture.sample(noise), shape);
        let pixels = self.mask.iter().zip(picture.chunks_exact(shape.channels));
        pixels.flat_map(|(mask, latents)| std::iter::once(mask).chain(latents)).copied().collect()
    }
}

/// With noise of deviation `sigma`.
fn noised(latents: &[f32], normals: &[f32], sigma: f32) -> Vec<f32> {
    latents.iter().zip(normals).map(|(x, n)| x + n * sigma).collect()
}

impl Engine {
    /// Reads what the pictures of a plan begin from.
    pub(super) fn begin_from(&mut self, plan: &DrawPlan, watch: &mut Watch<'_>) -> Result<Beginning> {
        let start = Instant::now();
        let mut begun = match (&plan.init, &plan.init_latents) {
            (Some(init), _) => {
                (watch.event)(Event::Stage(DrawStage::Encode));
                let over = Prepared::new(init, plan.sizes());
                if over.latent_mask(self.model.vae.latents().scale).is_some_and(|mask| is_nothing(&mask)) {
                    (watch.event)(Event::Warning(nothing_drawn()));
                }
                self.over_picture(plan, over, None, watch)?
            }
            (None, Some(init)) => Beginning {
                from: Some(Posterior::known(init.latents.to_vec())),
                is_noise: init.mask.is_some() && init.denoising_strength >= 1.0,
                mask: init.mask.as_ref().map(|mask| mask.to_vec()),
                ..Beginning::default()
            },
            (None, None) => Beginning::default(),
        };
        if self.model.unet.config().is_inpainting() && begun.masked.is_none() {
            (watch.event)(Event::Stage(DrawStage::Encode));
            begun.masked = Some(self.nothing_kept(plan, watch)?);
        }
        let is_encoded = begun.prepared.is_some() || begun.masked.is_some();
        begun.seconds = if is_encoded { start.elapsed().as_secs_f64() } else { 0.0 };
        Ok(begun)
    }

    /// What a second pass begins from.
    pub(super) fn begin_over(
        &mut self,
        over: Over,
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Beginning> {
        let from = match over {
            Over::Latents(from) => from,
            Over::Part(prepared, latents) => return self.over_picture(plan, *prepared, latents, watch),
        };
        let is_inpainting = self.model.unet.config().is_inpainting();
        let masked = is_inpainting.then(|| self.nothing_kept(plan, watch)).transpose()?;
        Ok(Beginning { from: Some(from), masked, ..Beginning::default() })
    }

    fn over_picture(
        &mut self,
        plan: &DrawPlan,
        prepared: Prepared,
        latents: Option<Posterior>,
        watch: &mut Watch<'_>,
    ) -> Result<Beginning> {
        let is_inpainting = self.model.unet.config().is_inpainting();
        let is_whole = plan.first_step() == 0 && plan.denoising_strength() >= 1.0;
        let is_noise = is_whole && (is_inpainting || prepared.drawn.is_some());
        let mask = prepared.latent_mask(self.model.vae.latents().scale);
        let seen = self.model.vae.seen(&prepared.seen.rgb);
        let mut begun = Beginning { is_noise, ..Beginning::default() };
        if is_inpainting {
            let grey = self.model.vae.seen_value(GREY);
            let picture = self.encode_picture(prepared.masked(&seen, grey), plan, watch)?;
            let pixels = plan.frame(self.model.vae.latents()).shape.pixels();
            begun.masked = Some(Masked { mask: mask.unwrap_or_else(|| vec![1.0; pixels]), picture });
        } else {
            begun.mask = mask;
        }
        if !(is_inpainting && is_noise) {
            let from = latents.map_or_else(|| self.encode_picture(seen, plan, watch), Ok)?;
            // diffusers encodes the masked picture for every UNet, and so takes numbers for it.
            begun.skipped = begun.mask.is_some().then(|| from.clone());
            begun.from = Some(from);
        }
        Ok(Beginning { prepared: Some(prepared), ..begun })
    }

    /// What an inpainting UNet is given where nothing of a picture is kept.
    fn nothing_kept(&mut self, plan: &DrawPlan, watch: &mut Watch<'_>) -> Result<Masked> {
        let grey = vec![self.model.vae.seen_value(GREY); plan.width * plan.height * 3];
        let picture = self.encode_picture(grey, plan, watch)?;
        let pixels = plan.frame(self.model.vae.latents()).shape.pixels();
        Ok(Masked { mask: vec![1.0; pixels], picture })
    }

    /// The latents of a picture in the size that is drawn, given as the encoder sees it.
    pub(super) fn encode_picture(
        &mut self,
        seen: Vec<f32>,
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Posterior> {
        let frame = picture_frame(plan);
        let picture = HostTensor::f32(frame.shape, seen);
        let inputs = [(PICTURE, &picture)];
        let encoder = self.encoder(frame)?;
        let encoded = encoder.run("vae encoder", &inputs, watch)?.swap_remove(0);
        if encoded.as_f32().iter().any(|value| !value.is_finite()) {
            return Err(Error::PictureNotFinite { layer: encoder.first_not_finite(&inputs)? });
        }
        self.model.checkpoint.unchanged()?;
        Ok(self.model.vae.posterior(encoded.as_f32()))
    }

    pub(super) fn encoder(&mut self, frame: Frame) -> Result<&mut Compiled> {
        let height = frame.shape.height / self.model.vae.latents().scale;
        let rows = self.vae_cut.rows(height);
        let key = self.key(Network::Encoder(frame, rows));
        let (vae, element): (&Vae, _) = (&self.model.vae, self.element);
        self.programs.get_made(&key, rows, || vae.encoder_graph(frame.shape, frame.tiling, element))
    }

    /// Compiles the encoder where a plan needs it, and the memory that it takes.
    pub(super) fn encoder_need(&mut self, plan: &DrawPlan) -> Result<Option<MemoryNeed>> {
        if plan.init.is_none() && !self.model.unet.config().is_inpainting() {
            return Ok(None);
        }
        self.encoder(picture_frame(plan)).map(|encoder| Some(encoder.memory()))
    }
}

impl DrawPlan {
    /// The share of the steps that is taken.
    fn denoising_strength(&self) -> f64 {
        let latents = self.init_latents.as_ref().map(|latents| latents.denoising_strength);
        self.init.as_ref().map(|init| init.denoising_strength).or(latents).unwrap_or(1.0)
    }

    /// Bytes on the host of the picture that is drawn over.
    pub(super) fn init_bytes(&self) -> u64 {
        let Some(init) = &self.init else { return 0 };
        let margins = (KEEPING * init.pixels_of_margins()) as u64;
        init.picture.rgb.len() as u64 + kept_bytes(self.sizes()).max(margins)
    }
}

/// Bytes of a picture that is drawn over, in these sizes.
pub(super) fn kept_bytes(sizes: Sizes) -> u64 {
    let pixels = |(width, height): (usize, usize)| width * height;
    (KEEPING * pixels(sizes.whole).max(pixels(sizes.drawn))) as u64
}

/// Whether a mask of latents keeps all of them.
fn is_nothing(mask: &[f32]) -> bool {
    mask.iter().all(|drawn| *drawn == 0.0)
}

/// A picture of a plan, as the encoder is given it.
pub(super) fn picture_frame(plan: &DrawPlan) -> Frame {
    Frame { shape: Shape::image(1, plan.height, plan.width, 3), tiling: plan.tiling }
}

fn nothing_drawn() -> Message {
    let what = " is too fine: none of the squares of pixels that a latent covers begins in it, so that nothing is drawn anew";
    Message::of(Setting::Mask).text(what)
}
