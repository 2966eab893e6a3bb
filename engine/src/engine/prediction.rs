//! What SDXL of full size takes of a device's memory, on paper: graphs are recorded and lowered, and no number of a weight
//! is ever read.
#![cfg(test)]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::{Engine, Fit, MemoryOptions, MemoryPlan, Model, Precision};
use crate::backend::{
    Backend, CancelToken, DeviceMemory, DeviceNeed, Holding, HostTensor, MemoryNeed, Peak, Profiled, Program,
};
use crate::gpu::{Core, device_need};
use crate::graph::{Graph, Node};
use crate::request::Request;
use crate::weights::{Checkpoint, Configs};
use crate::{Error, Result, networks};

const GIB: f64 = (1u64 << 30) as f64;

/// Bytes of the largest tensor of SDXL in halves, and more.
const LARGEST: usize = 160 << 20;

/// A card on which nothing runs.
struct Card(DeviceMemory);

impl Backend for Card {
    fn name(&self) -> &'static str {
        "a card on paper"
    }

    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>> {
        let need = |holding| device_need(&graph, Core::Cooperative, Some(32), holding);
        Ok(Box::new(Sketch { held: need(Holding::Held)?, streamed: need(Holding::Streamed)? }))
    }

    fn device_memory(&self) -> Option<DeviceMemory> {
        Some(self.0)
    }

    fn peak(&self) -> Result<Peak> {
        Err(nothing_runs())
    }
}

struct Sketch {
    held: DeviceNeed,
    streamed: DeviceNeed,
}

fn nothing_runs() -> Error {
    Error::Device("nothing runs on paper".into())
}

impl Program for Sketch {
    fn memory(&self) -> MemoryNeed {
        MemoryNeed {
            activations: self.held.buffer_bytes(),
            weights: self.held.weight_bytes(),
            ..MemoryNeed::default()
        }
    }

    fn device_need(&self, holding: Holding) -> DeviceNeed {
        if holding == Holding::Held { self.held.clone() } else { self.streamed.clone() }
    }

    fn run(&mut self, _: &[(&str, &HostTensor)], _: &CancelToken) -> Result<Vec<HostTensor>> {
        Err(nothing_runs())
    }

    fn trace(
        &mut self,
        _: &[(&str, &HostTensor)],
        _: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()> {
        Err(nothing_runs())
    }

    fn profile(&mut self, _: &[(&str, &HostTensor)], _: &CancelToken) -> Result<Profiled> {
        Err(nothing_runs())
    }
}

/// SDXL, all of whose numbers are zero.
fn sdxl(quantised: bool) -> Checkpoint {
    let zeros = Bytes::from(vec![0; LARGEST]);
    let mut make = |_, _: &str, shape: &[usize]| zeros.slice(..2 * shape.iter().product::<usize>());
    let configs = Configs::sdxl_base().expect("SDXL base");
    let made = Checkpoint::made(Path::new("SDXL on paper"), &configs, networks::describe, &mut make);
    made.expect("a model").quantised(quantised)
}

/// SDXL on a card with so many GiB, of which nine tenths are free.
fn on_a_card(card: u64, (low, quantised): (bool, bool)) -> Engine {
    let memory = DeviceMemory { total: card << 30, budget: (card << 30) / 10 * 9, is_shared: false };
    let model = Model::load(&sdxl(quantised), Request::default()).expect("a model");
    let engine = Engine::new(Arc::new(model), Arc::new(Card(memory)), Precision::F16);
    engine.with_memory(MemoryOptions { budget: None, low })
}

fn picture(side: usize) -> Request {
    Request { width: Some(side), height: Some(side), seed: Some(1), ..Request::new("a fox") }
}

/// How a picture fits into a card.
fn fit(card: u64, side: usize, (low, quantised): (bool, bool)) -> Result<Fit> {
    let (_, fit) = on_a_card(card, (low, quantised)).foresee(&picture(side))?;
    let fit = fit.expect("a device");
    let gib = fit.device_bytes as f64 / GIB;
    println!("{card} GiB, {side}², low {low}, q8 {quantised}: {gib:.2} GiB, {}", fit.plan);
    Ok(fit)
}

#[test]
fn sdxl_fits_into_a_card_of_8_gib_by_itself() {
    let Fit { plan, device_bytes, .. } = fit(8, 1024, (false, false)).expect("it fits");
    assert!(device_bytes as f64 <= 6.5 * GIB, "{device_bytes}");
    assert_eq!(plan.unet, Holding::Held);
}

#[test]
fn all_stays_where_there_is_plenty() {
    let Fit { plan, device_bytes, .. } = fit(24, 1024, (false, false)).expect("it fits");
    assert_eq!(plan, MemoryPlan::default());
    // Taken on an H100 with other tiles, when each block of the VAE's scores had a buffer of its own: 9.96.
    assert!((9.0..10.0).contains(&(device_bytes as f64 / GIB)), "{device_bytes}");
    assert_eq!(fit(12, 1024, (false, false)).expect("it fits").plan.unet, Holding::Held);
}

#[test]
fn with_low_memory_sdxl_takes_3_gib() {
    for card in [4, 6, 8, 24] {
        let Fit { plan, device_bytes, .. } = fit(card, 1024, (true, false)).expect("it fits");
        assert!(device_bytes as f64 <= 3.0 * GIB, "{device_bytes}");
        assert_eq!(plan.unet, Holding::Streamed);
    }
}

#[test]
fn a_card_that_is_too_small_is_told_before_the_start() {
    assert!(matches!(fit(4, 1024, (false, false)), Err(Error::DoesNotFit(_))));
}

#[test]
fn in_eight_bits_sdxl_fits_into_a_card_of_6_gib_and_its_unet_takes_less_than_3() {
    assert!(fit(6, 1024, (false, true)).is_ok() && fit(6, 1024, (false, false)).is_err());
    let mut engine = on_a_card(6, (false, true));
    let plan = engine.plan(&picture(1024)).expect("it can be drawn");
    let frame = plan.frame(engine.model.vae.latents());
    let unet = engine.unet(&plan.unet_inputs(frame, 1), &[]).expect("its shapes fit");
    let bytes = unet.program().device_need(Holding::Held).weight_bytes();
    println!("a UNet in eight bits: {:.2} GiB", bytes as f64 / GIB);
    assert!(bytes as f64 <= 2.8 * GIB, "{bytes}");
}
