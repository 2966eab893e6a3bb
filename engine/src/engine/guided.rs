//! What stands beside the UNet at a step, and what it is given: nets that guide these canvases, and adapters' features.

use std::sync::Arc;

use super::canvas::Canvas;
use super::controls::{Made, Signal};
use super::{DrawPlan, Engine};
use crate::backend::HostTensor;
use crate::controlnet::{FACTORS, GuideNet, HINT, TYPE, input_name};
use crate::graph::Shape;
use crate::sampler::Call;
use crate::unet::{NOISY_LATENTS, UNetInputs, feature_name};

/// An input of the UNet's graph.
pub(super) type NamedInput = (String, HostTensor);

/// A net that is run beside the UNet, and which of the pictures that guide it reads.
struct Place<'a> {
    /// Of those beside the UNet.
    at: usize,
    /// Of the pictures that guide.
    control: usize,
    net: &'a GuideNet,
}

/// The pictures that guide any of these canvases at their next call, by their places.
pub(super) fn guided_set(canvases: &[Canvas]) -> Vec<usize> {
    let count = canvases.first().map_or(0, |canvas| canvas.signals.each.len());
    let guides = |control: &usize| canvases.iter().any(|canvas| canvas.control_scale(*control) != 0.0);
    (0..count).filter(guides).collect()
}

impl Engine {
    /// What the UNet is given of so many pictures, where these pictures guide.
    pub(super) fn guided_inputs(&self, plan: &DrawPlan, inputs: &UNetInputs, set: &[usize]) -> UNetInputs {
        let nets = set.iter().filter_map(|control| plan.nets.get(*control));
        let is_run = |net: &&Arc<GuideNet>| net.control().is_some();
        let has_features = nets.clone().any(|net| net.control().is_none());
        let images = inputs.latents.images;
        let shapes = if has_features { self.feature_shapes(plan) } else { vec![] };
        UNetInputs {
            nets: nets.filter(is_run).map(|net| net.id()).collect(),
            features: shapes.into_iter().map(|shape| Shape { images, ..shape }).collect(),
            ..inputs.clone()
        }
    }

    /// The inputs of all that stands beside the UNet where these pictures guide.
    pub(super) fn control_inputs(
        &self,
        canvases: &[Canvas],
        calls: &[Call],
        set: &[usize],
    ) -> Vec<NamedInput> {
        let signals = &canvases[0].signals;
        let nets = set.iter().map(|control| (*control, &*signals.each[*control].net));
        let (nets, adapters): (Vec<_>, Vec<_>) = nets.partition(|(_, net)| net.control().is_some());
        let mut inputs = vec![];
        for (at, (control, net)) in nets.into_iter().enumerate() {
            let place = Place { at, control, net };
            inputs.extend(place.hint(canvases));
            inputs.extend(place.factors(canvases));
            inputs.extend(place.kind(canvases));
        }
        let adapters: Vec<usize> = adapters.into_iter().map(|(control, _)| control).collect();
        if !inputs.is_empty() {
            inputs.extend(self.noisy_latents(canvases, calls));
        }
        inputs.extend(features(canvases, &adapters));
        inputs
    }

    /// The latents alone, where the UNet is given more with them.
    fn noisy_latents(&self, canvases: &[Canvas], calls: &[Call]) -> Option<NamedInput> {
        let config = self.model.unet.config();
        if config.in_channels == config.out_channels {
            return None;
        }
        let shape = canvases[0].frame.shape;
        let each = canvases.iter().zip(calls).flat_map(|(canvas, call)| {
            let latents = super::layout::channels_innermost(&canvas.model_input(call.sigma), shape);
            latents.repeat(canvas.conditioning.copies)
        });
        let values: Vec<f32> = each.collect();
        let shape = Shape { images: values.len() / shape.len(), ..shape };
        Some((NOISY_LATENTS.to_owned(), HostTensor::f32(shape, values)))
    }
}

impl Place<'_> {
    fn input(&self, what: &str, shape: Shape, values: Vec<f32>) -> NamedInput {
        (input_name(self.at, what), HostTensor::f32(shape, values))
    }

    fn signal<'c>(&self, canvas: &'c Canvas) -> &'c Signal {
        &canvas.signals.each[self.control]
    }

    /// What the hint net made, for every canvas as often as it has copies.
    fn hint(&self, canvases: &[Canvas]) -> Option<NamedInput> {
        let mut values = vec![];
        for canvas in canvases {
            match &self.signal(canvas).made {
                Made::Hint(hint) | Made::UnionHint { hint, .. } => {
                    (0..canvas.conditioning.copies).for_each(|_| values.extend_from_slice(hint));
                }
                Made::Features(_) => {}
            }
        }
        let frame = canvases[0].frame.shape;
        let channels = self.net.control()?.config().encoder.block_out_channels[0];
        let images = values.len() / (frame.pixels() * channels);
        Some(self.input(HINT, Shape { images, ..frame.with_channels(channels) }, values))
    }

    /// Of a union, what its picture shows.
    fn kind(&self, canvases: &[Canvas]) -> Option<NamedInput> {
        let mut values = vec![];
        for canvas in canvases {
            if let Made::UnionHint { kind, .. } = &self.signal(canvas).made {
                values.extend(kind.repeat(canvas.conditioning.copies));
            }
        }
        let channels = self.net.control()?.config().encoder.time_channels();
        let images = values.len() / channels;
        (images > 0).then(|| self.input(TYPE, Shape::vector(images, channels), values))
    }

    /// How much is added to each skip and to the middle.
    fn factors(&self, canvases: &[Canvas]) -> Option<NamedInput> {
        let count = self.net.control()?.config().skips.len() + 1;
        let mut values = vec![];
        for canvas in canvases {
            let (scale, copies) = (canvas.control_scale(self.control), canvas.conditioning.copies);
            let guess = self.signal(canvas).control.guess;
            for copy in 0..copies {
                // The first of two copies is the one without the prompt.
                let is_left_out = guess && copies > 1 && copy == 0;
                let scale = if is_left_out { 0.0 } else { scale };
                values.extend((0..count).map(|i| scale * if guess { guessed(i, count) } else { 1.0 }));
            }
        }
        Some(self.input(FACTORS, Shape::vector(values.len() / count, count), values))
    }
}

/// How much of a value is added where a net guides on its own: from a tenth at the outermost to all in the middle, on a
/// logarithmic scale.
fn guessed(place: usize, count: usize) -> f32 {
    let share = place as f64 / (count - 1).max(1) as f64;
    10f64.powf(share - 1.0) as f32
}

/// The sums of adapters' features, for every canvas as often as it has copies; zeros where they do not guide it.
fn features(canvases: &[Canvas], adapters: &[usize]) -> Vec<NamedInput> {
    let Some(first) = adapters.first() else { return vec![] };
    let Made::Features(like) = &canvases[0].signals.each[*first].made else { return vec![] };
    let sum = |(level, like): (usize, &HostTensor)| {
        let (shape, mut values) = (like.shape, vec![]);
        for canvas in canvases {
            let mut sum = vec![0.0; shape.len()];
            for control in adapters.iter().filter(|control| canvas.control_scale(**control) != 0.0) {
                if let Made::Features(features) = &canvas.signals.each[*control].made {
                    sum.iter_mut().zip(features[level].as_f32()).for_each(|(sum, v)| *sum += v);
                }
            }
            (0..canvas.conditioning.copies).for_each(|_| values.extend_from_slice(&sum));
        }
        let images = values.len() / shape.len();
        (feature_name(level), HostTensor::f32(Shape { images, ..shape }, values))
    };
    like.iter().enumerate().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.logspace(-1, 0, 10).
    #[test]
    fn nets_that_guide_alone_add_less_to_the_outer_levels() {
        let wanted =
            [0.1, 0.12915, 0.166_81, 0.215_443, 0.278_256, 0.359_381, 0.464_159, 0.599_484, 0.774_264, 1.0];
        for (place, wanted) in wanted.into_iter().enumerate() {
            assert!((guessed(place, 10) - wanted).abs() < 1e-5, "{place}: {}", guessed(place, 10));
        }
    }
}
