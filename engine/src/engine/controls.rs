//! Pictures that guide: their nets, opened once by file and kept, and what those make of a picture, once.

use std::sync::Arc;

use super::layout::Frame;
use super::programs::{Compiled, GuidePart, Network, Part, ProgramKey, never};
use super::{DrawPlan, Engine, Watch};
use crate::backend::{HostTensor, MemoryNeed};
use crate::controlnet::{self, GuideNet, Union};
use crate::edit::Fit;
use crate::graph::{Shape, Tiling};
use crate::init::Prepared;
use crate::message::{Message, Setting};
use crate::noise::Noise;
use crate::picture::Picture;
use crate::request::{Control, ControlMode};
use crate::sampler;
use crate::{Error, Result};

/// What a net makes of the picture that it is given.
#[derive(Debug, Clone)]
pub(super) enum Made {
    /// A ControlNet's: `[h, w, level-0 channels]`.
    Hint(Vec<f32>),
    /// The same of a union, with what is added to the time embedding.
    UnionHint { hint: Vec<f32>, kind: Vec<f32> },
    /// An adapter's features, for each level and for the middle, as strong as they are to be.
    Features(Vec<HostTensor>),
}

/// A picture that guides, read.
#[derive(Debug, Clone)]
pub(super) struct Signal {
    pub(super) net: Arc<GuideNet>,
    pub(super) control: Control,
    pub(super) made: Made,
}

/// What is to be read: a picture at the size that is drawn, or the map that is made of that.
struct Reading<'a> {
    control: &'a Control,
    net: &'a GuideNet,
    picture: Picture,
}

/// Everything that guides the pictures of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    pub(super) each: Vec<Signal>,
    /// Calls of the UNet for one picture.
    pub(super) calls: usize,
}

impl Signals {
    /// How strongly the `place`-th guides at this call; 0 where it does not.
    pub(super) fn scale(&self, place: usize, call: usize) -> f32 {
        let control = self.each.get(place).map(|signal| &signal.control);
        control.filter(|control| control.guides(call, self.calls)).map_or(0.0, |control| control.scale)
    }

    /// What came of work with the nets, unless their files were changed meanwhile: then that is what is wrong.
    pub(super) fn still<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(Error::Cancelled) => Err(Error::Cancelled),
            result => self.each.iter().try_for_each(|signal| signal.net.unchanged()).and(result),
        }
    }

    /// Gives the pages of the nets' files back to the system.
    pub(super) fn release(&self) {
        self.each.iter().for_each(|signal| signal.net.release());
    }
}

impl DrawPlan {
    /// Calls of the UNet for one picture: some samplers ask twice in a step.
    pub(super) fn calls(&self) -> usize {
        let scheduler = &self.settings.scheduler;
        let first = self.first_step();
        let mut sampler = sampler::sampler(scheduler.solver, scheduler.prediction, &self.schedule, first);
        let (mut noise, mut latents, mut calls) = (Noise::new(self.rng, 0), vec![0.0], 0);
        while sampler.next().is_some() {
            sampler.take(&mut latents, &[0.0], &mut noise);
            calls += 1;
        }
        calls
    }

    /// The sets of pictures that guide together at some call, by their places.
    pub(super) fn guided_sets(&self) -> Vec<Vec<usize>> {
        let calls = if self.controls.is_empty() { 1 } else { self.calls() };
        let mut sets: Vec<Vec<usize>> = vec![];
        for call in 0..calls {
            let guides = |place: &usize| self.controls[*place].guides(call, calls);
            let set = (0..self.controls.len()).filter(guides).collect();
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        sets
    }
}

impl Engine {
    /// Opens the nets that a plan asks for. What does not fit the model is told here, before anything is drawn.
    pub(super) fn open_controls(&mut self, plan: &mut DrawPlan) -> Result<()> {
        let (model, unet) = (self.base.clone(), self.base.unet.config());
        for control in &plan.controls {
            let open = || GuideNet::open(&control.file, model.outlook.file(), unet);
            let is_whole = |net: &GuideNet| net.unchanged().is_ok();
            let (_, net) = self.guide_nets.get(&control.file, is_whole, open)?;
            check_mode(control, &net)?;
            plan.nets.push(net);
        }
        Ok(())
    }

    /// What each net makes of its picture, which lies over the one that is drawn over, where there is one.
    pub(super) fn read_controls(
        &mut self,
        plan: &DrawPlan,
        over: Option<&Prepared>,
        watch: &mut Watch<'_>,
    ) -> Result<Signals> {
        if plan.controls.is_empty() {
            return Ok(Signals::default());
        }
        let mut each = Vec::with_capacity(plan.controls.len());
        for (control, net) in plan.controls.iter().zip(&plan.nets) {
            let picture = read(control, plan, over);
            let made = self.make(plan, &Reading { control, net, picture }, watch);
            let made = made.and_then(|made| net.unchanged().map(|()| made))?;
            net.release();
            each.push(Signal { net: net.clone(), control: control.clone(), made });
        }
        Ok(Signals { each, calls: plan.calls() })
    }

    fn make(&mut self, plan: &DrawPlan, reading: &Reading<'_>, watch: &mut Watch<'_>) -> Result<Made> {
        let Reading { control, net, picture } = reading;
        match &net.network {
            controlnet::Network::Adapter(adapter) => {
                let (height, width) = (picture.height, picture.width);
                let pixels = adapter.unshuffled(&shares(picture), height, width);
                let pixels = HostTensor::f32(adapter.input(height, width), pixels);
                let mut features = self.features(plan, net, &pixels, watch)?;
                features.iter_mut().for_each(|feature| *feature = scaled(feature, control.scale));
                Ok(Made::Features(features))
            }
            controlnet::Network::Control(_) => {
                let hint = self.hint(plan, net, picture, watch)?;
                match net.union() {
                    None => Ok(Made::Hint(hint)),
                    Some(union) => self.fuse(net, union, (hint, control.shown()), watch),
                }
            }
        }
    }

    fn hint(
        &mut self,
        plan: &DrawPlan,
        net: &GuideNet,
        picture: &Picture,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<f32>> {
        let mut pixels = shares(picture);
        if net.control().is_some_and(|net| net.config().is_bgr) {
            pixels.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        }
        let pixels = HostTensor::f32(Shape::image(1, picture.height, picture.width, 3), pixels);
        let program = self.guide_program(net, Part::Hint, pixels.shape, plan.tiling)?;
        let made = program.run("control hint", &[("pixels", &pixels)], watch)?.swap_remove(0);
        Ok(made.as_f32().to_vec())
    }

    /// What a union makes of a hint: moved by what its transformer finds in the means, with what is added to the time
    /// embedding for pictures of this kind.
    fn fuse(
        &mut self,
        net: &GuideNet,
        union: &Union,
        (mut hint, mode): (Vec<f32>, Option<ControlMode>),
        watch: &mut Watch<'_>,
    ) -> Result<Made> {
        let kind = mode.map_or(0, ControlMode::place);
        let channels = union.channels();
        let token = union.task(kind).into_iter().zip(means(&hint, channels));
        let token = token.map(|(task, mean)| task + mean).collect();
        let run = |engine: &mut Self, part, name, input: Vec<f32>, watch: &mut Watch<'_>| {
            let input = HostTensor::f32(Shape::vector(1, input.len()), input);
            let program = engine.guide_program(net, part, input.shape, Tiling::default())?;
            Ok::<_, Error>(program.run("control union", &[(name, &input)], watch)?.swap_remove(0))
        };
        let shift = run(self, Part::Fuser, "token", token, watch)?;
        for pixel in hint.chunks_exact_mut(channels) {
            pixel.iter_mut().zip(shift.as_f32()).for_each(|(v, shift)| *v += shift);
        }
        let kind = run(self, Part::Types, "types", union.type_input(kind), watch)?;
        Ok(Made::UnionHint { hint, kind: kind.as_f32().to_vec() })
    }

    fn features(
        &mut self,
        plan: &DrawPlan,
        net: &GuideNet,
        pixels: &HostTensor,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<HostTensor>> {
        let first = self.guide_program(net, Part::First, pixels.shape, plan.tiling)?;
        let mut features = first.run("adapter", &[("pixels", pixels)], watch)?;
        if let Some(rest) = net.adapter().and_then(|adapter| adapter.rest_input(plan.height, plan.width))
            && let Some(last) = features.last()
        {
            let halved = HostTensor::f32(rest, controlnet::halved(last.as_f32(), last.shape));
            let rest = self.guide_program(net, Part::Rest, rest, plan.tiling)?;
            features.extend(rest.run("adapter", &[("features", &halved)], watch)?);
        }
        Ok(features)
    }

    /// A part of a net that is run by itself. LoRAs of the model do not change it.
    fn guide_program(
        &mut self,
        net: &GuideNet,
        part: Part,
        shape: Shape,
        tiling: Tiling,
    ) -> Result<&mut Compiled> {
        let key = ProgramKey::beside(Network::Guide(GuidePart { net: net.id(), part, shape, tiling }));
        let element = self.element;
        self.programs.get(&key, || {
            let graph = match (part, &net.network) {
                (Part::First, controlnet::Network::Adapter(adapter)) => {
                    Some(adapter.first_graph(shape, tiling, element))
                }
                (Part::Rest, controlnet::Network::Adapter(adapter)) => {
                    Some(adapter.rest_graph(shape, tiling, element))
                }
                (Part::Hint, _) => net.control().map(|net| net.hint_graph(shape, tiling, element)),
                (Part::Types, _) => net.union().map(|union| union.type_graph(element)),
                (Part::Fuser, _) => net.union().map(|union| union.fuser_graph(element)),
                _ => None,
            };
            graph.unwrap_or_else(|| Err(never("a net has no such part")))
        })
    }

    /// Compiles what reads the pictures that guide; the memory that each of these programs takes.
    pub(super) fn control_needs(&mut self, plan: &DrawPlan) -> Result<Vec<MemoryNeed>> {
        let (height, width) = (plan.height, plan.width);
        let mut needs = vec![];
        for net in &plan.nets {
            let parts = match net.adapter() {
                None => vec![(Part::Hint, Some(Shape::image(1, height, width, 3)))],
                Some(adapter) => vec![
                    (Part::First, Some(adapter.input(height, width))),
                    (Part::Rest, adapter.rest_input(height, width)),
                ],
            };
            for (part, shape) in parts {
                if let Some(shape) = shape {
                    needs.push(self.guide_program(net, part, shape, plan.tiling)?.memory());
                }
            }
        }
        Ok(needs)
    }

    /// Bytes on the host of what nets make of pictures, for so many pictures side by side: once as it is kept, and once for
    /// each time that the UNet is given it.
    pub(super) fn control_bytes(&self, plan: &DrawPlan, frame: Frame, batch: usize) -> u64 {
        let numbers = |net: &Arc<GuideNet>| -> usize {
            match net.control() {
                Some(control_net) => {
                    frame.shape.pixels() * control_net.config().encoder.block_out_channels[0]
                }
                None => self.feature_shapes(plan).iter().map(Shape::len).sum(),
            }
        };
        let made: usize = plan.nets.iter().map(numbers).sum();
        let pixels = plan.nets.iter().map(|_| plan.width * plan.height * 3).max().unwrap_or(0);
        let (whole, drawn) = (plan.sizes().whole, (plan.width, plan.height));
        // As large as all of what is drawn over, on the way to a part of it.
        let fitted = if pixels == 0 || whole == drawn { 0 } else { whole.0 * whole.1 * 2 * 3 };
        ((made * batch * (1 + plan.copies()) + pixels) * size_of::<f32>() + fitted) as u64
    }

    /// Extents of an adapter's features for the pictures of a plan.
    pub(super) fn feature_shapes(&self, plan: &DrawPlan) -> Vec<Shape> {
        let adapters = plan.nets.iter().filter_map(|net| net.adapter());
        let mut shapes = adapters.map(|adapter| adapter.feature_shapes(plan.height, plan.width));
        shapes.next().unwrap_or_default()
    }
}

/// Colours from 0 to 1.
fn shares(picture: &Picture) -> Vec<f32> {
    picture.rgb.iter().map(|v| f32::from(*v) / 255.0).collect()
}

fn scaled(x: &HostTensor, scale: f32) -> HostTensor {
    HostTensor::f32(x.shape, x.as_f32().iter().map(|v| v * scale).collect())
}

/// What a net reads: the picture at the size that is drawn, or the map that is made of that. Where another picture is
/// drawn over, it is fitted as that is, and cut to the same part.
fn read(control: &Control, plan: &DrawPlan, over: Option<&Prepared>) -> Picture {
    let opaque = control.picture.on_white();
    let fitted = match over {
        Some(over) => over.beside(&opaque),
        None => Fit::Crop.picture(&opaque, plan.width, plan.height),
    };
    control.preprocessor.map_or(fitted.clone(), |preprocessor| preprocessor.map(&fitted))
}

/// The mean of each channel over all pixels.
fn means(values: &[f32], channels: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; channels];
    for pixel in values.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += f64::from(*v));
    }
    let pixels = (values.len() / channels) as f64;
    sums.into_iter().map(|sum| (sum / pixels) as f32).collect()
}

/// An error where a net must be told what its picture shows, or cannot be told.
fn check_mode(control: &Control, net: &GuideNet) -> Result<()> {
    let refuse = |what: String| Err(Error::Request(Message::of(Setting::Control).text(what)));
    let name = net.path().display();
    match (net.union(), control.shown()) {
        (Some(_), None) => refuse(format!(
            ": {name} reads several kinds of pictures, so it must be told which: put one of its kinds and @ before the \
             picture, as in canny@edges.png"
        )),
        (Some(union), Some(mode)) if mode.place() >= union.types() => refuse(format!(
            ": {name} reads {} kinds of pictures, and `{}` is none of them",
            union.types(),
            mode.word()
        )),
        _ => Ok(()),
    }
}
