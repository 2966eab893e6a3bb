//! All that a program has its device do, so that two of them can be compared.

use super::Shared;
use super::blueprint::{Place, Places};
use super::lowering::Dispatch;
use super::packing::Packing;

/// Programs of one adapter of which this is the same run the same kernels on the same weights in buffers of the same sizes,
/// on devices that were opened alike.
#[derive(Debug, PartialEq)]
pub struct Lowered {
    dispatches: Vec<Dispatch>,
    weights: Vec<(u64, Packing)>,
    values: Vec<Place>,
    scratch: Vec<usize>,
    buffers: Vec<u64>,
    features: wgpu::Features,
    limits: wgpu::Limits,
    is_checked: bool,
    has_guards: bool,
}

impl Lowered {
    pub(super) fn new(
        shared: &Shared,
        dispatches: Vec<Dispatch>,
        weights: Vec<(u64, Packing)>,
        places: &Places,
    ) -> Self {
        let device = &shared.device;
        Self {
            dispatches,
            weights,
            values: places.values.clone(),
            scratch: places.scratch.clone(),
            buffers: places.sizes.clone(),
            features: device.wgpu.features(),
            limits: device.wgpu.limits(),
            is_checked: shared.pipelines.are_checked(),
            has_guards: device.facts.guards,
        }
    }
}
