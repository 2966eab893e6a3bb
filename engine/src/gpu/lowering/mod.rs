//! The interface between operations and the runtime: a node becomes dispatches.
//!
//! Every operation has one function `lower_…(lowering, node)` in [`super::ops`]. It asks the
//! [`Lowering`] how values lie, which weights and scratch buffers to bind, cuts its rows into
//! windows where a value is larger than a binding may be, and emits [`Dispatch`]es. Nothing here
//! touches the device: the runtime makes pipelines, buffers and bind groups of it afterwards.
//!
//! A kernel finds its parameters as a uniform struct at `@binding(0)` and its buffers from 1 on, in
//! the order of [`Dispatch::bindings`], all in group 0. Bindings may be longer than what was asked
//! for (tests guard the end of a buffer): kernels take lengths from their parameters, never from
//! `arrayLength`.

mod dispatch;
mod params;
mod value;
mod windows;

use std::sync::Arc;

pub(super) use dispatch::{Access, Binding, BufferName, Dispatch, Kernel};
pub(super) use params::params;
pub use params::{KernelConstant, ParamsLayout};
pub(super) use value::{Rows, Value};

use super::cores::{CoreKernel, measured};
use super::device::Facts;
use super::kernel_table::KernelName;
use super::packing::{Columns, Packing, packed_extents};
use super::stored::Stored;
use super::work::Work;
use crate::graph::{Element, Graph, Node, NodeId};
use crate::weights::Weight;
use crate::{Error, Result};

/// A weight as a kernel finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackedWeight {
    /// All of it, to be read.
    pub binding: Binding,
    /// Its numbers.
    pub stored: Stored,
    /// Rows of the packed matrix: K', a multiple of 8 (a table: its rows).
    pub rows: usize,
    /// Columns of it: N', a multiple of 8.
    pub columns: usize,
}

/// A node that several kernels can compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// It.
    pub node: NodeId,
    /// As the choice of its kernel saw it.
    pub work: Work,
    /// The kernels that can, the one first that the rules prefer.
    pub candidates: Vec<KernelName>,
}

/// What lowering a whole graph collects.
pub(super) struct Lowering<'a> {
    graph: &'a Graph,
    facts: &'a Facts,
    node: NodeId,
    half_weights: bool,
    /// Scratch buffers that the current node has taken.
    scratch_taken: usize,
    /// All dispatches, in the order in which they run.
    pub dispatches: Vec<Dispatch>,
    /// The weights that they read; a [`BufferName::Weight`] is a place in it.
    pub weights: Vec<(Arc<Weight>, Packing)>,
    /// Bytes of the scratch buffers, which nodes take in turn.
    pub scratch: Vec<u64>,
    /// The nodes of whose kernels there is a choice.
    pub chosen: Vec<Chosen>,
}

impl<'a> Lowering<'a> {
    /// Lowers every node of `graph`.
    pub(super) fn run(graph: &'a Graph, facts: &'a Facts) -> Result<Self> {
        let half_weights = graph.nodes().iter().any(|node| node.element == Element::F16);
        let mut lowering = Self {
            graph,
            facts,
            node: 0,
            half_weights,
            scratch_taken: 0,
            dispatches: Vec::new(),
            weights: Vec::new(),
            scratch: Vec::new(),
            chosen: Vec::new(),
        };
        for id in 0..graph.nodes().len() {
            let before = lowering.dispatches.len();
            (lowering.node, lowering.scratch_taken) = (id, 0);
            super::ops::lower(&mut lowering, id)?;
            lowering.share_work(before);
        }
        Ok(lowering)
    }

    /// The node of this id.
    pub(super) fn node(&self, id: NodeId) -> &'a Node {
        self.graph.node(id)
    }

    /// The device.
    pub(super) fn facts(&self) -> &'a Facts {
        self.facts
    }

    /// The kernel for the current node, from what was measured where that is said and there, else by the rules.
    pub(super) fn choose<K: CoreKernel>(&mut self, work: Work) -> K {
        let candidates = K::candidates(self.facts, &work);
        let names = candidates.iter().map(CoreKernel::name).collect();
        self.chosen.push(Chosen { node: self.node, work, candidates: names });
        let measured = measured(&candidates, &self.facts.kernels, &work);
        // The tiled core does everything, and is always among them.
        measured.unwrap_or(candidates[0])
    }

    /// How the value of node `id` lies in its buffer.
    pub(super) fn value(&self, id: NodeId) -> Value {
        Value::new(id, self.graph.node(id))
    }

    /// How the `place`-th input of the current node lies in its buffer.
    pub(super) fn input(&self, place: usize) -> Value {
        self.value(self.graph.node(self.node).inputs[place])
    }

    /// What no number of the `place`-th input of the current node exceeds, where that is known.
    pub(super) fn bound_of_input(&self, place: usize) -> Option<f32> {
        self.graph.node(self.graph.node(self.node).inputs[place]).bound
    }

    /// A bias, scale or shift: f32, zeros up to the pitch.
    pub(super) fn vector(&mut self, weight: &Arc<Weight>, columns: Columns) -> Result<Binding> {
        Ok(self.packed(weight, Packing::Vector { columns })?.binding)
    }

    /// An embedding table, rows as they are, zeros up to the pitch. It may be larger than a binding:
    /// see [`Lowering::table_rows`].
    pub(super) fn table(&mut self, weight: &Arc<Weight>) -> PackedWeight {
        let packing = Packing::Table { stored: self.stored(weight) };
        self.take_weight(weight, packing)
    }

    /// A buffer of `bytes` that keeps nothing from one node to the next. To be read it is bound with
    /// [`Binding::read`].
    pub(super) fn scratch(&mut self, bytes: u64) -> Result<Binding> {
        let place = self.scratch_taken;
        self.scratch_taken += 1;
        if self.scratch.len() <= place {
            self.scratch.push(0);
        }
        self.scratch[place] = self.scratch[place].max(bytes);
        self.bindable(Binding::new(BufferName::Scratch(place), 0, bytes, Access::Write))
    }

    /// Something to bind where a kernel's variant reads nothing.
    pub(super) fn nothing(&self) -> Binding {
        Binding::new(BufferName::Nothing, 0, 16, Access::Read)
    }

    /// All of a value, to be read: for what must be seen whole, such as keys.
    pub(super) fn whole(&self, value: &Value) -> Result<Binding> {
        self.bindable(Binding::new(BufferName::Value(value.id), 0, value.bytes(), Access::Read))
    }

    /// Adds one dispatch. `params` is the kernel's uniform struct, `workgroups` its grid.
    pub(super) fn emit(
        &mut self,
        kernel: Kernel,
        bindings: Vec<Binding>,
        params: &impl bytemuck::Pod,
        workgroups: [u32; 3],
    ) {
        debug_assert!(bindings.len() <= 8, "storage buffers of {}", kernel.shader.name);
        let params = bytemuck::bytes_of(params).to_vec();
        debug_assert!(params.len() <= Dispatch::PARAMS_BYTES, "parameters of {}", kernel.shader.name);
        self.dispatches.push(Dispatch { node: self.node, kernel, bindings, params, workgroups, work: 0 });
    }

    /// A grid of `count` workgroups, as [`Facts::fold`].
    pub(super) fn fold(&self, count: usize) -> [u32; 3] {
        self.facts.fold(count)
    }

    /// A matrix may be quantised, too.
    pub(super) fn stored_matrix(&self, weight: &Weight) -> Stored {
        weight.quantisation().map_or_else(|| self.stored(weight), Stored::from)
    }

    /// A weight is stored in halves if its file has halves or the graph computes in them.
    fn stored(&self, weight: &Weight) -> Stored {
        if self.half_weights || weight.has_halves() { Stored::F16 } else { Stored::F32 }
    }

    /// A weight that is bound whole.
    pub(super) fn packed(&mut self, weight: &Arc<Weight>, packing: Packing) -> Result<PackedWeight> {
        let packed = self.take_weight(weight, packing);
        self.bindable(packed.binding.clone())?;
        Ok(packed)
    }

    fn take_weight(&mut self, weight: &Arc<Weight>, packing: Packing) -> PackedWeight {
        let known = self.weights.iter().rposition(|(w, p)| w.id() == weight.id() && *p == packing);
        let place = known.unwrap_or_else(|| {
            self.weights.push((weight.clone(), packing));
            self.weights.len() - 1
        });
        let extents = packed_extents(weight, packing);
        let binding = Binding::new(BufferName::Weight(place), 0, extents.bytes(), Access::Read);
        PackedWeight { binding, stored: extents.stored, rows: extents.rows, columns: extents.columns }
    }

    /// The binding, if the device can bind as much at once.
    pub(super) fn bindable(&self, binding: Binding) -> Result<Binding> {
        if binding.size <= self.facts.max_binding {
            return Ok(binding);
        }
        Err(Error::Device(format!(
            "{} lets a kernel bind at most {} MiB of a buffer, `{}` needs {}: try a smaller size or \
             --device cpu",
            self.facts.name,
            self.facts.max_binding >> 20,
            self.graph.node(self.node).label,
            binding.size.div_ceil(1 << 20),
        )))
    }
}
