//! A graph made ready for a GPU: all decisions are taken here, once. Memory is taken when it is loaded, or first run.

use std::sync::Arc;

use super::Shared;
use super::blueprint::{Blueprint, Place, Places};
use super::device::{Device, Facts};
use super::lasting::LastingValues;
use super::lowered::Lowered;
use super::lowering::{BufferName, Dispatch};
use super::makers::Makers;
use super::memory::{DeviceBuffer, Pool};
use super::pipelines::Wanted;
use super::segments::{BUFFERS, Packed};
use super::store::StoredWeight;
use super::tally::Allocated;
use crate::backend::{CancelToken, DeviceNeed, Holding, HostTensor, MemoryNeed, Profiled, Program};
use crate::graph::{Graph, Lasting, Node, NodeId};
use crate::{Error, Result};

/// Floating-point operations of a graph that a software adapter does sooner than it compiles a kernel: either takes it a few
/// tenths of a second.
const LITTLE: u64 = 10_000_000_000;

/// A compiled graph.
pub(super) struct GpuProgram {
    pub(super) shared: Arc<Shared>,
    pub(super) graph: Arc<Graph>,
    pub(super) steps: Vec<Step>,
    pub(super) lasting: Lasting,
    blueprint: Blueprint,
    holding: Holding,
    places: Places,
    loaded: Option<Loaded>,
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

/// What a program has on the device beside the pool.
struct Loaded {
    weights: Weights,
    params: Allocated,
    /// What kernels bind that read nothing.
    nothing: DeviceBuffer,
    lasting: LastingValues,
    /// The pool's generation that the bind groups were made for.
    generation: u64,
}

enum Weights {
    Held(Vec<Arc<StoredWeight>>),
    Streamed(Packed),
}

impl GpuProgram {
    /// Lowers and plans.
    pub(super) fn compile(shared: Arc<Shared>, graph: Arc<Graph>) -> Result<Self> {
        let facts = facts_for(&shared, &graph);
        Self::compile_for(shared, graph, &facts)
    }

    /// The same by what is known of a device, or is to be assumed.
    pub(super) fn compile_for(shared: Arc<Shared>, graph: Arc<Graph>, facts: &Facts) -> Result<Self> {
        let device = &shared.device;
        let mut blueprint = Blueprint::new(&graph, facts)?;
        let places = blueprint.places(Holding::Held);
        refuse_too_large(device, &places.sizes)?;
        let steps = std::mem::take(&mut blueprint.dispatches).into_iter().map(|dispatch| {
            let wanted = shared.pipelines.want(&dispatch);
            Step { dispatch, wanted, bind_group: None }
        });
        let (steps, lasting, holding) = (steps.collect(), graph.lasting(), Holding::Held);
        Ok(Self { steps, graph, lasting, blueprint, holding, places, loaded: None, is_ready: false, shared })
    }

    /// What it has the device do.
    pub(super) fn lowered(&self) -> Lowered {
        let dispatches = self.steps.iter().map(|step| step.dispatch.clone()).collect();
        let weights =
            self.blueprint.weights.iter().map(|(weight, packing)| (weight.id(), *packing)).collect();
        Lowered::new(&self.shared, dispatches, weights, &self.places)
    }

    /// Takes what it needs of the device's memory, where it has none.
    pub(super) fn load_beside(&mut self, pool: &mut Pool) -> Result<()> {
        let shared = self.shared.clone();
        let device = &shared.device;
        // Values first: where they do not fit, no time was spent on weights.
        pool.ensure(device, &self.places.sizes)?;
        if self.loaded.is_some() {
            return Ok(());
        }
        let lasting = LastingValues::new(device, &self.blueprint.kept)?;
        // From here on threads make pipelines. The first run waits for them.
        Makers::begin(&shared, each_once(&self.steps));
        let wanted = &self.blueprint.weights;
        let weights = match self.holding {
            Holding::Held => Weights::Held(shared.weights.get(device, wanted)?),
            Holding::Streamed => Weights::Streamed(Packed::new(wanted.clone(), self.blueprint.all_weights())),
        };
        let params = upload_params(device, self.steps.iter().map(|step| &step.dispatch))?;
        let nothing = DeviceBuffer::new(device, "nothing", 16)?;
        nothing.write(device, 0, &[0; 16])?;
        self.loaded = Some(Loaded { weights, params, nothing, lasting, generation: 0 });
        Ok(())
    }

    /// Loads it where it is not, and waits until all pipelines are made, and helps to make them.
    pub(super) fn await_pipelines(&mut self, cancel: &CancelToken) -> Result<()> {
        if self.loaded.is_none() {
            self.load()?;
        }
        if !self.is_ready {
            for wanted in each_once(&self.steps) {
                cancel.check()?;
                self.shared.pipelines.make(&self.shared.device, &wanted)?;
            }
            self.is_ready = true;
        }
        Ok(())
    }

    /// Values that outlast a run; none before it is loaded.
    pub(super) fn lasting_values(&mut self) -> Option<&mut LastingValues> {
        self.loaded.as_mut().map(|loaded| &mut loaded.lasting)
    }

    /// The buffers of those.
    pub(super) fn lasting_buffers(&self) -> &[DeviceBuffer] {
        self.loaded.as_ref().map_or(&[], |loaded| loaded.lasting.buffers())
    }

    /// The buffer that holds a node's value.
    pub(super) fn value_buffer<'a>(&'a self, pool: &'a Pool, id: NodeId) -> &'a DeviceBuffer {
        match self.places.values[id] {
            Place::Pool(place) => &pool.buffers()[place],
            Place::Kept(place) => &self.lasting_buffers()[place],
        }
    }

    /// The number of a step's segment, where weights are streamed.
    pub(super) fn segment_of(&self, step: usize) -> Option<usize> {
        let segments = &self.blueprint.segments;
        let number = || segments.partition_point(|segment| segment.dispatches.end <= step);
        (self.holding == Holding::Streamed).then(number)
    }

    /// Copies what a segment reads, without what only known values are made with. Whatever was submitted before still finds
    /// what it reads: the device takes copies and work in turn.
    pub(super) fn bring_segment(&self, pool: &Pool, number: usize, is_known: bool) -> Result<()> {
        let Some(Loaded { weights: Weights::Streamed(packed), .. }) = &self.loaded else { return Ok(()) };
        let (buffer, segment) = (self.segment_buffer(pool, number), &self.blueprint.segments[number]);
        let is_needed = |(place, _): &&(usize, u64)| !(is_known && segment.lasting.contains(place));
        let mut needed = segment.weights.iter().filter(is_needed);
        needed.try_for_each(|&(place, offset)| {
            packed.with(place, |words| buffer.write(&self.shared.device, offset, bytemuck::cast_slice(words)))
        })
    }

    fn segment_buffer<'a>(&self, pool: &'a Pool, number: usize) -> &'a DeviceBuffer {
        &pool.buffers()[self.places.streamed[number % BUFFERS]]
    }

    /// Brings the pool to this program's size, its weights to the device, and the bind groups to both.
    pub(super) fn bind(&mut self, pool: &mut Pool) -> Result<()> {
        self.load_beside(pool)?;
        let shared = self.shared.clone();
        let Some(loaded) = self.loaded.as_ref().filter(|loaded| loaded.generation != pool.generation) else {
            return Ok(());
        };
        let groups = shared.device.attempt("binding buffers", || {
            (0..self.steps.len())
                .map(|place| self.bind_group(loaded, pool, place))
                .collect::<Result<Vec<_>>>()
        })??;
        for (step, group) in self.steps.iter_mut().zip(groups) {
            step.bind_group = Some(group);
        }
        if let Some(loaded) = &mut self.loaded {
            loaded.generation = pool.generation;
        }
        Ok(())
    }

    fn bind_group(&self, loaded: &Loaded, pool: &Pool, place: usize) -> Result<wgpu::BindGroup> {
        let step = &self.steps[place];
        let layout = &step.wanted.pipeline()?.bindings;
        let params = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &loaded.params,
            offset: (place * Dispatch::PARAMS_BYTES) as u64,
            size: std::num::NonZeroU64::new(Dispatch::PARAMS_BYTES as u64),
        });
        let storage = step.dispatch.bindings.iter().map(|binding| {
            let (buffer, start) = match binding.buffer {
                BufferName::Value(id) => (self.value_buffer(pool, id), 0),
                BufferName::Weight(weight) => self.weight_buffer(loaded, pool, place, weight),
                BufferName::Scratch(scratch) => (&pool.buffers()[self.places.scratch[scratch]], 0),
                BufferName::Nothing => (&loaded.nothing, 0),
            };
            buffer.range(start + binding.offset, binding.size)
        });
        let entries: Vec<_> = std::iter::once(params)
            .chain(storage)
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
            .collect();
        Ok(self.shared.device.wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(step.dispatch.kernel.shader.name),
            layout,
            entries: &entries,
        }))
    }

    /// Where a step finds a weight.
    fn weight_buffer<'a>(
        &'a self,
        loaded: &'a Loaded,
        pool: &'a Pool,
        step: usize,
        weight: usize,
    ) -> (&'a DeviceBuffer, u64) {
        match (&loaded.weights, self.segment_of(step)) {
            (Weights::Held(weights), _) => (&weights[weight].buffer, 0),
            (Weights::Streamed(_), Some(number)) => {
                let offset = self.blueprint.segments[number].offset(weight);
                (self.segment_buffer(pool, number), offset.unwrap_or(0))
            }
            (Weights::Streamed(_), None) => (&loaded.nothing, 0),
        }
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
) -> Result<Allocated> {
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
        self.blueprint.memory(self.holding)
    }

    fn device_need(&self, holding: Holding) -> DeviceNeed {
        let need = self.blueprint.device_need(holding);
        let is_packed = matches!(&self.loaded, Some(Loaded { weights: Weights::Streamed(_), .. }));
        DeviceNeed { packed: if is_packed { 0 } else { need.packed }, ..need }
    }

    fn own_need(&self) -> DeviceNeed {
        self.device_need(self.holding)
    }

    fn hold(&mut self, holding: Holding) {
        if self.holding != holding {
            self.unload();
            self.holding = holding;
            self.places = self.blueprint.places(holding);
        }
    }

    fn load(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        self.load_beside(&mut shared.lock_pool())
    }

    fn unload(&mut self) {
        self.loaded = None;
        self.steps.iter_mut().for_each(|step| step.bind_group = None);
    }

    fn is_loaded(&self) -> bool {
        self.loaded.is_some()
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
