//! Running a compiled program: inputs in, one stream of dispatches, outputs out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::device::Device;
use super::lowering::Value;
use super::memory::Pool;
use super::program::{GpuProgram, Step};
use super::transfer::{from_rows, spoiled_row, to_rows};
use crate::backend::{CancelToken, HostTensor, LastingInputs};
use crate::graph::{Graph, Node, NodeId, Op};
use crate::{Error, Result};

/// Submissions that the device may have before it: one runs while the next is prepared.
const SUBMITS_IN_FLIGHT: usize = 2;

/// Dispatches of a run's first submission, of which each has twice as many as the one before: the device begins while the
/// rest is recorded, and a fast one is nevertheless given few.
const FIRST_DISPATCHES: usize = 64;

impl GpuProgram {
    /// Runs every node that is not known from the run before; the outputs.
    pub(super) fn replay(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> Result<Vec<HostTensor>> {
        let shared = self.shared.clone();
        self.await_pipelines(cancel)?;
        let mut pool = shared.lock_pool();
        self.bind(&mut pool)?;
        let is_known = self.is_known(inputs);
        self.fill_guards(&pool, is_known)?;
        let mut stream = Stream::new(self, &pool, (is_known, cancel));
        for (id, node) in self.graph.nodes().iter().enumerate() {
            match &node.op {
                _ if is_known && self.lasting.is(id) => stream.pass_by(id),
                Op::Input { name, .. } => {
                    // An input may take over the buffer of a value that is computed before it.
                    stream.submit()?;
                    self.upload(&pool, id, input_named(&self.graph, inputs, name, node)?)?;
                }
                _ => stream.node(id)?,
            }
        }
        stream.finish()?;
        self.is_made_of(inputs);
        self.check_guards(&pool)?;
        self.graph.outputs().iter().map(|&id| self.download(&pool, id)).collect()
    }

    /// Runs node by node and shows each value before a later node takes over its buffer.
    pub(super) fn replay_slowly(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()> {
        let shared = self.shared.clone();
        let never = CancelToken::default();
        self.await_pipelines(&never)?;
        let mut pool = shared.lock_pool();
        self.bind(&mut pool)?;
        if let Some(values) = self.lasting_values() {
            values.forget();
        }
        self.fill_guards(&pool, false)?;
        let mut stream = Stream::new(self, &pool, (false, &never));
        for (id, node) in self.graph.nodes().iter().enumerate() {
            match &node.op {
                Op::Input { name, .. } => {
                    self.upload(&pool, id, input_named(&self.graph, inputs, name, node)?)?;
                }
                _ => stream.node(id)?,
            }
            stream.submit()?;
            visit(node, &self.download(&pool, id)?)?;
        }
        self.check_guards(&pool)
    }

    /// Whether what lasts is known from the run before.
    pub(super) fn is_known(&mut self, inputs: &[(&str, &HostTensor)]) -> bool {
        let graph = self.graph.clone();
        self.lasting_values().is_some_and(|values| values.hold(&graph, inputs))
    }

    /// What lasts is known from now on.
    pub(super) fn is_made_of(&mut self, inputs: &[(&str, &HostTensor)]) {
        let made_of = LastingInputs::of(&self.graph, inputs);
        if let Some(values) = self.lasting_values() {
            values.made_of(made_of);
        }
    }

    /// Spoils what a run writes, so that what nobody wrote is found out where it is read.
    fn fill_guards(&self, pool: &Pool, is_known: bool) -> Result<()> {
        let lasting = self.lasting_buffers().iter().filter(|_| !is_known);
        pool.buffers()
            .iter()
            .chain(lasting)
            .try_for_each(|buffer| buffer.fill_with_guard(&self.shared.device))
    }

    fn check_guards(&self, pool: &Pool) -> Result<()> {
        let device = &self.shared.device;
        if !device.facts.guards {
            return Ok(());
        }
        for (place, buffer) in pool.buffers().iter().chain(self.lasting_buffers()).enumerate() {
            if !buffer.guards_hold(device)? {
                return Err(Error::Device(format!("a kernel wrote outside buffer {place}")));
            }
        }
        Ok(())
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

/// Dispatches on their way to the device, cut into submissions.
struct Stream<'a> {
    program: &'a GpuProgram,
    pool: &'a Pool,
    is_known: bool,
    cancel: &'a CancelToken,
    /// The next step to be encoded.
    next: usize,
    /// Those that are not submitted.
    pending: Vec<&'a Step>,
    /// The last segment that was copied.
    segment: Option<usize>,
    work: u64,
    /// Dispatches of the next submission at the most.
    most: usize,
    in_flight: VecDeque<Submitted>,
    /// When the device had done all that is known to be done.
    idle_since: Instant,
}

/// What the device is to do.
struct Submitted {
    index: wgpu::SubmissionIndex,
    work: u64,
    at: Instant,
}

impl<'a> Stream<'a> {
    fn new(program: &'a GpuProgram, pool: &'a Pool, (is_known, cancel): (bool, &'a CancelToken)) -> Self {
        Self {
            program,
            pool,
            is_known,
            cancel,
            next: 0,
            pending: vec![],
            segment: None,
            work: 0,
            most: FIRST_DISPATCHES,
            in_flight: VecDeque::new(),
            idle_since: Instant::now(),
        }
    }

    /// Adds a node's dispatches.
    fn node(&mut self, id: NodeId) -> Result<()> {
        let pace = &self.program.shared.pace;
        while let Some(step) = self.program.steps.get(self.next).filter(|step| step.dispatch.node == id) {
            let is_full = self.pending.len() >= self.most;
            if is_full || (self.work > 0 && self.work + step.dispatch.work > pace.submission()) {
                self.submit()?;
            }
            self.bring_segment()?;
            self.work += step.dispatch.work;
            self.pending.push(step);
            self.next += 1;
        }
        Ok(())
    }

    /// Leaves out a node's dispatches.
    fn pass_by(&mut self, id: NodeId) {
        let of_node = self.program.steps[self.next..].iter().take_while(|step| step.dispatch.node == id);
        self.next += of_node.count();
    }

    /// Copies what the next step reads, where that is not there.
    fn bring_segment(&mut self) -> Result<()> {
        let segment = self.program.segment_of(self.next);
        if let Some(number) = segment.filter(|_| segment != self.segment) {
            // What was recorded reads what lies there now, or in the other buffer.
            self.submit()?;
            self.program.bring_segment(self.pool, number, self.is_known)?;
            self.segment = segment;
        }
        Ok(())
    }

    /// Submits what was added.
    fn submit(&mut self) -> Result<()> {
        self.cancel.check()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let device = &self.program.shared.device;
        let commands = record(device, &self.pending)?;
        if self.in_flight.len() == SUBMITS_IN_FLIGHT {
            self.await_oldest()?;
        }
        let at = Instant::now();
        let index = device.submit(commands)?;
        self.in_flight.push_back(Submitted { index, work: self.work, at });
        self.pending.clear();
        self.work = 0;
        self.most *= 2;
        Ok(())
    }

    /// Waits for the submission that is next to be done, and learns from it how fast the device is.
    fn await_oldest(&mut self) -> Result<()> {
        let Some(Submitted { index, work, at }) = self.in_flight.pop_front() else { return Ok(()) };
        let shared = &self.program.shared;
        shared.device.wait_for(&index, self.cancel)?;
        let now = Instant::now();
        shared.pace.learn(work, now.duration_since(at.max(self.idle_since)).as_secs_f64());
        self.idle_since = now;
        self.cancel.check()
    }

    /// Submits the rest and waits for all of it.
    fn finish(&mut self) -> Result<()> {
        self.submit()?;
        while !self.in_flight.is_empty() {
            self.await_oldest()?;
        }
        Ok(())
    }
}

/// Commands that run these steps.
fn record(device: &Device, steps: &[&Step]) -> Result<wgpu::CommandBuffer> {
    let pipelines = steps.iter().map(|step| step.wanted.pipeline()).collect::<Result<Vec<_>>>()?;
    device.attempt("recording work", || {
        let mut encoder = device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (step, pipeline) in steps.iter().zip(pipelines) {
            let [x, y, z] = step.dispatch.workgroups;
            pass.set_pipeline(&pipeline.compute);
            pass.set_bind_group(0, step.bind_group.as_ref(), &[]);
            pass.dispatch_workgroups(x, y, z);
        }
        drop(pass);
        encoder.finish()
    })
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
