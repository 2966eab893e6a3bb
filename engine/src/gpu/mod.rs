//! The wgpu backend: WGSL kernels on Vulkan, Metal, DX12 or GL.
//!
//! ```text
//! adapters  which devices there are, which one is meant
//! instance  the drivers that know              nodes      whether they are worth asking
//! device    an opened device; errors become sentences here   heaps  its memory
//! cores     the shapes of the kernels for products and attention, and which of them a node runs on
//! work      what that choice sees of a node   kernel_table  what was measured for it
//! shaders   the table of WGSL files           pipelines  compiled once each
//! makers    threads that compile them         pipeline_cache  what drivers keep of them
//! lowering  the interface between operations and the runtime: a node becomes dispatches
//! lowered   what came of a graph, to be compared
//! ops       one `lower_…` for each operation
//! packing   weights as kernels want them      quantised   those with scales
//! store     their copies on the device    stored     how numbers lie there
//! memory    the pool of buffers               tally      their bytes
//! transfer  host values to rows and back
//! blueprint what a program takes, before it takes it   segments  weights that are not kept
//! program   compile once, replay every step   pace       how much work is submitted at once
//! timing    seconds of dispatches             profile    those of a whole program
//! peak      what the device does at best
//! tuning    which kernels are fastest
//! variants  which kernels a graph needs, without a device
//! ```

mod adapters;
mod blueprint;
mod cores;
mod device;
mod doubled;
mod heaps;
mod instance;
mod kernel_table;
mod lasting;
mod lowered;
mod lowering;
mod makers;
mod matrix_units;
mod memory;
mod nodes;
mod ops;
mod options;
mod pace;
mod packing;
mod peak;
mod pipeline_cache;
mod pipelines;
mod profile;
mod program;
mod quantised;
mod replay;
mod segments;
mod shaders;
mod store;
mod stored;
mod tally;
mod timing;
mod transfer;
mod tuning;
mod variants;
mod work;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use adapters::{AdapterDescription, AdapterKind, choose_adapter, list_adapters};
pub(crate) use adapters::{find_adapter, has_gpu};
pub use blueprint::device_need;
pub use kernel_table::{KernelName, KernelTable, Kind};
pub use lowered::Lowered;
pub use lowering::{KernelConstant, ParamsLayout};
pub use options::{Core, GpuOptions};
pub use shaders::{cooperative_checksum, shader_sources};
pub use stored::Stored;
pub use tuning::{Measured, Timed, Tuned, TuningProgress, chosen_kernels};
pub use variants::{KernelVariant, cooperative_sources, kernel_variants};
pub use work::{Finish, Operation, Task, Work};

use crate::Result;
use crate::backend::{Backend, DeviceMemory, Peak, Program};
use crate::graph::Graph;
use device::Device;
use lowering::Lowering;
use makers::Makers;
use memory::Pool;
use pace::Pace;
use pipeline_cache::PipelineCache;
use pipelines::Pipelines;
use store::WeightStore;

/// The parameters of every kernel, and the constants with which Rust counts too: for a test that
/// compares them with the kernels' own.
#[must_use]
pub fn kernel_interfaces() -> (Vec<ParamsLayout>, Vec<KernelConstant>) {
    let layouts = ops::layouts().into_iter().chain(peak::LAYOUTS);
    let constants = ops::constants().into_iter().chain(peak::CONSTANTS);
    (layouts.collect(), constants.collect())
}

/// How many tiles the cooperative core has: places for [`GpuOptions::tile`].
#[must_use]
pub fn cooperative_tiles() -> usize {
    cores::cooperative::TILES.len()
}

/// A GPU, opened.
pub struct GpuBackend {
    shared: Arc<Shared>,
    adapter: wgpu::Adapter,
    description: AdapterDescription,
}

/// What all programs of one device share.
struct Shared {
    device: Device,
    pace: Pace,
    /// Whether kernels take longer to compile than a little work takes.
    compiles_slowly: bool,
    pipelines: Pipelines,
    makers: Makers,
    weights: WeightStore,
    /// Whether options say which kernels run, whatever was measured.
    is_overridden: bool,
    /// What was measured.
    kernels: Mutex<Arc<KernelTable>>,
    /// Held by a program while it runs: the buffers carry nothing from one run to the next.
    pool: Mutex<Pool>,
}

impl Shared {
    /// The pool, also after a panic elsewhere: a run fills every buffer before it reads it.
    fn lock_pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was measured.
    fn kernels(&self) -> Arc<KernelTable> {
        self.kernels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GpuBackend {
    /// Opens the device that `choice` names: `auto`, `gpu`, `gpu:N` or a part of a name.
    ///
    /// # Errors
    /// [`crate::Error::Device`], a sentence: no such device, several of them, a driver missing.
    pub fn open(choice: &str, options: GpuOptions) -> Result<Self> {
        Self::open_caching(choice, options, None)
    }

    /// The same with a folder in which what the driver compiles is kept from one start to the next, where it lets it be
    /// kept.
    ///
    /// # Errors
    /// As [`GpuBackend::open`]. What is wrong with the folder is none.
    pub fn open_caching(choice: &str, options: GpuOptions, cache: Option<&Path>) -> Result<Self> {
        let (adapter, description) = adapters::find(choice)?;
        let device = Device::open(&adapter, &description, options)?;
        let cache = cache.and_then(|folder| PipelineCache::open(&device, &adapter.get_info(), folder));
        let shared = Shared {
            device,
            pace: Pace::new(description.kind),
            compiles_slowly: options.general.is_none() && description.kind == AdapterKind::Software,
            pipelines: Pipelines::new(options.checked, cache),
            makers: Makers::new(description.backend == "gl"),
            weights: WeightStore::default(),
            is_overridden: options.core.is_some() || options.tile.is_some(),
            kernels: Mutex::default(),
            pool: Mutex::new(Pool::default()),
        };
        Ok(Self { shared: Arc::new(shared), adapter, description })
    }

    /// What was opened.
    #[must_use]
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }

    /// Weights that were packed and copied to the device so far: a model's once, whatever sizes are drawn.
    #[must_use]
    pub fn weights_made(&self) -> usize {
        self.shared.weights.made()
    }

    /// Has all graphs that are compiled from now on run on the kernels of a table, where it says something of a node and the
    /// device has that kernel. Where options name a core or a tile, that counts and not the table.
    pub fn use_kernels(&self, table: KernelTable) {
        if !self.shared.is_overridden {
            *self.shared.kernels.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        }
    }

    /// The first choice of a table for whose work this device does not have that kernel, and the kernels that it has for it.
    #[must_use]
    pub fn lacking(&self, table: &KernelTable) -> Option<(Work, KernelName, Vec<KernelName>)> {
        table.choices().find_map(|(work, name)| {
            let has = cores::names(&self.shared.device.facts, &work);
            (!has.contains(&name)).then_some((work, name, has))
        })
    }

    /// The nodes of a graph of whose kernels there is a choice, with these kernels, the one first that is preferred where
    /// nothing was measured.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the graph cannot run on this device.
    pub fn candidates(&self, graph: &Graph) -> Result<Vec<(Work, Vec<KernelName>)>> {
        let facts = program::facts_for(&self.shared, graph);
        let lowering = Lowering::run(graph, &facts)?;
        Ok(lowering.chosen.into_iter().map(|chosen| (chosen.work, chosen.candidates)).collect())
    }

    /// [`Backend::compile`], and what the program has the device do.
    ///
    /// # Errors
    /// As there.
    pub fn compile_and_tell(&self, graph: Arc<Graph>) -> Result<(Box<dyn Program>, Lowered)> {
        let program = program::GpuProgram::compile(self.shared.clone(), graph)?;
        let lowered = program.lowered();
        Ok((Box::new(program), lowered))
    }

    /// The core that products run on where their numbers allow it.
    #[must_use]
    pub fn core(&self) -> Core {
        self.shared.device.facts.best_core()
    }
}

impl Drop for GpuBackend {
    fn drop(&mut self) {
        self.shared.makers.stop();
        self.shared.pipelines.save();
    }
}

impl Backend for GpuBackend {
    fn name(&self) -> &str {
        &self.description.name
    }

    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>> {
        Ok(Box::new(program::GpuProgram::compile(self.shared.clone(), graph)?))
    }

    fn allocated(&self) -> Option<u64> {
        Some(self.shared.device.tally.most())
    }

    fn device_memory(&self) -> Option<DeviceMemory> {
        Some(heaps::memory(&self.adapter, self.shared.device.tally.now()))
    }

    fn held(&self) -> u64 {
        self.shared.device.tally.now().saturating_sub(self.shared.lock_pool().bytes())
    }

    fn reserve(&self, buffers: &[u64]) -> Result<()> {
        self.shared.lock_pool().reserve(&self.shared.device, buffers)
    }

    fn peak(&self) -> Result<Peak> {
        peak::measure(&self.shared)
    }
}
