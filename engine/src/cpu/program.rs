//! Running a graph: node by node, every value in the slot that the plan gave it.

use std::sync::Arc;
use std::time::Instant;

use super::arithmetic::Arithmetic;
use super::direct::Taps;
use super::kept::{self, Kept, KeptKey, Layout, Store};
use super::lasting::{self, Keeper};
use super::pad::Frame;
use super::scratch::NodeWords;
use super::slots::Shelf;
use super::value::{Turn, Value};
use super::{
    attention, conv3x3, embed, group_norm, guide, layer_norm, linear, pad, picture, pointwise, product,
    resample,
};
use crate::backend::{
    CancelToken, Clock, HostTensor, KernelRun, LastingInputs, MemoryNeed, Profiled, Program, Values,
};
use crate::graph::plan::{Keep, Slots, plan};
use crate::graph::{Activation, Element, Graph, Lasting, Node, NodeId, Op};
use crate::memory::Memory;
use crate::{Error, Result};

/// Of the memory that is free, the part that kept weights may take.
const SHARE: u64 = 3;

/// What the programs of a backend share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) shelf: Shelf,
    pub(super) store: Store,
    pub(super) keeper: Keeper,
}

/// A graph with its memory plan. Slots live only during a run, in memory that a backend's programs share.
pub(super) struct CpuProgram {
    graph: Arc<Graph>,
    plan: Slots,
    arithmetic: Arithmetic,
    shared: Arc<Shared>,
    /// By which the keeper knows it.
    number: u64,
    lasting: Lasting,
    /// Where each node's weight stays.
    kept: Vec<Option<Arc<Kept>>>,
}

impl CpuProgram {
    /// One that shares memory and weights with the other programs of its backend.
    pub(super) fn new(graph: Arc<Graph>, arithmetic: Arithmetic, shared: Arc<Shared>) -> Self {
        let plan = plan(&graph, |id| bytes(graph.node(id)), Keep::Lasting, is_in_place);
        let kept = vec![None; graph.nodes().len()];
        let (number, lasting) = (lasting::number(), graph.lasting());
        Self { graph, plan, arithmetic, shared, number, lasting, kept }
    }

    /// Words that a node works in.
    fn node_words(&self, id: NodeId) -> NodeWords {
        let (node, kept) = (self.graph.node(id), self.kept[id].as_deref());
        match &node.op {
            Op::Linear { weight, epilogue } => {
                linear::node_words(weight, epilogue, node.shape, (self.arithmetic, kept))
            }
            Op::Conv3x3 { weight, window, .. } => {
                let taps = Taps { weight, window: *window };
                let shapes = [self.graph.node(node.inputs[0]).shape, node.shape];
                conv3x3::node_words(taps, shapes, (self.arithmetic, kept))
            }
            _ => NodeWords::default(),
        }
    }

    /// The most that nodes work in.
    fn largest_node(&self) -> NodeWords {
        let each = (0..self.graph.nodes().len()).map(|id| self.node_words(id));
        each.fold(NodeWords::default(), NodeWords::max)
    }

    /// Room for a node's weight, if it has one that stays as it is: what LoRAs change within is made anew in every run.
    fn room(&self, node: &Node) -> Option<(KeptKey, Kept)> {
        match &node.op {
            Op::Linear { weight, epilogue } => {
                let room = linear::room(weight, epilogue, node.shape, self.arithmetic)?;
                let is_gated = epilogue.activation == Activation::Geglu;
                Some(((weight.id(), if is_gated { Layout::Gated } else { Layout::Plain }), room))
            }
            Op::Conv3x3 { weight, window, .. } if !weight.is_changed() => {
                let taps = Taps { weight, window: *window };
                let shapes = [self.graph.node(node.inputs[0]).shape, node.shape];
                let (layout, room) = conv3x3::room(taps, shapes, self.arithmetic);
                Some(((weight.id(), layout), room))
            }
            _ => None,
        }
    }

    /// Runs the nodes that are not known from the run before.
    fn needed_nodes(
        &self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
        done: &mut dyn FnMut(NodeId, Value<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut values = self.shared.keeper.lend(self.number, self.plan.kept())?;
        let is_known = values.hold(&self.graph, inputs);
        self.each_node((inputs, cancel), (is_known, &mut values), done)?;
        if !is_known {
            values.made_of(LastingInputs::of(&self.graph, inputs));
        }
        Ok(())
    }

    /// Runs every node in order, without those that are known where they are, and shows each to `done`, with its value.
    fn each_node(
        &self,
        (inputs, cancel): (&[(&str, &HostTensor)], &CancelToken),
        (is_known, values): (bool, &mut lasting::Lent<'_>),
        done: &mut dyn FnMut(NodeId, Value<'_>) -> Result<()>,
    ) -> Result<()> {
        let _of_nodes = self.largest_node().reserve();
        let mut lent = self.shared.shelf.lend(&self.plan.bytes[..self.plan.turns])?;
        let mut slots = lent.slots();
        slots.extend(values.slots());
        let given = self.graph.nodes().iter().map(|node| given(node, inputs)).collect::<Result<Vec<_>>>()?;
        for (id, node) in self.graph.nodes().iter().enumerate() {
            if is_known && self.lasting.is(id) {
                continue;
            }
            cancel.check()?;
            // The node's own slot is taken out while the others are read; an input that it writes over is there alone.
            let slot = std::mem::take(&mut slots[self.plan.slot_of[id]]);
            let is_over = |slot: usize| is_in_place(node) && slot == self.plan.slot_of[id];
            let value = |id: NodeId| {
                let (shape, slot) = (self.graph.node(id).shape, self.plan.slot_of[id]);
                let numbers = || if is_over(slot) { &[] } else { &slots[slot][..shape.len()] };
                given[id].map_or_else(|| Value { shape, numbers: numbers() }, Value::of)
            };
            let read: Vec<Value<'_>> = node.inputs.iter().map(|&input| value(input)).collect();
            let shown = match given[id] {
                Some(tensor) => Value::of(tensor),
                None => {
                    let out = &mut slot[..node.shape.len()];
                    let (shape, arithmetic) = (node.shape, self.arithmetic);
                    let kept = self.kept[id].as_deref();
                    compute(node, &Turn { inputs: &read, shape, cancel, arithmetic, kept }, out);
                    Value { shape: node.shape, numbers: out }
                }
            };
            cancel.check()?;
            done(id, shown)?;
            slots[self.plan.slot_of[id]] = slot;
        }
        Ok(())
    }
}

impl Program for CpuProgram {
    fn memory(&self) -> MemoryNeed {
        let scratch = self.largest_node().bytes((rayon::current_num_threads() as u64, product::SCRATCH));
        let (weights, kept) = (kept::missing_bytes(&self.kept), self.plan.kept().iter().sum());
        MemoryNeed { activations: self.plan.peak(), kept, weights, scratch, picture: 0 }
    }

    /// Where not all weights have room, those of products may: transformed for Winograd's way, a weight takes four times as
    /// much as in halves, and saves less by staying.
    fn run_often(&mut self) {
        let most = Memory::now().free / SHARE;
        let among = |suits: fn(Layout) -> bool| {
            let rooms = self.graph.nodes().iter().map(|node| self.room(node));
            let wanted = rooms.map(|room| room.filter(|((_, layout), _)| suits(*layout))).collect();
            self.shared.store.room(wanted, most)
        };
        let kept = among(|_| true).or_else(|| among(|layout| !layout.is_transformed()));
        self.kept = kept.unwrap_or_else(|| vec![None; self.graph.nodes().len()]);
    }

    /// On one of the threads that compute: a caller beside them would sleep while they do each part of a node, and be woken
    /// for the next.
    fn run(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Vec<HostTensor>> {
        rayon::scope(|_| {
            let mut kept = vec![None; self.graph.outputs().len()];
            self.needed_nodes(inputs, cancel, &mut |id, value| {
                keep(&self.graph, id, value, &mut kept);
                Ok(())
            })?;
            Ok(all(kept))
        })
    }

    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()> {
        let mut values = self.shared.keeper.lend(self.number, self.plan.kept())?;
        values.forget();
        self.each_node((inputs, &CancelToken::default()), (false, &mut values), &mut |id, value| {
            let node = self.graph.node(id);
            visit(node, &to_host(node, value))
        })
    }

    fn profile(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Profiled> {
        let (graph, mut kernels, mut kept) = (&self.graph, vec![], vec![None; self.graph.outputs().len()]);
        let mut last = Instant::now();
        self.needed_nodes(inputs, cancel, &mut |id, value| {
            let (node, seconds) = (graph.node(id), last.elapsed().as_secs_f64());
            kernels.extend(kernel_run(graph, node, seconds));
            keep(graph, id, value, &mut kept);
            last = Instant::now();
            Ok(())
        })?;
        Ok(Profiled { outputs: all(kept), clock: Clock::Host, kernels })
    }
}

/// What is told of a node that was computed.
fn kernel_run(graph: &Graph, node: &Node, seconds: f64) -> Option<KernelRun> {
    let is_given = matches!(node.op, Op::Input { .. });
    (!is_given).then(|| KernelRun {
        kernel: node.op.name(),
        variant: String::new(),
        extents: graph.extents(node),
        label: node.label.clone(),
        seconds,
        flops: graph.node_flops(node),
        bytes: graph.traffic(node, |_| size_of::<f32>()),
    })
}

/// Keeps a value that is an output.
fn keep(graph: &Graph, id: NodeId, value: Value<'_>, kept: &mut [Option<HostTensor>]) {
    let places = graph.outputs().iter().zip(kept).filter(|(output, _)| **output == id);
    places.for_each(|(_, kept)| *kept = Some(to_host(graph.node(id), value)));
}

fn all(kept: Vec<Option<HostTensor>>) -> Vec<HostTensor> {
    kept.into_iter().map(|output| output.expect("every output is a node, and all have run")).collect()
}

/// Bytes of a node's slot. Inputs are read where the caller has them.
fn bytes(node: &Node) -> u64 {
    match node.op {
        Op::Input { .. } => 0,
        _ => (node.shape.len() * size_of::<f32>()) as u64,
    }
}

/// Whether a node can write over its first input, which it then finds where it writes.
fn is_in_place(node: &Node) -> bool {
    matches!(node.op, Op::Normalise { .. })
}

/// For an input the value that the caller gave; `None` for any other node.
fn given<'a>(node: &Node, inputs: &[(&str, &'a HostTensor)]) -> Result<Option<&'a HostTensor>> {
    let Op::Input { name, .. } = &node.op else { return Ok(None) };
    let error = |what| Error::Graph { node: node.label.clone(), what };
    let Some((_, tensor)) = inputs.iter().find(|(given, _)| given == name) else {
        return Err(error("the run was given no such input".into()));
    };
    if tensor.shape != node.shape {
        return Err(error(format!("the graph was made for {}, the input is {}", node.shape, tensor.shape)));
    }
    if matches!(tensor.values, Values::U32(_)) != (node.element == Element::U32) {
        return Err(error("ids where activations belong, or the reverse".into()));
    }
    Ok(Some(tensor))
}

fn to_host(node: &Node, value: Value<'_>) -> HostTensor {
    match node.element {
        Element::U32 => HostTensor::u32(value.shape, value.ids().to_vec()),
        Element::F32 | Element::F16 => HostTensor::f32(value.shape, value.numbers.to_vec()),
    }
}

/// Computes one node into `out`.
fn compute(node: &Node, turn: &Turn<'_>, out: &mut [f32]) {
    match &node.op {
        Op::Input { .. } => unreachable!("inputs are read where the caller has them"),
        Op::Linear { weight, epilogue } => linear::linear(weight, epilogue, turn, out),
        Op::Conv3x3 { weight, window, epilogue } => {
            let taps = Taps { weight, window: *window };
            conv3x3::conv3x3(taps, epilogue, turn, out);
        }
        Op::Attention { heads, causal } => attention::attention(*heads, *causal, turn, out),
        Op::Guide => guide::guide(turn, out),
        Op::Moments => group_norm::moments(turn, out),
        Op::Normalise { affine, silu } => group_norm::normalise(affine, *silu, turn, out),
        Op::LayerNorm(affine) => layer_norm::layer_norm(affine, turn, out),
        Op::Add => pointwise::add(turn, out),
        Op::AddPerImage => pointwise::add_per_image(turn, out),
        Op::AddScaled { place } => pointwise::add_scaled(*place, turn, out),
        Op::Activate(activation) => pointwise::activate(*activation, turn, out),
        Op::Prelu { slopes } => pointwise::prelu(slopes, turn, out),
        Op::Concat => pointwise::concat(turn, out),
        Op::Upsample => resample::upsample(turn, out),
        Op::Pad { wrap, by } => {
            let first = by.map(|by| -(by as isize));
            pad::pad(&Frame { first, wrap: *wrap }, turn, out);
        }
        Op::Rows(rows) => {
            let first = [rows.start as isize, 0];
            pad::pad(&Frame { first, wrap: [false; 2] }, turn, out);
        }
        Op::Convert => pointwise::activate(Activation::None, turn, out),
        Op::Embed { table, positions } => embed::embed(table, positions, turn, out),
        Op::TakeToken => embed::take_token(turn, out),
        Op::Picture => picture::picture(turn, out),
    }
    if node.element == Element::F16 {
        pointwise::round_to_halves(out);
    }
}
