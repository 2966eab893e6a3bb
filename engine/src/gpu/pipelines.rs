//! Pipelines: each shader with each set of constants is compiled once for a device. They are asked for all at once and made
//! by threads beside the one that asks (`makers`); whoever needs one that no thread has begun makes it itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::cores::Sizes;
use super::device::Device;
use super::lowering::{Access, Dispatch, Kernel};
use super::pipeline_cache::PipelineCache;
use crate::{Error, Result};

/// A pipeline and the layout of its bind groups.
pub(super) struct Pipeline {
    pub compute: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
}

/// A pipeline that was asked for.
pub(super) struct Wanted {
    kernel: Kernel,
    accesses: Vec<Access>,
    /// What came of it, for an error in the device's words.
    made: OnceLock<std::result::Result<Pipeline, String>>,
}

impl Wanted {
    /// The pipeline, which was waited for ([`Pipelines::make`]).
    pub(super) fn pipeline(&self) -> Result<&Pipeline> {
        match self.made.get() {
            Some(Ok(pipeline)) => Ok(pipeline),
            Some(Err(what)) => Err(Error::Device(what.clone())),
            None => {
                Err(Error::Device(format!("the kernel `{}` was not waited for", self.kernel.shader.name)))
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.made.get().is_some_and(std::result::Result::is_err)
    }
}

/// A shader, its constants, and how its buffers are accessed.
type Key = (&'static str, Option<Sizes>, Vec<(&'static str, u64)>, Vec<Access>);

/// A shader's module, made by whoever needs it first.
type Module = Arc<OnceLock<std::result::Result<wgpu::ShaderModule, String>>>;

/// The pipelines of one device.
pub(super) struct Pipelines {
    checked: bool,
    /// What drivers keep from one start to the next.
    cache: Option<PipelineCache>,
    modules: Mutex<HashMap<(&'static str, Option<Sizes>), Module>>,
    known: Mutex<HashMap<Key, Arc<Wanted>>>,
}

impl Pipelines {
    /// None yet. `checked` asks for wgpu's run-time checks.
    pub(super) fn new(checked: bool, cache: Option<PipelineCache>) -> Self {
        Self { checked, cache, modules: Mutex::default(), known: Mutex::default() }
    }

    /// Whether kernels have wgpu's run-time checks.
    pub(super) fn are_checked(&self) -> bool {
        self.checked
    }

    /// The pipeline that a dispatch needs, which may not be made yet.
    pub(super) fn want(&self, dispatch: &Dispatch) -> Arc<Wanted> {
        let kernel = &dispatch.kernel;
        let constants = kernel.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let accesses: Vec<Access> = dispatch.bindings.iter().map(|binding| binding.access).collect();
        let key = (kernel.shader.name, kernel.sizes, constants, accesses);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wanted) = known.get(&key).filter(|wanted| !wanted.has_failed()) {
            return wanted.clone();
        }
        let accesses = key.3.clone();
        let wanted = Arc::new(Wanted { kernel: kernel.clone(), accesses, made: OnceLock::new() });
        known.insert(key, wanted.clone());
        wanted
    }

    /// Makes a pipeline, or waits for the thread that makes it.
    pub(super) fn make<'a>(&self, device: &Device, wanted: &'a Wanted) -> Result<&'a Pipeline> {
        wanted.made.get_or_init(|| self.compile(device, wanted).map_err(|error| error.to_string()));
        wanted.pipeline()
    }

    /// Writes what the driver has compiled where the next start finds it.
    pub(super) fn save(&self) {
        if let Some(cache) = &self.cache {
            cache.save();
        }
    }

    fn compile(&self, device: &Device, wanted: &Wanted) -> Result<Pipeline> {
        let Wanted { kernel, accesses, .. } = wanted;
        let module = self.module(device, kernel)?;
        let name = kernel.shader.name;
        let cache = self.cache.as_ref().map(PipelineCache::of_driver);
        device.attempt(&format!("compiling the kernel `{name}`"), || {
            let bindings = device.wgpu.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(name),
                entries: &layout_entries(accesses),
            });
            let layout = device.wgpu.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(name),
                bind_group_layouts: &[Some(&bindings)],
                immediate_size: 0,
            });
            let compute = device.wgpu.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(name),
                layout: Some(&layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &kernel.constants,
                    // No kernel reads what it has not written, and Mesa's GL takes 20 s and more to
                    // compile the zeros of two tiles.
                    zero_initialize_workgroup_memory: false,
                },
                cache,
            });
            Pipeline { compute, bindings }
        })
    }

    fn module(&self, device: &Device, kernel: &Kernel) -> Result<wgpu::ShaderModule> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let module = modules.entry((kernel.shader.name, kernel.sizes)).or_default().clone();
        drop(modules);
        let read = module.get_or_init(|| self.read(device, kernel).map_err(|error| error.to_string()));
        read.clone().map_err(Error::Device)
    }

    fn read(&self, device: &Device, kernel: &Kernel) -> Result<wgpu::ShaderModule> {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.shader.name),
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        };
        let checks = match self.checked {
            true => wgpu::ShaderRuntimeChecks::checked(),
            false => wgpu::ShaderRuntimeChecks::unchecked(),
        };
        device.attempt(&format!("reading the kernel `{}`", kernel.shader.name), || {
            // SAFETY: only the project's own kernels come here. Their loops end, they divide by no
            // zero, and the parity tests run every one with guards around its buffers.
            unsafe { device.wgpu.create_shader_module_trusted(descriptor, checks) }
        })
    }
}

/// The uniform struct at 0, then the buffers.
fn layout_entries(accesses: &[Access]) -> Vec<wgpu::BindGroupLayoutEntry> {
    let storage =
        accesses.iter().map(|&access| wgpu::BufferBindingType::Storage { read_only: access == Access::Read });
    let types = std::iter::once(wgpu::BufferBindingType::Uniform).chain(storage);
    let entry = |(binding, ty)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    types.enumerate().map(entry).collect()
}
