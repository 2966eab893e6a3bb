//! Pipelines: each shader with each set of constants is compiled once for a device.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cores::Sizes;
use super::device::Device;
use super::lowering::{Access, Dispatch, Kernel};
use crate::Result;

/// A pipeline and the layout of its bind groups.
pub(super) struct Pipeline {
    pub compute: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
}

/// A shader, its constants, and how its buffers are accessed.
type Key = (&'static str, Option<Sizes>, Vec<(&'static str, u64)>, Vec<Access>);

/// The pipelines of one device.
pub(super) struct Pipelines {
    checked: bool,
    modules: Mutex<HashMap<(&'static str, Option<Sizes>), wgpu::ShaderModule>>,
    made: Mutex<HashMap<Key, Arc<Pipeline>>>,
}

impl Pipelines {
    /// None yet. `checked` asks for wgpu's run-time checks.
    pub(super) fn new(checked: bool) -> Self {
        Self { checked, modules: Mutex::default(), made: Mutex::default() }
    }

    /// The pipeline that a dispatch needs.
    pub(super) fn get(&self, device: &Device, dispatch: &Dispatch) -> Result<Arc<Pipeline>> {
        let kernel = &dispatch.kernel;
        let constants = kernel.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let accesses: Vec<Access> = dispatch.bindings.iter().map(|binding| binding.access).collect();
        let key = (kernel.shader.name, kernel.sizes, constants, accesses);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = made.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = Arc::new(self.make(device, kernel, &key.3)?);
        made.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    fn make(&self, device: &Device, kernel: &Kernel, accesses: &[Access]) -> Result<Pipeline> {
        let module = self.module(device, kernel)?;
        let name = kernel.shader.name;
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
                cache: None,
            });
            Pipeline { compute, bindings }
        })
    }

    fn module(&self, device: &Device, kernel: &Kernel) -> Result<wgpu::ShaderModule> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kernel.shader.name, kernel.sizes);
        if let Some(module) = modules.get(&key) {
            return Ok(module.clone());
        }
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.shader.name),
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        };
        let checks = match self.checked {
            true => wgpu::ShaderRuntimeChecks::checked(),
            false => wgpu::ShaderRuntimeChecks::unchecked(),
        };
        let module = device.attempt(&format!("reading the kernel `{}`", kernel.shader.name), || {
            // SAFETY: only the project's own kernels come here. Their loops end, they divide by no
            // zero, and the parity tests run every one with guards around its buffers.
            unsafe { device.wgpu.create_shader_module_trusted(descriptor, checks) }
        })?;
        modules.insert(key, module.clone());
        Ok(module)
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
