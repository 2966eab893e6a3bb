//! The second pass of a picture: what was drawn is enlarged and drawn over, by the same sampler from a level with less
//! noise on.

use std::sync::Arc;

use super::beginning::{Over, picture_frame};
use super::canvas::{Canvas, CanvasPlace};
use super::controls::Signals;
use super::encode::UNetConditioning;
use super::needs::Needs;
use super::watch::{DrawStage, Event, Watch};
use super::{DrawPlan, Engine};
use crate::edit::resampled;
use crate::graph::Shape;
use crate::init::{Init, InitLatents, Sizes};
use crate::message::{Message, Setting};
use crate::picture::Parameters;
use crate::request::{Enlarged, Request, SecondPass, Upscale, check_pixels};
use crate::vae::Posterior;
use crate::{Error, Result};

/// What is asked for, and how its first pass is drawn.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    pub(super) plan: &'a DrawPlan,
}

/// What the second passes of all pictures of a request are given.
#[derive(Clone)]
pub(super) struct Given {
    conditioning: Arc<UNetConditioning>,
    signals: Arc<Signals>,
}

impl DrawPlan {
    /// The same with the second pass that a request asks for, where a latent covers `grain` pixels each way.
    pub(super) fn with_second_pass(mut self, request: &Request, grain: usize) -> Result<Self> {
        let Some(pass) = &request.second_pass else { return Ok(self) };
        let size = pass.size((self.width, self.height), grain)?;
        self.second_pass = Some((pass.clone(), size));
        let (width, height) = self.finished_size();
        check_pixels(width, height)?;
        let steps = self.schedule.steps();
        if self.second().is_some_and(|second| second.steps() == 0) {
            let strength = pass.denoising_strength;
            let what = format!(" {strength} leaves none of {steps} steps; use more of either");
            return Err(Error::Request(Message::of(Setting::HiresStrength).text(what)));
        }
        Ok(self)
    }

    /// How the second pass is drawn: in another size, over latents that are known once the first is drawn.
    pub(super) fn second(&self) -> Option<Self> {
        let (SecondPass { denoising_strength, .. }, (width, height)) = self.second_pass.as_ref()?;
        let (denoising_strength, latents) = (*denoising_strength, Arc::new([]));
        let init_latents = Some(InitLatents { latents, denoising_strength, mask: None });
        let (width, height) = (*width, *height);
        Some(Self { width, height, init: None, init_latents, second_pass: None, ..self.clone() })
    }

    /// Whether a part of a picture stays as it is.
    pub(super) fn is_partial(&self) -> bool {
        self.init.as_ref().is_some_and(Init::is_partial)
    }

    /// Whether finished pictures have alpha.
    pub(super) fn has_alpha(&self) -> bool {
        let is_kept = |init: &Init| init.is_partial() && init.picture.alpha.is_some();
        self.transparency.is_some() || self.init.as_ref().is_some_and(is_kept)
    }

    /// The sizes of the second pass: of what the model draws, and of what comes of it.
    pub(super) fn second_sizes(&self) -> Option<Sizes> {
        let (pass, drawn) = self.second_pass.as_ref()?;
        let Sizes { drawn: first, whole } = self.sizes();
        let side = |side: usize| (side as f64 * pass.ratio).round() as usize;
        let whole = if whole == first { *drawn } else { (side(whole.0), side(whole.1)) };
        Some(Sizes { drawn: *drawn, whole })
    }

    /// How a picture is enlarged before the second pass; nothing where its latents alone are. Where a part of it stays, that
    /// comes back as it is once it is enlarged.
    pub(super) fn enlarging(&self) -> Option<Upscale> {
        let (pass, _) = self.second_pass.as_ref()?;
        let by = Some(pass.ratio);
        match &pass.of {
            Enlarged::Pixels(file) => Some(Upscale { file: file.clone(), by }),
            Enlarged::Latents => self.is_partial().then_some(Upscale { file: None, by }),
        }
    }

    /// The settings of the second pass, as AUTOMATIC1111 calls them.
    pub(super) fn second_record(&self) -> Vec<(String, String)> {
        let Some((SecondPass { ratio, denoising_strength, of }, _)) = &self.second_pass else {
            return vec![];
        };
        let upscaler = match of {
            Enlarged::Latents => "Latent".to_owned(),
            Enlarged::Pixels(file) => Upscale { file: file.clone(), by: None }.name(),
        };
        [
            ("Denoising strength", denoising_strength.to_string()),
            (Parameters::SECOND_PASS, ratio.to_string()),
            ("Hires steps", self.settings.steps.to_string()),
            ("Hires upscaler", upscaler),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl Engine {
    /// Compiles what a second pass needs until its latents are finished. Weights are those of the first.
    pub(super) fn add_second(&mut self, plan: &DrawPlan, needs: &mut Needs) -> Result<()> {
        let (Some(second), Some((pass, _))) = (plan.second(), &plan.second_pass) else { return Ok(()) };
        let frame = second.frame(self.model.vae.latents());
        let mut own = vec![self.unet_need(&second, frame, 1)?];
        own.extend(self.control_needs(&second)?);
        own.iter_mut().for_each(|need| need.weights = 0);
        own.extend(self.encoder_need(&second)?);
        if matches!(pass.of, Enlarged::Pixels(_)) {
            own.push(self.encoder(picture_frame(&second))?.memory());
        }
        needs.drawing.extend(own);
        if let Some(upscale) = plan.enlarging() {
            let (width, height) = plan.sizes().whole;
            needs.enlarging = Some(self.enlarger.prepare([width, height], plan.has_alpha(), &upscale)?);
        }
        Ok(())
    }

    /// The plan of the second pass of a canvas, and the canvas that it begins with; `None` where there is no such pass.
    pub(super) fn begin_second(
        &mut self,
        canvas: &Canvas,
        Asked { request, plan }: Asked<'_>,
        given: &mut Option<Given>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<(DrawPlan, Canvas)>> {
        let Some(second) = plan.second() else { return Ok(None) };
        let over = self.enlarge_canvas(canvas, plan, &second, watch)?;
        let Given { conditioning, signals } = match given {
            Some(known) => known.clone(),
            None => {
                let conditioning = Arc::new(self.encode(request, &second, watch)?);
                let signals = Arc::new(self.read_controls(&second, over.prepared(), watch)?);
                given.insert(Given { conditioning, signals }).clone()
            }
        };
        (watch.event)(Event::Stage(DrawStage::Denoise(canvas.image)));
        let frame = second.frame(self.model.vae.latents());
        let place = CanvasPlace { drawing: canvas.drawing, image: canvas.image, frame };
        let beginning = Arc::new(self.begin_over(over, &second, watch)?);
        let mut next = Canvas::new(place, &second, conditioning, beginning);
        (next.before, next.seconds, next.signals) = (canvas.done(), canvas.seconds.clone(), signals);
        Ok(Some((second, next)))
    }

    /// What the second pass begins from.
    fn enlarge_canvas(
        &mut self,
        canvas: &Canvas,
        first: &DrawPlan,
        second: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Over> {
        let to = second.frame(self.model.vae.latents()).shape;
        let is_of_latents = matches!(&first.second_pass, Some((SecondPass { of: Enlarged::Latents, .. }, _)));
        let latents = || Posterior::known(between(&canvas.latents, canvas.frame.shape, to));
        let (Some(upscale), Some(sizes)) = (first.enlarging(), first.second_sizes()) else {
            return Ok(Over::Latents(latents()));
        };
        (watch.event)(Event::Stage(DrawStage::Decode(canvas.image)));
        let picture = canvas.start.put_back(self.decode(&canvas.latents, canvas.frame, watch)?);
        let large = match upscale.file {
            Some(_) => self.enlarger.enlarge(picture, &upscale, canvas.image, watch)?,
            None => picture,
        };
        let large = resampled(&large, sizes.whole.0, sizes.whole.1);
        (watch.event)(Event::Stage(DrawStage::Encode));
        let seen = self.model.vae.seen(&large.rgb);
        match canvas.start.prepared().and_then(|first| first.enlarged(large, sizes.drawn)) {
            Some(part) => Ok(Over::Part(Box::new(part), is_of_latents.then(latents))),
            None => self.encode_picture(seen, second, watch).map(Over::Latents),
        }
    }
}

/// Latents `[channels, height, width]` in another size: straight lines between neighbours, as torch's `interpolate` draws
/// them (bilinear, corners not aligned).
fn between(latents: &[f32], from: Shape, to: Shape) -> Vec<f32> {
    let (rows, columns) = (places(from.height, to.height), places(from.width, to.width));
    let mut enlarged = Vec::with_capacity(to.len());
    for channel in latents.chunks_exact(from.pixels()) {
        for row in &rows {
            let line = |y: usize| &channel[y * from.width..][..from.width];
            let (upper, lower) = (line(row.first), line(row.second));
            let along = |line: &[f32], x: &Place| (1.0 - x.share) * line[x.first] + x.share * line[x.second];
            let value = |x: &Place| (1.0 - row.share) * along(upper, x) + row.share * along(lower, x);
            enlarged.extend(columns.iter().map(value));
        }
    }
    enlarged
}

/// Two neighbours, and the share of the second.
struct Place {
    first: usize,
    second: usize,
    share: f32,
}

fn places(from: usize, to: usize) -> Vec<Place> {
    let step = from as f32 / to as f32;
    let place = |i: usize| {
        let at = ((i as f32 + 0.5) * step - 0.5).max(0.0);
        let first = (at as usize).min(from - 1);
        Place { first, second: (first + 1).min(from - 1), share: at - first as f32 }
    };
    (0..to).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_are_enlarged_as_torch_does_it() {
        let (from, to) = (Shape::image(1, 2, 3, 1), Shape::image(1, 3, 5, 1));
        // torch.nn.functional.interpolate(…, size=(3, 5), mode="bilinear")
        let torch = [0.0, 0.4, 1.0, 1.6, 2.0, 1.5, 1.9, 2.5, 3.1, 3.5, 3.0, 3.4, 4.0, 4.6, 5.0];
        let enlarged = between(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], from, to);
        assert!(enlarged.iter().zip(torch).all(|(a, b)| (a - b).abs() < 1e-6), "{enlarged:?}");
        assert_eq!(between(&enlarged, to, to), enlarged);
    }
}
