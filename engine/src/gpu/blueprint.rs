//! What is known of a program before a device has anything of it: its dispatches, and all memory that they take.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use super::device::Facts;
use super::lowering::{Dispatch, Lowering, Value};
use super::options::Core;
use super::packing::{Packing, packed_extents};
use super::segments::{self, Segment};
use crate::Result;
use crate::backend::{DeviceNeed, Holding, MemoryNeed};
use crate::graph::plan::{Keep, plan};
use crate::graph::{Graph, NodeId};
use crate::weights::Weight;

/// A graph, lowered and planned.
pub(super) struct Blueprint {
    pub dispatches: Vec<Dispatch>,
    /// How many they are, also once they have been taken.
    steps: usize,
    /// The weights that they read.
    pub weights: Vec<(Arc<Weight>, Packing)>,
    /// Bytes of each, packed.
    pub weight_bytes: Vec<u64>,
    /// How they are cut where weights are not kept.
    pub segments: Vec<Segment>,
    /// Bytes of the slots that values take in turn.
    slots: Vec<u64>,
    /// Bytes of each value that is kept from one run to the next.
    pub kept: Vec<u64>,
    /// The slot of each value, first those in turn.
    slot_of: Vec<usize>,
    scratch: Vec<u64>,
}

/// Which buffer holds what.
pub(super) struct Places {
    /// For every node.
    pub values: Vec<Place>,
    /// For every scratch buffer, one of the pool.
    pub scratch: Vec<usize>,
    /// For the buffers that segments take in turn, in the pool; none where weights are held.
    pub streamed: Vec<usize>,
    /// Bytes of every buffer of the pool, falling.
    pub sizes: Vec<u64>,
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a buffer of the pool.
    Pool(usize),
    /// In a buffer of the program's own, from one run to the next.
    Kept(usize),
}

impl Blueprint {
    pub(super) fn new(graph: &Graph, facts: &Facts) -> Result<Self> {
        let Lowering { dispatches, weights, scratch, .. } = Lowering::run(graph, facts)?;
        let value_bytes = |id: NodeId| Value::new(id, graph.node(id)).bytes();
        // With guards every value has a buffer of its own, or nobody would watch its end.
        let plan = plan(graph, value_bytes, if facts.guards { Keep::All } else { Keep::Lasting }, |_| false);
        let weight_bytes: Vec<u64> =
            weights.iter().map(|(weight, packing)| packed_extents(weight, *packing).bytes()).collect();
        let lasting = graph.lasting();
        let lasts = |dispatch: &Dispatch| lasting.is(dispatch.node);
        let segments = segments::cut(&dispatches, lasts, &weight_bytes, (facts.segment, facts.alignment));
        let kept = plan.kept().iter().copied().map(bindable).collect();
        Ok(Self {
            steps: dispatches.len(),
            dispatches,
            weights,
            weight_bytes,
            segments,
            slots: plan.bytes[..plan.turns].to_vec(),
            kept,
            slot_of: plan.slot_of,
            scratch,
        })
    }

    /// Values, scratch and segments side by side, largest first: then programs of one device share best.
    pub(super) fn places(&self, holding: Holding) -> Places {
        let segment = self.segments.iter().map(|segment| segment.bytes).max().unwrap_or(0);
        let streamed = match holding {
            Holding::Held => vec![],
            Holding::Streamed => vec![segment; segments::BUFFERS.min(self.segments.len())],
        };
        let all: Vec<u64> =
            [&self.slots, &self.scratch, &streamed].into_iter().flatten().copied().map(bindable).collect();
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|&slot| std::cmp::Reverse(all[slot]));
        let mut rank = vec![0; all.len()];
        order.iter().enumerate().for_each(|(place, &slot)| rank[slot] = place);
        let beside = self.slots.len() + self.scratch.len();
        let place = |&slot: &usize| match slot.checked_sub(self.slots.len()) {
            None => Place::Pool(rank[slot]),
            Some(kept) => Place::Kept(kept),
        };
        Places {
            values: self.slot_of.iter().map(place).collect(),
            scratch: rank[self.slots.len()..beside].to_vec(),
            streamed: rank[beside..].to_vec(),
            sizes: order.iter().map(|&slot| all[slot]).collect(),
        }
    }

    /// All bytes of weights.
    pub(super) fn all_weights(&self) -> u64 {
        self.weight_bytes.iter().sum()
    }

    pub(super) fn memory(&self, holding: Holding) -> MemoryNeed {
        let (activations, kept) = (self.slots.iter().sum(), self.kept.iter().sum());
        let all: u64 = self.places(holding).sizes.iter().sum();
        let weights = if holding == Holding::Held { self.all_weights() } else { 0 };
        MemoryNeed { activations, kept, weights, scratch: all.saturating_sub(activations), picture: 0 }
    }

    pub(super) fn device_need(&self, holding: Holding) -> DeviceNeed {
        let hash = BuildHasherDefault::<DefaultHasher>::default();
        let one = |((weight, packing), bytes): (&(Arc<Weight>, Packing), &u64)| {
            (hash.hash_one((weight.id(), packing)), *bytes)
        };
        let weights = match holding {
            Holding::Held => self.weights.iter().zip(&self.weight_bytes).map(one).collect(),
            Holding::Streamed => HashMap::new(),
        };
        let packed = match holding {
            Holding::Held => 0,
            Holding::Streamed => segments::packed_bytes(self.all_weights()),
        };
        let own = (self.steps * Dispatch::PARAMS_BYTES) as u64 + self.kept.iter().sum::<u64>();
        DeviceNeed { weights, buffers: self.places(holding).sizes, own, packed }
    }
}

/// A binding of four words is the least that a kernel declares.
fn bindable(bytes: u64) -> u64 {
    bytes.max(16)
}

/// What a graph's program takes on a device without limits of its own that runs `core`, and whose subgroups have
/// `subgroup` lanes: for plans without a device.
///
/// # Errors
/// What lowering fails with.
pub fn device_need(graph: &Graph, core: Core, subgroup: Option<u32>, holding: Holding) -> Result<DeviceNeed> {
    Ok(Blueprint::new(graph, &Facts::unlimited(core, subgroup))?.device_need(holding))
}
