//! Running a compiled program: inputs in, one stream of dispatches, outputs out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Shared;
use super::lowering::Value;
use super::memory::Pool;
use super::program::GpuProgram;
use super::transfer::{from_rows, spoiled_row, to_rows};
use crate::backend::{CancelToken, HostTensor};
use crate::graph::{Graph, Node, NodeId, Op};
use crate::{Error, Result};

/// Estimated operations of one submit: short enough to cancel between and for watchdogs.
const SUBMIT_WORK: u64 = 300_000_000_000;

/// Submits that the device may have before it: one runs while the next is prepared.
const SUBMITS_IN_FLIGHT: usize = 2;

impl GpuProgram {
    /// Runs every node; the outputs.
    pub(super) fn replay(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> Result<Vec<HostTensor>> {
        let shared = self.shared.clone();
        let mut pool = shared.lock_pool();
        self.bind(&mut pool)?;
        fill_guards(&shared, &pool)?;
        let mut stream = Stream::new(self, cancel);
        for (id, node) in self.graph.nodes().iter().enumerate() {
            match &node.op {
                Op::Input { name } => {
                    // An input may take over the buffer of a value that is computed before it.
                    stream.submit()?;
                    self.upload(&pool, id, input_named(&self.graph, inputs, name, node)?)?;
                }
                _ => stream.node(id)?,
            }
        }
        stream.finish()?;
        check_guards(&shared, &pool)?;
        self.graph.outputs().iter().map(|&id| self.download(&pool, id)).collect()
    }

    /// Runs node by node and shows each value before a later node takes over its buffer.
    pub(super) fn replay_slowly(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()> {
        let shared = self.shared.clone();
        let mut pool = shared.lock_pool();
        self.bind(&mut pool)?;
        fill_guards(&shared, &pool)?;
        let never = CancelToken::default();
        let mut stream = Stream::new(self, &never);
        for (id, node) in self.graph.nodes().iter().enumerate() {
            match &node.op {
                Op::Input { name } => {
                    self.upload(&pool, id, input_named(&self.graph, inputs, name, node)?)?;
                }
                _ => stream.node(id)?,
            }
            stream.submit()?;
            visit(node, &self.download(&pool, id)?)?;
        }
        check_guards(&shared, &pool)
    }

    pub(super) fn upload(&self, pool: &Pool, id: NodeId, tensor: &HostTensor) -> Result<()> {
        let value = Value::new(id, self.graph.node(id));
        self.value_buffer(pool, id).write(&self.shared.device, 0, &to_rows(&value, tensor))
    }

    pub(super) fn download(&self, pool: &Pool, id: NodeId) -> Result<HostTensor> {
        let device = &self.shared.device;
        let value = Value::new(id, self.graph.node(id));
        let bytes = self.value_buffer(pool, id).read(device, value.bytes())?;
        if device.facts.guards
            && let Some(row) = spoiled_row(&value, &bytes)
        {
            let label = &self.graph.node(id).label;
            return Err(Error::Device(format!("the padding of row {row} of `{label}` is not zero")));
        }
        Ok(from_rows(&value, &bytes))
    }
}

/// Dispatches on their way to the device, cut into submits.
struct Stream<'a> {
    program: &'a GpuProgram,
    cancel: &'a CancelToken,
    /// The next step to be encoded.
    next: usize,
    /// The first step that is not submitted.
    pending: usize,
    work: u64,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
}

impl<'a> Stream<'a> {
    fn new(program: &'a GpuProgram, cancel: &'a CancelToken) -> Self {
        Self { program, cancel, next: 0, pending: 0, work: 0, in_flight: VecDeque::new() }
    }

    /// Adds a node's dispatches.
    fn node(&mut self, id: NodeId) -> Result<()> {
        while let Some(step) = self.program.steps.get(self.next).filter(|step| step.dispatch.node == id) {
            if self.work > 0 && self.work + step.dispatch.work > SUBMIT_WORK {
                self.submit()?;
            }
            self.work += step.dispatch.work;
            self.next += 1;
        }
        Ok(())
    }

    /// Submits what was added.
    fn submit(&mut self) -> Result<()> {
        self.cancel.check()?;
        if self.pending == self.next {
            return Ok(());
        }
        let device = &self.program.shared.device;
        let steps = &self.program.steps[self.pending..self.next];
        let commands = device.attempt("recording work", || {
            let mut encoder = device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for step in steps {
                let [x, y, z] = step.dispatch.workgroups;
                pass.set_pipeline(&step.pipeline.compute);
                pass.set_bind_group(0, step.bind_group.as_ref(), &[]);
                pass.dispatch_workgroups(x, y, z);
            }
            drop(pass);
            encoder.finish()
        })?;
        if self.in_flight.len() == SUBMITS_IN_FLIGHT {
            device.wait(self.in_flight.pop_front())?;
            self.cancel.check()?;
        }
        self.in_flight.push_back(device.submit(commands)?);
        (self.pending, self.work) = (self.next, 0);
        Ok(())
    }

    /// Submits the rest and waits for all of it.
    fn finish(&mut self) -> Result<()> {
        self.submit()?;
        while let Some(submission) = self.in_flight.pop_front() {
            self.program.shared.device.wait(Some(submission))?;
            self.cancel.check()?;
        }
        Ok(())
    }
}

/// The tensor that was given for an input, if it is what the graph expects.
pub(super) fn input_named<'a>(
    graph: &Arc<Graph>,
    inputs: &[(&str, &'a HostTensor)],
    name: &str,
    node: &Node,
) -> Result<&'a HostTensor> {
    let wrong = |what: String| Error::Graph { node: name.to_owned(), what };
    let given = inputs.iter().find(|(given, _)| *given == name).map(|(_, tensor)| *tensor);
    debug_assert!(graph.input(name).is_some());
    let tensor = given.ok_or_else(|| wrong("the input was not given".into()))?;
    let ids = matches!(tensor.values, crate::backend::Values::U32(_));
    if tensor.shape != node.shape || ids != (node.element == crate::graph::Element::U32) {
        return Err(wrong(format!("{} was given, {} is expected", tensor.shape, node.shape)));
    }
    Ok(tensor)
}

fn fill_guards(shared: &Shared, pool: &Pool) -> Result<()> {
    pool.buffers().iter().try_for_each(|buffer| buffer.fill_with_guard(&shared.device))
}

fn check_guards(shared: &Shared, pool: &Pool) -> Result<()> {
    if !shared.device.facts.guards {
        return Ok(());
    }
    for (place, buffer) in pool.buffers().iter().enumerate() {
        if !buffer.guards_hold(&shared.device)? {
            return Err(Error::Device(format!("a kernel wrote outside buffer {place}")));
        }
    }
    Ok(())
}
