//! The card that is not there: a Vulkan device that compiles, and tells what it made.

use ash::khr::{cooperative_matrix, pipeline_executable_properties as executable};
use ash::vk;

/// Buffers of a kernel: its parameters at 0, then storage.
const BINDINGS: u32 = 9;

/// An opened device.
pub(crate) struct Device {
    family: String,
    device: ash::Device,
    executables: executable::Device,
    layout: vk::PipelineLayout,
    // Must outlive the device.
    _instance: ash::Instance,
    _entry: ash::Entry,
}

/// What the compiler says of a pipeline.
pub(crate) struct Compiled {
    /// By RADV's own names: `VGPRs`, `Spilled VGPRs`, `Code size`, …
    pub statistics: Vec<(String, f64)>,
    /// The instructions: as the card reads them, or as the compiler has them where the driver's disassembler does not
    /// know the card.
    pub isa: String,
}

impl Compiled {
    /// A statistic by its name.
    pub(crate) fn statistic(&self, name: &str) -> Option<f64> {
        self.statistics.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }
}

impl Device {
    /// Opens the first Vulkan device, which must be one that does not exist.
    pub(crate) fn open() -> Result<Self, String> {
        let family = std::env::var("RADV_FORCE_FAMILY")
            .map_err(|_| "RADV_FORCE_FAMILY names no GPU: run tools/offline/run".to_owned())?;
        // SAFETY: the loader is trusted as any program trusts it; what is made here is used only in `self`, in the
        // order that Vulkan asks for, from one thread.
        unsafe { Self::create(family) }
    }

    unsafe fn create(family: String) -> Result<Self, String> {
        // SAFETY: see `open`, for all calls of this function.
        unsafe {
            let entry = ash::Entry::load().map_err(|error| format!("no Vulkan loader: {error}"))?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let info = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = entry.create_instance(&info, None).map_err(failed("no Vulkan instance"))?;
            let physical = instance.enumerate_physical_devices().map_err(failed("no Vulkan device"))?;
            let physical =
                *physical.first().ok_or("no Vulkan device: is this Mesa's RADV, older than 26?")?;
            let extensions = instance.enumerate_device_extension_properties(physical);
            let extensions = extensions.map_err(failed("the device has no extensions"))?;
            let is_matrices = |known: &vk::ExtensionProperties| {
                known.extension_name_as_c_str() == Ok(cooperative_matrix::NAME)
            };
            let has_matrices = extensions.iter().any(is_matrices);
            let device = create_device(&instance, physical, has_matrices)
                .map_err(failed("the device cannot be opened"))?;
            let layout = create_layout(&device).map_err(failed("the layout cannot be made"))?;
            let executables = executable::Device::new(&instance, &device);
            Ok(Self { family, device, executables, layout, _instance: instance, _entry: entry })
        }
    }

    /// What the environment calls the GPU.
    pub(crate) fn family(&self) -> &str {
        &self.family
    }

    /// Lanes of a subgroup: 64 where the environment does not ask for 32. Kernels for matrix units get 64 in any case.
    pub(crate) fn lanes(&self) -> u32 {
        let narrow = std::env::var("RADV_PERFTEST").is_ok_and(|asked| asked.contains("cswave32"));
        if narrow { 32 } else { 64 }
    }

    /// Compiles a kernel and reads what became of it.
    pub(crate) fn compile(&self, spirv: &[u32]) -> Result<Compiled, String> {
        let failed = failed("the driver cannot compile");
        let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
            | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        // SAFETY: the module is valid, naga wrote it; handles are of this device and destroyed once, after their use.
        unsafe {
            let module =
                self.device.create_shader_module(&vk::ShaderModuleCreateInfo::default().code(spirv), None);
            let module = module.map_err(&failed)?;
            // As wgpu asks for it.
            let varying = vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .flags(varying)
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let info = vk::ComputePipelineCreateInfo::default().flags(flags).stage(stage).layout(self.layout);
            let made = self.device.create_compute_pipelines(vk::PipelineCache::null(), &[info], None);
            self.device.destroy_shader_module(module, None);
            let pipeline = made.map_err(|(_, error)| failed(error))?[0];
            let compiled = self.describe(pipeline).map_err(&failed);
            self.device.destroy_pipeline(pipeline, None);
            compiled
        }
    }

    unsafe fn describe(&self, pipeline: vk::Pipeline) -> Result<Compiled, vk::Result> {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        // SAFETY: the pipeline was made with both capture flags; buffers live as long as what points to them.
        unsafe {
            let found = self.executables.get_pipeline_executable_statistics(&info)?;
            let statistics = found.iter().map(statistic).collect();
            let mut parts = self.executables.get_pipeline_executable_internal_representations(&info)?;
            let mut texts: Vec<Vec<u8>> = parts.iter().map(|part| vec![0; part.data_size]).collect();
            for (part, text) in parts.iter_mut().zip(&mut texts) {
                part.p_data = text.as_mut_ptr().cast();
            }
            let mut count = parts.len() as u32;
            let read = self.executables.fp().get_pipeline_executable_internal_representations_khr;
            read(self.device.handle(), &info, &mut count, parts.as_mut_ptr()).result()?;
            // The last one is nearest to the machine.
            let isa = texts.pop().unwrap_or_default();
            let isa = String::from_utf8_lossy(&isa).trim_end_matches('\0').to_owned();
            Ok(Compiled { statistics, isa })
        }
    }
}

/// A sentence of what failed.
fn failed(what: &str) -> impl Fn(vk::Result) -> String + '_ {
    move |error| format!("{what}: {error}")
}

fn statistic(found: &vk::PipelineExecutableStatisticKHR) -> (String, f64) {
    let name = found.name_as_c_str().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // SAFETY: the format says which member of the union was written.
    let value = unsafe {
        match found.format {
            vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => found.value.f64,
            vk::PipelineExecutableStatisticFormatKHR::INT64 => found.value.i64 as f64,
            vk::PipelineExecutableStatisticFormatKHR::BOOL32 => f64::from(found.value.b32),
            _ => found.value.u64 as f64,
        }
    };
    (name, value)
}

unsafe fn create_device(
    instance: &ash::Instance,
    physical: vk::PhysicalDevice,
    has_matrices: bool,
) -> Result<ash::Device, vk::Result> {
    let mut extensions = vec![executable::NAME.as_ptr()];
    let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default().cooperative_matrix(true);
    let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
    let mut properties =
        vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
    let mut newest = vk::PhysicalDeviceVulkan13Features::default().subgroup_size_control(true);
    let mut newer = vk::PhysicalDeviceVulkan12Features::default()
        .shader_float16(true)
        .vulkan_memory_model(true)
        .vulkan_memory_model_device_scope(true);
    let mut older = vk::PhysicalDeviceVulkan11Features::default().storage_buffer16_bit_access(true);
    let mut info = vk::DeviceCreateInfo::default().queue_create_infos(&queues);
    if has_matrices {
        extensions.push(cooperative_matrix::NAME.as_ptr());
        info = info.push_next(&mut matrices);
    }
    let info = info
        .enabled_extension_names(&extensions)
        .push_next(&mut properties)
        .push_next(&mut newest)
        .push_next(&mut newer)
        .push_next(&mut older);
    // SAFETY: all that `info` points to lives until the call returns.
    unsafe { instance.create_device(physical, &info, None) }
}

/// A uniform buffer and eight storage buffers, which every kernel has room in.
unsafe fn create_layout(device: &ash::Device) -> Result<vk::PipelineLayout, vk::Result> {
    let binding = |place: u32| {
        let kind = match place {
            0 => vk::DescriptorType::UNIFORM_BUFFER,
            _ => vk::DescriptorType::STORAGE_BUFFER,
        };
        vk::DescriptorSetLayoutBinding::default()
            .binding(place)
            .descriptor_count(1)
            .descriptor_type(kind)
            .stage_flags(vk::ShaderStageFlags::COMPUTE)
    };
    let bindings: Vec<_> = (0..BINDINGS).map(binding).collect();
    // SAFETY: as in `create_device`.
    unsafe {
        let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        let sets = [device.create_descriptor_set_layout(&info, None)?];
        device.create_pipeline_layout(&vk::PipelineLayoutCreateInfo::default().set_layouts(&sets), None)
    }
}
