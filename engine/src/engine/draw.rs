//! The story of a picture: prompt → conditioning; noise → latents → steps → picture.

use std::time::Instant;

use super::layout::{channels_innermost, channels_outermost, vae_input};
use super::watch::{Drawn, Event, Seconds, Stage as DrawStage, Watch};
use super::{DrawPlan, Engine, preview, stages};
use crate::backend::HostTensor;
use crate::graph::Shape;
use crate::noise::latents_noise;
use crate::picture::Picture;
use crate::request::Request;
use crate::sampler::{self, Step};
use crate::text::Conditioning;
use crate::tokens::LENGTH;
use crate::unet::sinusoid;
use crate::{Error, Result};

/// What the UNet is told at every step alike, made once for all pictures of a request.
struct Told {
    /// `[1 or 2, 1, tokens, context]`: without the prompt first, then with it.
    context: HostTensor,
    /// `[1 or 2, 1, 1, pooled + 6 sinusoids]`.
    added: HostTensor,
}

impl Engine {
    /// Draws `request.images` pictures, one after the other, and gives each to the watcher when it is done.
    ///
    /// # Errors
    /// [`Error::Request`] before anything is computed; then [`Error::Memory`], [`Error::Device`],
    /// [`Error::PictureNotFinite`] or [`Error::Cancelled`].
    pub fn generate(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let drawn = self.drawn(request, watch);
        self.checkpoint.still(drawn)
    }

    fn drawn(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let plan = self.plan(request)?;
        plan.warnings.iter().cloned().map(Event::Warning).for_each(&mut *watch.event);
        (watch.event)(Event::Stage(DrawStage::Load));
        let need = self.prepare(&plan)?;
        (watch.event)(Event::Memory(need));
        watch.cancel.check()?;
        self.check_memory(need)?;

        (watch.event)(Event::Stage(DrawStage::Text));
        let start = Instant::now();
        let told = self.tell(request, &plan, watch)?;
        // What the text encoders read is a fifth of the file, and is not read again.
        self.checkpoint.release();
        let mut seconds = Seconds {
            load: std::mem::take(&mut self.loading),
            text: start.elapsed().as_secs_f64(),
            ..Seconds::default()
        };

        for image in 0..plan.images {
            let seed = plan.seed.wrapping_add(image as u64);
            (watch.event)(Event::Stage(DrawStage::Denoise(image)));
            let latents = self.denoise(&plan, &told, (image, seed), &mut seconds, watch)?;
            self.checkpoint.release();
            (watch.event)(Event::Stage(DrawStage::Decode(image)));
            let start = Instant::now();
            let picture = self.decode(&latents, watch)?;
            // A file that was written to meanwhile has made another picture than the model's.
            self.checkpoint.unchanged()?;
            seconds.vae = start.elapsed().as_secs_f64();
            let parameters = plan.parameters(request, seed);
            let one = Drawn { picture, parameters, seed, seconds: std::mem::take(&mut seconds) };
            (watch.event)(Event::Picture(Box::new(one)));
        }
        Ok(())
    }

    /// Both prompts through the text encoders; size and crop as sinusoids.
    fn tell(&mut self, request: &Request, plan: &DrawPlan, watch: &mut Watch<'_>) -> Result<Told> {
        let with = self.encode(&request.prompt, watch)?;
        let mut all = vec![];
        if plan.settings.guided() {
            all.push(match &request.negative_prompt {
                None if self.models.force_zeros => with.zeros_like(),
                negative => self.encode(negative.as_deref().unwrap_or_default(), watch)?,
            });
        }
        all.push(with);

        let config = self.models.unet.config();
        let [height, width] = [plan.height as f32, plan.width as f32];
        let size = sinusoid(&[height, width, 0.0, 0.0, height, width], config.addition_time_embed_dim);
        let context = all.iter().flat_map(|c| c.context.iter().copied()).collect();
        let added: Vec<f32> = all.iter().flat_map(|c| c.pooled.iter().chain(&size).copied()).collect();
        let tokens = Shape::tokens(all.len(), LENGTH, config.cross_attention_dim);
        let vector = Shape::vector(all.len(), config.projection_class_embeddings_input_dim);
        Ok(Told { context: HostTensor::f32(tokens, context), added: HostTensor::f32(vector, added) })
    }

    fn encode(&mut self, prompt: &str, watch: &mut Watch<'_>) -> Result<Conditioning> {
        let [first, second] = &*self.models.tokenizers;
        let (first, second) = (first.encode(prompt), second.encode(prompt));
        self.models.check_ids([&first.ids, &second.ids])?;
        let ids = |ids: &[u32]| HostTensor::u32(Shape::tokens(1, ids.len(), 1), ids.to_vec());
        let end = HostTensor::u32(Shape::vector(1, 1), vec![second.end as u32]);
        let inputs = [("ids_1", &ids(&first.ids)), ("ids_2", &ids(&second.ids)), ("end", &end)];
        let outputs = stages(&mut self.stages)?.text.run("text", &inputs, watch)?;
        Ok(Conditioning { context: outputs[0].as_f32().to_vec(), pooled: outputs[1].as_f32().to_vec() })
    }

    /// Noise to latents, `[channels, height, width]` as torch draws and diffusers keeps them.
    fn denoise(
        &mut self,
        plan: &DrawPlan,
        told: &Told,
        (image, seed): (usize, u64),
        seconds: &mut Seconds,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<f32>> {
        let shape = plan.latents(self.models.vae.config());
        let noise = latents_noise(plan.rng, seed, [shape.channels, shape.height, shape.width]);
        let mut latents = sampler::first_latents(&noise, &plan.schedule);
        let steps = sampler::steps(&plan.schedule, plan.settings.scheduler.prediction);
        let count = steps.len();
        for step in steps {
            let start = Instant::now();
            let answer = guided(&self.ask_unet(&step, &latents, told, watch)?, plan);
            self.checkpoint.unchanged()?;
            let done = step.index + 1;
            let finished =
                preview::is_due(watch.previews, done, count).then(|| step.finished(&latents, &answer));
            step.advance(&mut latents, &answer);
            seconds.unet_steps.push(start.elapsed().as_secs_f64());
            let seconds = start.elapsed().as_secs_f64();
            (watch.event)(Event::Step { image, step: done, steps: count, seconds });
            if let Some(finished) = finished {
                let picture = Box::new(self.preview(&finished, watch)?);
                (watch.event)(Event::Preview { image, step: done, picture });
            }
        }
        Ok(latents)
    }

    /// One call of the UNet: latents `[channels, height, width]` to an answer of the same extents for
    /// each half of the batch.
    fn ask_unet(
        &mut self,
        step: &Step,
        latents: &[f32],
        told: &Told,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let stages = stages(&mut self.stages)?;
        let shape = stages.latents;
        let scaled = channels_innermost(&step.model_input(latents), shape);
        let latents = HostTensor::f32(shape, scaled.repeat(shape.images));
        let channels = self.models.unet.config().block_out_channels[0];
        let time = sinusoid(&vec![step.timestep; shape.images], channels);
        let time = HostTensor::f32(Shape::vector(shape.images, channels), time);
        let inputs =
            [("latents", &latents), ("time", &time), ("context", &told.context), ("added", &told.added)];
        let name = format!("unet step {}", step.index + 1);
        let outputs = stages.unet.run(&name, &inputs, watch)?;
        let answer = outputs[0].as_f32();
        if answer.iter().any(|v| !v.is_finite()) {
            return Err(Error::PictureNotFinite { layer: stages.unet.first_not_finite(&inputs)? });
        }
        let halves = answer.chunks(answer.len() / shape.images);
        Ok(halves.map(|half| channels_outermost(half, shape)).collect())
    }

    /// Latents `[channels, height, width]` to pixels.
    fn decode(&mut self, latents: &[f32], watch: &mut Watch<'_>) -> Result<Picture> {
        let stages = stages(&mut self.stages)?;
        let shape = Shape { images: 1, ..stages.latents };
        let latents = vae_input(latents, shape, self.models.vae.config());
        let inputs = [("latents", &latents)];
        let outputs = stages.vae.run("vae", &inputs, watch)?;
        let picture = &outputs[0];
        match Picture::from_rgba(picture.shape.width, picture.shape.height, picture.as_u32()) {
            Err(Error::PictureNotFinite { .. }) => {
                Err(Error::PictureNotFinite { layer: stages.vae.first_not_finite(&inputs)? })
            }
            picture => picture,
        }
    }
}

/// One answer, or the two halves of the batch brought together by guidance.
fn guided(answers: &[Vec<f32>], plan: &DrawPlan) -> Vec<f32> {
    match answers {
        [without, with] => sampler::guide(without, with, plan.settings.guidance),
        _ => answers.concat(),
    }
}
