//! One call of the UNet for all canvases of a batch.

use std::sync::Arc;

use super::canvas::Canvas;
use super::encode::NegativePrompt;
use super::guided::guided_set;
use super::image_prompts::ImageInput;
use super::layout::channels_outermost;
use super::programs::{Compiled, Network};
use super::watch::Watch;
use super::{DrawPlan, Engine};
use crate::backend::HostTensor;
use crate::controlnet::GuideNet;
use crate::graph::Shape;
use crate::sampler::Call;
use crate::unet::{Attachments, SkipNet, UNetInputs, sinusoid};
use crate::{Error, Result};

impl Engine {
    /// One call of the UNet for all canvases: of each its predictions, `[channels, height, width]`, one for each copy
    /// of its conditioning.
    pub(super) fn predict(
        &mut self,
        canvases: &[Canvas],
        calls: &[Call],
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Vec<Vec<f32>>>> {
        let set = guided_set(canvases);
        let inputs = self.unet_inputs(canvases, calls);
        let beside = self.control_inputs(canvases, calls, &set);
        let beside = beside.iter().map(|(name, input)| (&**name, input));
        let inputs: Vec<(&str, &HostTensor)> =
            inputs.iter().map(|(name, input)| (&**name, input)).chain(beside).collect();
        let frame = canvases[0].frame;
        let name = format!("unet step {}", canvases[0].done() + 1);
        let extents = self.guided_inputs(plan, &plan.unet_inputs(frame, canvases.len()), &set);
        let unet = self.unet(&extents, &plan.nets)?;
        let outputs = unet.run(&name, &inputs, watch)?;
        let predicted = outputs[0].as_f32();
        if predicted.iter().any(|v| !v.is_finite()) {
            return Err(Error::PictureNotFinite { layer: unet.first_not_finite(&inputs)? });
        }
        let mut each = predicted.chunks(frame.shape.len()).map(|one| channels_outermost(one, frame.shape));
        Ok(canvases.iter().map(|canvas| each.by_ref().take(canvas.conditioning.copies).collect()).collect())
    }

    /// The UNet's inputs: every canvas as often as its conditioning has copies, one canvas after the other.
    fn unet_inputs(&self, canvases: &[Canvas], calls: &[Call]) -> Vec<(String, HostTensor)> {
        let shape = canvases[0].frame.shape;
        let config = self.model.unet.config();
        let channels = config.block_out_channels[0];
        let (mut latents, mut time, mut context, mut added) = (vec![], vec![], vec![], vec![]);
        let (mut negative, mut guidance) = (vec![], vec![]);
        for (canvas, call) in canvases.iter().zip(calls) {
            let copies = canvas.conditioning.copies;
            latents.extend(canvas.unet_input(call.sigma).repeat(copies));
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
        let shape = Shape { images, ..shape.with_channels(config.in_channels) };
        let vector = Shape::vector(images, config.projection_class_embeddings_input_dim);
        let mut inputs = vec![
            ("latents", HostTensor::f32(shape, latents)),
            ("time", HostTensor::f32(Shape::vector(images, channels), time)),
            ("context", HostTensor::f32(tokens, context)),
            ("added", HostTensor::f32(vector, added)),
        ];
        if !negative.is_empty() {
            let three = Shape::vector(images, NegativePrompt::GUIDANCE);
            inputs.push(("negative", HostTensor::f32(tokens, negative)));
            inputs.push(("guidance", HostTensor::f32(three, guidance)));
        }
        let mut inputs: Vec<_> = inputs.into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
        inputs.extend(image_inputs(canvases, images));
        inputs
    }

    /// The UNet for inputs of these extents, with those of the nets beside it that they name.
    pub(super) fn unet(&mut self, inputs: &UNetInputs, nets: &[Arc<GuideNet>]) -> Result<&mut Compiled> {
        let inputs = &UNetInputs { packs: !self.is_on_host(), ..inputs.clone() };
        let key = self.key(Network::Unet(inputs.clone()));
        let (unet, element) = (&self.model.unet, self.element);
        let net = |id: &u64| nets.iter().find(|net| net.id() == *id)?.control();
        let nets = inputs.nets.iter().filter_map(net).map(|net| net as &dyn SkipNet);
        let attachments = Attachments { nets: nets.collect() };
        self.programs.get(&key, || unet.graph_with(inputs, &attachments, element))
    }
}

/// Keys and values of pictures, those of one canvas after the other.
fn image_inputs(canvases: &[Canvas], images: usize) -> Vec<(String, HostTensor)> {
    let first = &canvases[0].conditioning.images;
    let one = |(at, input): (usize, &ImageInput)| {
        let each = canvases.iter().flat_map(|canvas| &canvas.conditioning.images[at].numbers);
        let shape = Shape::tokens(images, input.tokens, input.channels);
        (input.name.clone(), HostTensor::f32(shape, each.copied().collect()))
    };
    first.iter().enumerate().map(one).collect()
}
