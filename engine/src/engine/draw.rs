//! The story of a picture: prompt → conditioning; noise → latents → steps → picture.

use std::sync::Arc;
use std::time::Instant;

use super::canvas::Canvas;
use super::decode::is_due;
use super::encode::NegativePrompt;
use super::layout::{channels_innermost, channels_outermost};
use super::programs::{Compiled, Network, ProgramKey};
use super::watch::{DrawStage, Drawn, Event, Seconds, Watch};
use super::{DrawPlan, Engine};
use crate::backend::HostTensor;
use crate::graph::Shape;
use crate::request::Request;
use crate::sampler::{self, Call};
use crate::unet::{UNetInputs, sinusoid};
use crate::{Error, Result};

impl Engine {
    /// Draws `request.images` pictures, and gives each to the watcher when it is done.
    ///
    /// # Errors
    /// [`Error::Request`] before anything is computed; then [`Error::Memory`], [`Error::Device`],
    /// [`Error::PictureNotFinite`] or [`Error::Cancelled`].
    pub fn generate(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let drawn = self.drawn(request, watch);
        self.model.checkpoint.still(drawn)
    }

    fn drawn(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let plan = self.plan(request)?;
        let frame = plan.frame(self.model.vae.latents());
        plan.init.as_ref().map_or(Ok(()), |init| init.check(frame.shape, plan.schedule.steps()))?;
        plan.warnings.iter().cloned().map(Event::Warning).for_each(&mut *watch.event);
        (watch.event)(Event::Stage(DrawStage::Load));
        let need = self.prepare(&plan, watch.previews)?;
        (watch.event)(Event::Memory(need));
        watch.cancel.check()?;
        self.check_memory(need)?;

        (watch.event)(Event::Stage(DrawStage::Text));
        let start = Instant::now();
        let conditioning = Arc::new(self.encode(request, &plan, watch)?);
        // What the text encoders read is a fifth of the file, and is not read again.
        self.model.checkpoint.release();
        let mut before = Seconds {
            load: std::mem::take(&mut self.loading),
            text: start.elapsed().as_secs_f64(),
            ..Seconds::default()
        };

        let batch = self.batch(&plan);
        for first in (0..plan.images).step_by(batch) {
            let images = first..plan.images.min(first + batch);
            let canvas = |image| Canvas::new(&plan, image, frame, conditioning.clone());
            let mut canvases: Vec<Canvas> = images.map(canvas).collect();
            canvases[0].seconds = std::mem::take(&mut before);
            self.denoise(&mut canvases, &plan, watch)?;
            self.model.checkpoint.release();
            for canvas in canvases {
                let drawn = self.finish(canvas, request, &plan, watch)?;
                (watch.event)(Event::Picture(Box::new(drawn)));
            }
        }
        Ok(())
    }

    /// Noise to finished latents, all canvases side by side.
    fn denoise(&mut self, canvases: &mut [Canvas], plan: &DrawPlan, watch: &mut Watch<'_>) -> Result<()> {
        for canvas in canvases.iter() {
            (watch.event)(Event::Stage(DrawStage::Denoise(canvas.image)));
        }
        let steps = canvases[0].steps(plan.schedule.steps());
        let mut since = Instant::now();
        while let Some(calls) = canvases.iter().map(Canvas::next).collect::<Option<Vec<Call>>>() {
            let predictions = self.ask_unet(canvases, &calls, plan, watch)?;
            self.model.checkpoint.unchanged()?;
            let seconds = since.elapsed().as_secs_f64() / canvases.len() as f64;
            let mut is_step = false;
            for ((canvas, call), predicted) in canvases.iter_mut().zip(&calls).zip(predictions) {
                let (image, before) = (canvas.image, canvas.done());
                let x0 = canvas.take(&predicted, call.sigma);
                let step = canvas.done();
                if step == before {
                    continue;
                }
                is_step = true;
                canvas.seconds.unet_steps.push(seconds);
                (watch.event)(Event::Step { image, step, steps, seconds });
                if is_due(watch.previews, step, steps) {
                    let picture = Box::new(self.preview(&x0, canvas.frame, watch)?);
                    (watch.event)(Event::Preview { image, step, picture });
                }
            }
            if is_step {
                since = Instant::now();
            }
        }
        Ok(())
    }

    /// One call of the UNet for all canvases: of each its predictions, `[channels, height, width]`, one for each copy
    /// of its conditioning.
    fn ask_unet(
        &mut self,
        canvases: &[Canvas],
        calls: &[Call],
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Vec<Vec<f32>>>> {
        let inputs = self.unet_inputs(canvases, calls);
        let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, input)| (*name, input)).collect();
        let frame = canvases[0].frame;
        let name = format!("unet step {}", canvases[0].done() + 1);
        let unet = self.unet(plan.unet_inputs(frame, canvases.len()))?;
        let outputs = unet.run(&name, &inputs, watch)?;
        let predicted = outputs[0].as_f32();
        if predicted.iter().any(|v| !v.is_finite()) {
            return Err(Error::PictureNotFinite { layer: unet.first_not_finite(&inputs)? });
        }
        let mut each = predicted.chunks(frame.shape.len()).map(|one| channels_outermost(one, frame.shape));
        Ok(canvases.iter().map(|canvas| each.by_ref().take(canvas.conditioning.copies).collect()).collect())
    }

    /// The UNet's inputs: every canvas as often as its conditioning has copies, one canvas after the other.
    fn unet_inputs(&self, canvases: &[Canvas], calls: &[Call]) -> Vec<(&'static str, HostTensor)> {
        let shape = canvases[0].frame.shape;
        let config = self.model.unet.config();
        let channels = config.block_out_channels[0];
        let (mut latents, mut time, mut context, mut added) = (vec![], vec![], vec![], vec![]);
        let (mut negative, mut guidance) = (vec![], vec![]);
        for (canvas, call) in canvases.iter().zip(calls) {
            let copies = canvas.conditioning.copies;
            let scaled = sampler::model_input(&canvas.latents, call.sigma);
            latents.extend(channels_innermost(&scaled, shape).repeat(copies));
            time.extend(sinusoid(&vec![call.timestep; copies], channels));
            context.extend_from_slice(&canvas.conditioning.context);
            added.extend_from_slice(&canvas.conditioning.added);
            if let Some(prompt) = &canvas.conditioning.negative {
                negative.extend_from_slice(&prompt.context);
                guidance.extend(prompt.guidance);
            }
        }
        let images = time.len() / channels;
        let tokens = Shape::tokens(images, canvases[0].conditioning.tokens, config.cross_attention_dim);
        let vector = Shape::vector(images, config.projection_class_embeddings_input_dim);
        let mut inputs = vec![
            ("latents", HostTensor::f32(Shape { images, ..shape }, latents)),
            ("time", HostTensor::f32(Shape::vector(images, channels), time)),
            ("context", HostTensor::f32(tokens, context)),
            ("added", HostTensor::f32(vector, added)),
        ];
        if !negative.is_empty() {
            let three = Shape::vector(images, NegativePrompt::GUIDANCE);
            inputs.push(("negative", HostTensor::f32(tokens, negative)));
            inputs.push(("guidance", HostTensor::f32(three, guidance)));
        }
        inputs
    }

    /// The UNet for inputs of these extents.
    pub(super) fn unet(&mut self, inputs: UNetInputs) -> Result<&mut Compiled> {
        let UNetInputs { latents: Shape { images, height, width, .. }, tokens, negative_tokens, tiling } =
            inputs;
        let (model, nag) = (self.model.id(), negative_tokens.is_some());
        let key = ProgramKey { part: Network::Unet, model, images, height, width, tokens, nag, tiling };
        let (unet, element) = (&self.model.unet, self.element);
        self.programs.get(key, || unet.graph(inputs, element))
    }

    /// The picture of finished latents.
    fn finish(
        &mut self,
        canvas: Canvas,
        request: &Request,
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Drawn> {
        let Canvas { image, seed, latents, frame, mut seconds, .. } = canvas;
        (watch.event)(Event::Stage(DrawStage::Decode(image)));
        let start = Instant::now();
        let picture = self.decode(&latents, frame, watch)?;
        // A file that was written to meanwhile has made another picture than the model's.
        self.model.checkpoint.unchanged()?;
        seconds.vae = start.elapsed().as_secs_f64();
        Ok(Drawn { picture, parameters: plan.parameters(request, seed), seed, seconds })
    }
}
