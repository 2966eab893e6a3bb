//! The wgpu backend: WGSL kernels on Vulkan, Metal, DX12 or GL.
//!
//! ```text
//! adapters  which devices there are, which one is meant
//! instance  the drivers that know              nodes      whether they are worth asking
//! device    an opened device; errors become sentences here
//! cores     the shapes of the kernels for products and attention, and which of them a node runs on
//! shaders   the table of WGSL files           pipelines  compiled once each
//! lowering  the interface between operations and the runtime: a node becomes dispatches
//! ops       one `lower_…` for each operation
//! packing   weights as kernels want them      eight_bits  those with scales
//! store     their copies on the device
//! memory    the pool of buffers               transfer   host values to rows and back
//! program   compile once, replay every step
//! timing    seconds of dispatches            profile    those of a whole program
//! peak      what the device does at best
//! variants  which kernels a graph needs, without a device
//! ```

mod adapters;
mod cores;
mod device;
mod eight_bits;
mod instance;
mod lowering;
mod memory;
mod nodes;
mod ops;
mod options;
mod packing;
mod peak;
mod pipelines;
mod profile;
mod program;
mod replay;
mod shaders;
mod store;
mod timing;
mod transfer;
mod variants;

use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use adapters::has_gpu;
pub use adapters::{AdapterDescription, AdapterKind, choose_adapter, list_adapters};
pub use cores::Core;
pub use lowering::{KernelConstant, ParamsLayout};
pub use options::GpuOptions;
pub use shaders::{cooperative_sources, shader_sources};
pub use variants::{KernelVariant, kernel_variants};

use crate::Result;
use crate::backend::{Backend, Peak, Program};
use crate::graph::Graph;
use device::Device;
use memory::Pool;
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

/// A GPU, opened.
pub struct GpuBackend {
    shared: Arc<Shared>,
    description: AdapterDescription,
}

/// What all programs of one device share.
struct Shared {
    device: Device,
    pipelines: Pipelines,
    weights: WeightStore,
    /// Held by a program while it runs: the buffers carry nothing from one run to the next.
    pool: Mutex<Pool>,
}

impl Shared {
    /// The pool, also after a panic elsewhere: a run fills every buffer before it reads it.
    fn lock_pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GpuBackend {
    /// Opens the device that `choice` names: `auto`, `gpu`, `gpu:N` or a part of a name.
    ///
    /// # Errors
    /// [`crate::Error::Device`], a sentence: no such device, several of them, a driver missing.
    pub fn open(choice: &str, options: GpuOptions) -> Result<Self> {
        let (adapter, description) = adapters::find(choice)?;
        let device = Device::open(&adapter, &description, options)?;
        let pipelines = Pipelines::new(options.checked);
        let shared =
            Shared { device, pipelines, weights: WeightStore::default(), pool: Mutex::new(Pool::default()) };
        Ok(Self { shared: Arc::new(shared), description })
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

    /// The core that products run on where their numbers allow it.
    #[must_use]
    pub fn core(&self) -> Core {
        self.shared.device.facts.best_core()
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
        Some(self.shared.device.most_allocated())
    }

    fn peak(&self) -> Result<Peak> {
        peak::measure(&self.shared)
    }
}
