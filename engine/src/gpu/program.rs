//! A graph made ready for a GPU: all decisions are taken here, once.

use std::sync::Arc;

use super::Shared;
use super::device::{Device, Facts};
use super::lowering::{BufferName, Dispatch, Lowering, Value};
use super::makers::Makers;
use super::memory::{DeviceBuffer, Pool};
use super::packing::packed_extents;
use super::pipelines::Wanted;
use super::store::StoredWeight;
use crate::backend::{CancelToken, HostTensor, MemoryNeed, Profiled, Program};
use crate::graph::plan::{Keep, plan};
use crate::graph::{Graph, Node, NodeId};
use crate::{Error, Result};

/// Floating-point operations of a graph that a software adapter does sooner than it compiles a kernel: either takes it a few
/// tenths of a second.
const LITTLE: u64 = 10_000_000_000;

/// A compiled graph.
pub(super) struct GpuProgram {
    pub(super) shared: Arc<Shared>,
    pub(super) graph: Arc<Graph>,
    pub(super) steps: Vec<Step>,
    memory: MemoryNeed,
    places: Places,
    weights: Vec<Arc<StoredWeight>>,
    params: wgpu::Buffer,
    /// What kernels bind that read nothing.
    nothing: DeviceBuffer,
    /// The pool's generation that the bind groups were made for.
    generation: u64,
    /// Whether all pipelines are made.
    is_ready: bool,
}

/// One dispatch, ready to be replayed.
pub(super) struct Step {
    pub dispatch: Dispatch,
    pub wanted: Arc<Wanted>,
    /// `None` until the pool's buffers are known.
    pub bind_group: Option<wgpu::BindGroup>,
}

/// Which buffer of the pool holds what.
struct Places {
    /// For every node.
    values: Vec<usize>,
    /// For every scratch buffer.
    scratch: Vec<usize>,
    /// Bytes of every buffer, falling.
    sizes: Vec<u64>,
}

impl Places {
    /// Values and scratch side by side, largest first: then programs of one device share best.
    fn new(slots: &[u64], slot_of: &[usize], scratch: &[u64]) -> Self {
        // A binding of four words is the least that a kernel declares.
        let all: Vec<u64> = slots.iter().chain(scratch).map(|&bytes| bytes.max(16)).collect();
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|&slot| std::cmp::Reverse(all[slot]));
        let mut rank = vec![0; all.len()];
        order.iter().enumerate().for_each(|(place, &slot)| rank[slot] = place);
        Self {
            values: slot_of.iter().map(|&slot| rank[slot]).collect(),
            scratch: rank[slots.len()..].to_vec(),
            sizes: order.iter().map(|&slot| all[slot]).collect(),
        }
    }
}

impl GpuProgram {
    /// Lowers, plans, allocates, copies weights, compiles kernels.
    pub(super) fn compile(shared: Arc<Shared>, graph: Arc<Graph>) -> Result<Self> {
        let device = &shared.device;
        let facts = facts_for(&shared, &graph);
        let lowering = Lowering::run(&graph, &facts)?;
        let value_bytes = |id: NodeId| Value::new(id, graph.node(id)).bytes();
        // With guards every value has a buffer of its own, or nobody would watch its end.
        let plan = plan(&graph, value_bytes, if device.facts.guards { Keep::All } else { Keep::Nothing });
        let memory = MemoryNeed {
            activations: plan.peak(),
            kept: 0,
            weights: lowering.weights.iter().map(|(w, packing)| packed_extents(w, *packing).bytes()).sum(),
            scratch: lowering.scratch.iter().sum(),
            picture: 0,
        };
        let places = Places::new(&plan.bytes, &plan.slot_of, &lowering.scratch);
        refuse_too_large(device, &places.sizes)?;
        let Lowering { dispatches, weights, .. } = lowering;
        // Values first: where they do not fit, no time was spent on weights.
        shared.lock_pool().ensure(device, &places.sizes)?;
        // From here on threads make pipelines. The first run waits for them.
        let steps = dispatches.into_iter().map(|dispatch| {
            let wanted = shared.pipelines.want(&dispatch);
            Step { dispatch, wanted, bind_group: None }
        });
        let steps: Vec<Step> = steps.collect();
        Makers::begin(&shared, each_once(&steps));
        let weights = shared.weights.get(device, &weights)?;
        let params = upload_params(device, steps.iter().map(|step| &step.dispatch))?;
        let nothing = DeviceBuffer::new(device, "nothing", 16)?;
        nothing.write(device, 0, &[0; 16])?;
        let (generation, is_ready) = (0, false);
        Ok(Self { graph, steps, memory, places, weights, params, nothing, generation, is_ready, shared })
    }

    /// Waits until all pipelines are made, and helps to make them.
    pub(super) fn await_pipelines(&mut self, cancel: &CancelToken) -> Result<()> {
        if !self.is_ready {
            for wanted in each_once(&self.steps) {
                cancel.check()?;
                self.shared.pipelines.make(&self.shared.device, &wanted)?;
            }
            self.is_ready = true;
        }
        Ok(())
    }

    /// The buffer that holds a node's value.
    pub(super) fn value_buffer<'a>(&self, pool: &'a Pool, id: NodeId) -> &'a DeviceBuffer {
        &pool.buffers()[self.places.values[id]]
    }

    /// Brings the pool to this program's size, and the bind groups to the pool.
    pub(super) fn bind(&mut self, pool: &mut Pool) -> Result<()> {
        let shared = self.shared.clone();
        let device = &shared.device;
        pool.ensure(device, &self.places.sizes)?;
        if self.generation == pool.generation {
            return Ok(());
        }
        let groups = device.attempt("binding buffers", || {
            (0..self.steps.len())
                .map(|place| self.bind_group(device, pool, place))
                .collect::<Result<Vec<_>>>()
        })??;
        for (step, group) in self.steps.iter_mut().zip(groups) {
            step.bind_group = Some(group);
        }
        self.generation = pool.generation;
        Ok(())
    }

    fn bind_group(&self, device: &Device, pool: &Pool, place: usize) -> Result<wgpu::BindGroup> {
        let step = &self.steps[place];
        let layout = &step.wanted.pipeline()?.bindings;
        let params = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.params,
            offset: (place * Dispatch::PARAMS_BYTES) as u64,
            size: std::num::NonZeroU64::new(Dispatch::PARAMS_BYTES as u64),
        });
        let storage = step.dispatch.bindings.iter().map(|binding| {
            let buffer = match binding.buffer {
                BufferName::Value(id) => self.value_buffer(pool, id),
                BufferName::Weight(place) => &self.weights[place].buffer,
                BufferName::Scratch(place) => &pool.buffers()[self.places.scratch[place]],
                BufferName::Nothing => &self.nothing,
            };
            buffer.range(binding.offset, binding.size)
        });
        let entries: Vec<_> = std::iter::once(params)
            .chain(storage)
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
            .collect();
        Ok(device.wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(step.dispatch.kernel.shader.name),
            layout,
            entries: &entries,
        }))
    }
}

/// What is known of the device when a graph is compiled.
pub(super) fn facts_for(shared: &Shared, graph: &Graph) -> Facts {
    let facts = &shared.device.facts;
    let general = facts.general || (shared.compiles_slowly && graph.flops() < LITTLE);
    Facts { most_work: shared.pace.dispatch(), general, kernels: shared.kernels(), ..facts.clone() }
}

/// A value that no buffer of the device can hold.
fn refuse_too_large(device: &Device, sizes: &[u64]) -> Result<()> {
    let have = device.facts.max_buffer;
    match sizes.first() {
        Some(&need) if need > have => Err(Error::Memory { device: device.facts.name.clone(), need, have }),
        _ => Ok(()),
    }
}

/// The pipelines of all steps, in the order in which they are first needed.
fn each_once(steps: &[Step]) -> impl Iterator<Item = Arc<Wanted>> + use<> {
    let mut known: Vec<Arc<Wanted>> = vec![];
    for step in steps {
        if !known.iter().any(|wanted| Arc::ptr_eq(wanted, &step.wanted)) {
            known.push(step.wanted.clone());
        }
    }
    known.into_iter()
}

/// One uniform buffer for all dispatches, a slot each.
pub(super) fn upload_params<'a>(
    device: &Device,
    dispatches: impl ExactSizeIterator<Item = &'a Dispatch>,
) -> Result<wgpu::Buffer> {
    let mut bytes = vec![0; dispatches.len().max(1) * Dispatch::PARAMS_BYTES];
    for (slot, dispatch) in bytes.chunks_exact_mut(Dispatch::PARAMS_BYTES).zip(dispatches) {
        slot[..dispatch.params.len()].copy_from_slice(&dispatch.params);
    }
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let buffer = device.buffer("parameters", bytes.len() as u64, usage)?;
    device.attempt("parameters", || device.queue.write_buffer(&buffer, 0, &bytes))?;
    Ok(buffer)
}

impl Program for GpuProgram {
    fn memory(&self) -> MemoryNeed {
        self.memory
    }

    fn run(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Vec<HostTensor>> {
        self.replay(inputs, cancel)
    }

    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()> {
        self.replay_slowly(inputs, visit)
    }

    fn profile(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Profiled> {
        self.replay_timed(inputs, cancel)
    }
}
