//! Which devices there are, and which one a user means.

use std::sync::LazyLock;

use serde::Serialize;

use super::{Core, heaps, instance, nodes};
use crate::backend::DeviceMemory;
use crate::message::{Message, Setting};
use crate::{Error, Result};

/// What kind of device an adapter is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU lent by a hypervisor.
    Virtual,
    /// The driver does not say.
    Other,
    /// No GPU: a driver that computes on the CPU. Never chosen by itself.
    Software,
}

/// An adapter as `fulmen devices` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdapterDescription {
    /// The N of `gpu:N`.
    pub index: usize,
    /// The device's name.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// Discrete, integrated and so on.
    pub kind: AdapterKind,
    /// The driver's name and version.
    pub driver: String,
    /// Whether shaders can compute in f16 natively. Kernels do not need it.
    pub f16: bool,
    /// Smallest and largest subgroup, where subgroups can be used at all.
    pub subgroup_sizes: Option<(u32, u32)>,
    /// The larger side of the matrices of halves that its matrix units multiply with sums in f32, where they can be used:
    /// 8 or 16.
    pub matrix_units: Option<u32>,
    /// Whether the device can time its own work.
    pub timestamps: bool,
    /// Its memory, as it was when devices were listed.
    pub memory: DeviceMemory,
    /// The most bytes of one buffer.
    pub max_buffer_bytes: u64,
    /// The most bytes that a kernel can see of one buffer; larger values are worked in windows.
    pub max_binding_bytes: u64,
    /// Workgroup memory in bytes.
    pub workgroup_memory_bytes: u32,
    /// The core that products would run on.
    pub core: Core,
}

impl AdapterDescription {
    fn new(index: usize, adapter: &wgpu::Adapter) -> Self {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        let sizes = (info.subgroup_min_size, info.subgroup_max_size);
        let mut description = Self {
            index,
            name: info.name.trim().to_owned(),
            backend: info.backend.to_str().to_owned(),
            kind: kind(info.device_type),
            driver: [info.driver.trim(), info.driver_info.trim()].join(" ").trim().to_owned(),
            f16: features.contains(wgpu::Features::SHADER_F16),
            subgroup_sizes: features.contains(wgpu::Features::SUBGROUP).then_some(sizes),
            matrix_units: matrix_units(adapter),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            memory: heaps::memory(adapter, 0),
            max_buffer_bytes: limits.max_buffer_size,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            core: Core::Tiled,
        };
        description.core = description.best_core();
        description
    }

    /// The core for most of the work. On software drivers workgroup memory and barriers cost six times what they give. On a
    /// GPU it is expected to be the other way round.
    fn best_core(&self) -> Core {
        if self.kind == AdapterKind::Software && self.has_subgroup_core() {
            Core::Subgroup
        } else if self.matrix_units.is_some() && self.matrix_lanes().is_some() {
            Core::Cooperative
        } else {
            Core::Tiled
        }
    }

    /// Lanes of the subgroups whose matrix units multiply. Of the sizes that Radeons have Mesa's compiler takes 64 for
    /// that (`tools/offline`). Apple's GPUs have 32, which Metal does not say before a kernel is compiled. Where it is
    /// otherwise, the trial of the units sees it.
    pub(crate) fn matrix_lanes(&self) -> Option<u32> {
        let of_radeon = self.driver.starts_with("radv ") && self.subgroup_sizes == Some((32, 64));
        let of_apple = self.backend == "metal" && self.name.starts_with("Apple ");
        self.fixed_subgroup().or(of_radeon.then_some(64)).or(of_apple.then_some(32))
    }

    /// The subgroup size, where it is the same for every kernel. wgpu cannot pin it.
    pub(crate) fn fixed_subgroup(&self) -> Option<u32> {
        self.subgroup_sizes.filter(|(min, max)| min == max).map(|(min, _)| min)
    }

    /// Whether the subgroup core runs: its bands of eight lanes (`shared/band.wgsl`) must fit subgroups of every size that
    /// the driver may choose for a kernel.
    #[must_use]
    pub fn has_subgroup_core(&self) -> bool {
        self.subgroup_sizes
            .is_some_and(|(min, max)| min >= 8 && min.is_multiple_of(8) && max.is_multiple_of(8))
    }
}

/// The largest matrices that WGSL can say. Some devices list others besides, or alone: these do not count.
fn matrix_units(adapter: &wgpu::Adapter) -> Option<u32> {
    let wanted = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16;
    let (f16, f32) = (wgpu::CooperativeScalarType::F16, wgpu::CooperativeScalarType::F32);
    let fits = |of: &wgpu::CooperativeMatrixProperties| {
        let square = of.m_size == of.n_size && of.n_size == of.k_size && matches!(of.m_size, 8 | 16);
        square && of.ab_type == f16 && of.cr_type == f32
    };
    let listed = adapter.features().contains(wanted).then(|| adapter.cooperative_matrix_properties())?;
    listed.iter().filter(|of| fits(of)).map(|of| of.m_size).max()
}

fn kind(device_type: wgpu::DeviceType) -> AdapterKind {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Other => AdapterKind::Other,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
    }
}

/// An adapter, and what is known of it.
type Found = (wgpu::Adapter, AdapterDescription);

/// Asked for once: loading and asking every driver takes a while.
static NATIVE: LazyLock<Vec<Found>> = LazyLock::new(|| described(0, instance::enumerate()));

/// With those behind GL at the end. Every GL adapter that wgpu makes of one EGL context has a lock of its own for it, so
/// devices of two of them would take the context from each other: these are asked for once, too.
static ADAPTERS: LazyLock<Vec<Found>> = LazyLock::new(|| {
    let gl = described(NATIVE.len(), instance::enumerate_gl());
    NATIVE.iter().cloned().chain(gl).collect()
});

fn described(first: usize, adapters: Vec<wgpu::Adapter>) -> Vec<Found> {
    let describe = |(index, adapter)| {
        let description = AdapterDescription::new(index, &adapter);
        (adapter, description)
    };
    (first..).zip(adapters).map(describe).collect()
}

/// Whether `auto` finds a GPU here. Drivers are asked only where there can be one.
pub(crate) fn has_gpu() -> bool {
    nodes::can_have_gpu() && find("auto").is_ok()
}

/// Every adapter of this machine, in the order that `gpu:N` counts.
#[must_use]
pub fn list_adapters() -> Vec<AdapterDescription> {
    ADAPTERS.iter().map(|(_, description)| description.clone()).collect()
}

/// The description of the adapter that `choice` names.
pub(crate) fn find_adapter(choice: &str) -> Result<AdapterDescription> {
    find(choice).map(|(_, description)| description)
}

/// The adapter that `choice` names, and its description.
pub(super) fn find(choice: &str) -> Result<(wgpu::Adapter, AdapterDescription)> {
    // Nothing behind GL is chosen before a discrete GPU that is not.
    let is_best = |found: &&Found| found.1.kind == AdapterKind::Discrete;
    if let Some(best) = NATIVE.iter().find(is_best).filter(|_| matches!(choice.trim(), "auto" | "gpu")) {
        return Ok(best.clone());
    }
    let index = choose_adapter(choice, &list_adapters())?;
    Ok(ADAPTERS[index].clone())
}

/// The place in `adapters` of the one that `choice` means:
///
/// - `auto`: the best GPU; a software adapter never (the caller falls back to the CPU backend,
///   which is much faster);
/// - `gpu`: the best adapter, a software one only if there is nothing else;
/// - `gpu:N`: the N-th;
/// - anything else: the one whose name contains it, whatever the case.
///
/// # Errors
/// [`Error::Device`]: there is none. [`Error::Request`]: none or several answer to the name.
pub fn choose_adapter(choice: &str, adapters: &[AdapterDescription]) -> Result<usize> {
    let best = || adapters.iter().min_by_key(|a| (a.kind, a.backend == "gl", a.index)).map(|a| a.index);
    match choice.trim() {
        "auto" => best()
            .filter(|&index| adapters[index].kind != AdapterKind::Software)
            .ok_or_else(|| Error::Device(format!("no GPU was found{}", hint(adapters)))),
        "gpu" => best().ok_or_else(|| Error::Device(format!("no GPU was found{}", hint(adapters)))),
        other => match other.strip_prefix("gpu:") {
            Some(number) => numbered(number, adapters),
            None => named(other, adapters),
        },
    }
}

/// What to do where there is no GPU.
fn hint(adapters: &[AdapterDescription]) -> String {
    let driver = "install your GPU's driver (on Linux the Vulkan one: mesa-vulkan-drivers or nvidia's), \
                  or use --device cpu";
    match adapters.first() {
        None => format!(": {driver}"),
        Some(software) => {
            format!("; `{}` computes on the CPU and is chosen only by name: {driver}", software.name)
        }
    }
}

fn numbered(number: &str, adapters: &[AdapterDescription]) -> Result<usize> {
    let index: usize = number.parse().map_err(|_| {
        let what = format!(" gpu:{number}: a number is expected after the colon");
        Error::Request(Message::of(Setting::Device).text(what))
    })?;
    if index < adapters.len() {
        return Ok(index);
    }
    Err(Error::Request(format!("there is no device gpu:{index}; {}", names(adapters)).into()))
}

fn named(part: &str, adapters: &[AdapterDescription]) -> Result<usize> {
    let part = part.to_lowercase();
    let hits: Vec<_> = adapters.iter().filter(|a| a.name.to_lowercase().contains(&part)).collect();
    // One GPU seen through two interfaces is one GPU: the first, which is not GL.
    let same = hits.iter().filter(|a| a.backend != "gl").count() <= 1;
    match hits.first() {
        None => Err(Error::Request(format!("no device is called `{part}`; {}", names(adapters)).into())),
        Some(hit) if same => Ok(hit.index),
        Some(_) => {
            let what = format!("several devices are called `{part}`: say gpu:N; {}", names(adapters));
            Err(Error::Request(what.into()))
        }
    }
}

fn names(adapters: &[AdapterDescription]) -> String {
    if adapters.is_empty() {
        return format!("no GPU was found{}", hint(adapters));
    }
    let list: Vec<_> =
        adapters.iter().map(|a| format!("gpu:{} is {} ({})", a.index, a.name, a.backend)).collect();
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(adapters: &[(&str, &str, AdapterKind)]) -> Vec<AdapterDescription> {
        let describe =
            |(index, &(name, backend, kind)): (usize, &(&str, &str, AdapterKind))| AdapterDescription {
                index,
                name: name.into(),
                backend: backend.into(),
                kind,
                driver: String::new(),
                f16: false,
                subgroup_sizes: None,
                matrix_units: None,
                timestamps: false,
                memory: DeviceMemory { total: 8 << 30, budget: 7 << 30, is_shared: false },
                max_buffer_bytes: 1 << 30,
                max_binding_bytes: 1 << 27,
                workgroup_memory_bytes: 16 << 10,
                core: Core::Tiled,
            };
        adapters.iter().enumerate().map(describe).collect()
    }

    fn laptop() -> Vec<AdapterDescription> {
        machine(&[
            ("llvmpipe", "vulkan", AdapterKind::Software),
            ("Intel Iris Xe", "vulkan", AdapterKind::Integrated),
            ("NVIDIA RTX 4060", "vulkan", AdapterKind::Discrete),
            ("NVIDIA RTX 4060", "gl", AdapterKind::Discrete),
        ])
    }

    #[test]
    fn the_best_gpu_is_chosen_and_never_through_gl_where_there_is_another_way() {
        for choice in ["auto", "gpu", "rtx", "gpu:2"] {
            assert_eq!(choose_adapter(choice, &laptop()).unwrap(), 2, "{choice}");
        }
        assert_eq!(choose_adapter("iris", &laptop()).unwrap(), 1);
    }

    #[test]
    fn a_software_adapter_must_be_asked_for() {
        let server = machine(&[("llvmpipe", "vulkan", AdapterKind::Software)]);
        let error = choose_adapter("auto", &server).unwrap_err().to_string();
        assert!(error.contains("llvmpipe") && error.contains("--device cpu"), "{error}");
        assert_eq!(choose_adapter("gpu", &server).unwrap(), 0);
        assert_eq!(choose_adapter("LLVM", &server).unwrap(), 0);
    }

    #[test]
    fn the_subgroup_core_needs_subgroups_that_bands_of_eight_fit_whatever_their_size() {
        let mut adapter = machine(&[("SwiftShader", "vulkan", AdapterKind::Software)]).remove(0);
        for (sizes, fits) in [
            (None, false),
            (Some((4, 4)), false),
            (Some((8, 8)), true),
            (Some((32, 32)), true),
            (Some((8, 32)), true),
            (Some((32, 64)), true),
            (Some((4, 64)), false),
        ] {
            adapter.subgroup_sizes = sizes;
            assert_eq!(adapter.has_subgroup_core(), fits, "subgroups of {sizes:?}");
        }
    }

    #[test]
    fn the_core_is_that_which_the_kind_of_device_suggests() {
        let mut adapter = machine(&[("a device", "vulkan", AdapterKind::Discrete)]).remove(0);
        let (gpu, software) = (AdapterKind::Discrete, AdapterKind::Software);
        for (driver, kind, sizes, units, core) in [
            ("NVIDIA 580", gpu, (32, 32), Some(16), Core::Cooperative),
            ("NVIDIA 580", gpu, (32, 32), None, Core::Tiled),
            ("radv Mesa 25.0.7", gpu, (32, 64), Some(16), Core::Cooperative),
            ("radv Mesa 25.0.7", gpu, (32, 64), None, Core::Tiled),
            ("another driver", gpu, (32, 64), Some(16), Core::Tiled),
            ("llvmpipe", software, (8, 8), Some(8), Core::Subgroup),
            ("SwiftShader driver", software, (4, 4), None, Core::Tiled),
        ] {
            adapter.driver = driver.into();
            (adapter.kind, adapter.subgroup_sizes, adapter.matrix_units) = (kind, Some(sizes), units);
            assert_eq!(adapter.best_core(), core, "{driver}, subgroups of {sizes:?}, units {units:?}");
        }
    }

    #[test]
    fn matrix_units_that_metal_lists_are_used_on_apples_own_gpus() {
        for (name, core) in [("Apple M2 Pro", Core::Cooperative), ("AMD Radeon Pro 5500M", Core::Tiled)] {
            let mut adapter = machine(&[(name, "metal", AdapterKind::Integrated)]).remove(0);
            (adapter.subgroup_sizes, adapter.matrix_units) = (Some((4, 64)), Some(8));
            assert_eq!(adapter.best_core(), core, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_chosen_is_said_with_what_can() {
        let twins = machine(&[
            ("Radeon Pro", "vulkan", AdapterKind::Discrete),
            ("Radeon Pro", "vulkan", AdapterKind::Discrete),
        ]);
        for (choice, adapters, part) in [
            ("radeon", &twins, "say gpu:N"),
            ("arc", &twins, "gpu:0 is Radeon Pro (vulkan)"),
            ("gpu:2", &twins, "there is no device gpu:2"),
            ("gpu:x", &twins, "a number is expected"),
            ("gpu", &Vec::new(), "install your GPU's driver"),
        ] {
            let error = choose_adapter(choice, adapters).unwrap_err().to_string();
            assert!(error.contains(part), "{choice}: {error}");
        }
    }
}
