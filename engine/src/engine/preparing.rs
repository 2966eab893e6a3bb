//! What a picture needs, made ready: its programs, and how they fit into the memory there is. Nothing is taken of a
//! device's memory before that is known.

use std::time::Instant;

use super::beginning::kept_bytes;
use super::decode::Purpose;
use super::fitting::{Fit, MemoryPlan, heights};
use super::layout::Frame;
use super::needs::Needs;
use super::{DrawPlan, Engine};
use crate::backend::{CancelToken, DeviceNeed, MemoryNeed};
use crate::graph::Shape;
use crate::init::Sizes;
use crate::memory::Memory;
use crate::picture;
use crate::request::Request;
use crate::{Error, Result};

/// Copies of the latents at the most: noise, latents, what the model is given and what it predicts, each in torch's
/// order and in that of graphs.
const LATENTS: usize = 12;

/// Bytes of others on a device that are none of a model: an upscaler's, parameters.
const LITTLE: u64 = 64 << 20;

/// So few calls of the UNet that keeping its weights for the next one hardly pays for the memory that they take, and costs
/// seconds where the system is slow to give it, as in virtual machines.
const FEW_CALLS: usize = 2;

/// What programs take that were compiled for a plan.
struct Prepared {
    /// On a device its weights, activations and scratch are those of programs one by one.
    need: MemoryNeed,
    /// Of that an upscaler, which has programs of its own.
    upscaling: MemoryNeed,
}

/// How pictures are drawn with the memory there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fitted {
    /// Pictures side by side.
    pub(super) batch: usize,
    pub(super) need: MemoryNeed,
    /// On a device with memory of its own.
    pub(super) fit: Option<Fit>,
}

impl Engine {
    /// How many of `images` are drawn side by side, and how: a whole batch, or one after the other; with all weights on the
    /// device and the VAE whole, or with what takes less. Nothing of a device's memory is taken yet.
    pub(super) fn fit(&mut self, plan: &DrawPlan, images: usize, previews: usize) -> Result<Fitted> {
        let heights = heights(self.vae_cut.asked, self.is_on_host());
        let whole = self.base.outlook.batch((plan.width, plan.height)).min(images);
        let plans = MemoryPlan::all(self.memory.low, &heights);
        // Strips cost more than batches gain.
        let together = plans.iter().filter(|one| one.vae_rows == plans[0].vae_rows).map(|one| (whole, *one));
        let alone = plans.iter().map(|one| (1, *one));
        let tried: Vec<_> = if whole > 1 { together.chain(alone).collect() } else { alone.collect() };
        let (mut last, mut refused) = (None, None);
        for room in self.memory.rooms(self.backend.device_memory()) {
            for &(batch, way) in &tried {
                match self.fit_as(plan, (batch, previews), way, room) {
                    Ok(fitted) if self.check_memory(fitted.need).is_ok() => return Ok(fitted),
                    Ok(fitted) => last = Some(fitted),
                    Err(error @ Error::Memory { .. }) => (last, refused) = (None, Some(error)),
                    Err(error) => return Err(error),
                }
            }
        }
        match (last, refused) {
            // Whoever watches is told what it would take.
            (Some(fitted), _) => Ok(fitted),
            (None, Some(error)) => Err(self.instead_of(plan, error)),
            (None, None) => Err(super::programs::never("there is no way to draw")),
        }
    }

    /// What a request will take at its peak, and how it fits into the memory of a device that has its own. Nothing of that
    /// is taken.
    ///
    /// # Errors
    /// As [`Engine::generate`], before anything is computed.
    pub fn foresee(&mut self, request: &Request) -> Result<(MemoryNeed, Option<Fit>)> {
        let plan = self.check(request, &CancelToken::default())?;
        let Fitted { need, fit, .. } = self.fit(&plan, plan.images, 0)?;
        self.check_memory(need).map(|()| (need, fit))
    }

    /// Changes the model by the LoRAs of a plan, which may be read for long, as long as nobody cancels it.
    pub(super) fn load_loras(&mut self, plan: &DrawPlan, cancel: &CancelToken) -> Result<()> {
        let start = Instant::now();
        let applied = self.apply(&plan.loras, cancel);
        self.loading += start.elapsed().as_secs_f64();
        applied
    }

    /// What drawing takes this way; an error where that is more than there is room for on a device.
    pub(super) fn fit_as(
        &mut self,
        plan: &DrawPlan,
        sides: (usize, usize),
        way: MemoryPlan,
        room: Option<u64>,
    ) -> Result<Fitted> {
        self.vae_cut.rows = way.vae_rows;
        let Prepared { need, upscaling } = self.prepare(plan, sides)?;
        let batch = sides.0;
        let device = self.programs.device_need(&way);
        if device.buffers.is_empty() {
            return Ok(Fitted { batch, need, fit: None });
        }
        let need = on_device(need, upscaling, &device);
        let device_bytes = need.total() - need.picture;
        let fit = Some(Fit { plan: way, device_bytes, budget_bytes: room });
        match room {
            Some(have) if device_bytes > have => {
                Err(Error::Memory { device: self.device().to_owned(), need: device_bytes, have })
            }
            _ => Ok(Fitted { batch, need, fit }),
        }
    }

    /// Takes the memory, and copies the weights that stay.
    pub(super) fn settle(&mut self, fitted: &Fitted) -> Result<()> {
        let Some(Fit { plan, device_bytes, budget_bytes }) = fitted.fit else { return Ok(()) };
        let start = Instant::now();
        let others = self.backend.held().saturating_sub(self.programs.held());
        if let Some(have) = budget_bytes.filter(|have| others > LITTLE && others + device_bytes > *have) {
            let device = self.device().to_owned();
            return Err(Error::Memory { device, need: others + device_bytes, have });
        }
        self.programs.settle(&plan, budget_bytes)?;
        self.loading += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Compiles what `plan` needs with `batch` pictures side by side and as many previews.
    fn prepare(&mut self, plan: &DrawPlan, (batch, previews): (usize, usize)) -> Result<Prepared> {
        let start = Instant::now();
        self.apply(&plan.loras, &CancelToken::default())?;
        self.programs.begin();
        let frame = plan.frame(self.model.vae.latents());
        let last = plan.second().map(|second| second.frame(self.model.vae.latents()));
        let mut needs = Needs::default();
        needs.drawing.push(self.text()?.memory());
        needs.drawing.extend(self.image_prompt_needs(plan)?);
        needs.drawing.extend(self.control_needs(plan)?);
        self.programs.runs_unet_often = !self.once || unet_calls(plan, batch) > FEW_CALLS;
        needs.unet = self.unet_need(plan, frame, batch)?;
        needs.drawing.extend(self.encoder_need(plan)?);
        // On the host previews of the model's own VAE take less than its pictures, in the same memory.
        if previews > 0 && (self.model.preview_vae.is_some() || !self.is_on_host()) {
            let previewed = self.previewed(frame);
            needs.drawing.push(self.decoder(Purpose::Preview, previewed)?.memory());
        }
        if last.is_some() {
            needs.drawing.push(self.decoder(Purpose::Picture, frame)?.memory());
            self.add_second(plan, &mut needs)?;
        }
        needs.finishing.push(self.decoder(plan.purpose(), last.unwrap_or(frame))?.memory());
        needs.finishing.extend(self.transparency_needs(plan, last.unwrap_or(frame))?);
        needs.upscaling = self.prepare_upscale(plan)?;
        let picture = self.host_bytes(plan, batch, &needs);
        let need = if self.lets_unet_go() && decodes_at_last(plan, batch) {
            needs.without_unet_at_last()
        } else {
            needs.together()
        };
        let weights = need.weights + if self.is_on_host() { self.model.lora_bytes() } else { 0 };
        self.loading += start.elapsed().as_secs_f64();
        Ok(Prepared { need: MemoryNeed { picture, weights, ..need }, upscaling: needs.of_upscaling() })
    }

    /// Bytes on the host for pictures on their way, with what programs keep there while they draw, and after that.
    fn host_bytes(&self, plan: &DrawPlan, batch: usize, needs: &Needs) -> u64 {
        let frame = plan.frame(self.model.vae.latents());
        let one =
            picture_need(Shape { images: batch, ..frame.shape }, plan, plan.sizes()) + plan.init_bytes();
        one.max(self.second_picture_need(plan)).max(needs.of_upscaling().picture)
            + batch as u64 * self.image_prompt_bytes(plan)
            + self.control_bytes(plan, frame, batch)
            + Self::transparency_bytes(plan)
            // What is kept between strips on the host of a device.
            + needs.between_strips()
    }

    /// Compiles the UNet with all that stands beside it at any step; the memory of the largest of these programs, which
    /// share their weights.
    pub(super) fn unet_need(&mut self, plan: &DrawPlan, frame: Frame, batch: usize) -> Result<MemoryNeed> {
        let (mut most, mut largest) = (MemoryNeed::default(), vec![]);
        for set in plan.guided_sets() {
            let inputs = self.guided_inputs(plan, &plan.unet_inputs(frame, batch), &set);
            let need = self.unet(&inputs, &plan.nets)?.memory();
            let peak =
                if need.activations + need.scratch > most.activations + most.scratch { need } else { most };
            let is_larger = need.weights > most.weights;
            most = MemoryNeed { weights: need.weights.max(most.weights), ..peak };
            if is_larger {
                largest = set;
            }
        }
        // Where weights are copied, those of nets that are never beside the others are there, too.
        let others = (0..plan.nets.len()).filter(|place| most.weights > 0 && !largest.contains(place));
        most.weights += others.map(|place| plan.nets[place].bytes()).sum::<u64>();
        Ok(most)
    }

    /// Bytes on the host of the second pass, where there is one.
    fn second_picture_need(&self, plan: &DrawPlan) -> u64 {
        let Some((second, sizes)) = plan.second().zip(plan.second_sizes()) else { return 0 };
        let kept = if plan.is_partial() { plan.init_bytes() + kept_bytes(sizes) } else { 0 };
        picture_need(second.frame(self.model.vae.latents()).shape, plan, sizes) + kept
    }

    /// Whether this machine has as much memory.
    pub(super) fn check_memory(&self, need: MemoryNeed) -> Result<()> {
        let (need, have) = (need.on_host(self.is_on_host()), Memory::now().free);
        if need <= have {
            return Ok(());
        }
        let device = if self.is_on_host() { "the CPU" } else { "this machine" };
        Err(Error::Memory { device: device.into(), need, have })
    }
}

/// Calls of the UNet for a whole request, a step of a batch being one. Samplers that call it twice a step are not told apart.
fn unet_calls(plan: &DrawPlan, batch: usize) -> usize {
    let second = plan.second().map_or(0, |second| second.steps());
    (plan.steps() - second) * plan.images.div_ceil(batch) + second * plan.images
}

/// Whether no picture is decoded before the UNet's last call.
fn decodes_at_last(plan: &DrawPlan, batch: usize) -> bool {
    plan.images <= batch && (plan.images == 1 || plan.second().is_none())
}

/// Bytes on the host while one picture is made, beside the values of the graphs.
fn picture_need(latents: Shape, plan: &DrawPlan, sizes: Sizes) -> u64 {
    let (latents, pixels) = (latents.len() * size_of::<f32>(), sizes.drawn.0 * sizes.drawn.1);
    let decoded = pixels * (size_of::<u32>() + picture::CHANNELS);
    let (width, height) = sizes.whole;
    (latents * LATENTS + decoded) as u64 + picture::encoding(width, height, plan.has_alpha())
}

/// What programs take together on a device, which share weights and buffers.
fn on_device(need: MemoryNeed, upscaling: MemoryNeed, device: &DeviceNeed) -> MemoryNeed {
    let buffers = device.buffer_bytes().max(upscaling.activations + upscaling.scratch);
    let scratch = need.scratch.min(buffers);
    MemoryNeed {
        activations: buffers - scratch,
        weights: device.weight_bytes() + device.own + upscaling.weights,
        scratch,
        // Every program has its own.
        kept: 0,
        picture: need.picture + device.packed,
    }
}
