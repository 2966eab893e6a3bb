//! The graphics systems of this machine, asked for their adapters. Nothing is ever shown in a window, so none of
//! them is told of one.

/// Every adapter but those behind GL.
pub(super) fn enumerate() -> Vec<wgpu::Adapter> {
    let mut found = windowless::vulkan();
    found.extend(through(wgpu::Backends::all() - windowless::ASKED - wgpu::Backends::GL));
    found
}

/// Those behind GL: a device that speaks both answers through GL, too.
pub(super) fn enumerate_gl() -> Vec<wgpu::Adapter> {
    through(wgpu::Backends::GL)
}

fn through(backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    pollster::block_on(instance(backends).enumerate_adapters(backends))
}

fn instance(backends: wgpu::Backends) -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty();
    descriptor.memory_budget_thresholds = thresholds();
    wgpu::Instance::new(descriptor)
}

/// Refuse before a driver starts to page: an error is better than a desktop that stands still.
fn thresholds() -> wgpu::MemoryBudgetThresholds {
    wgpu::MemoryBudgetThresholds { for_resource_creation: Some(97), ..Default::default() }
}

/// wgpu asks Vulkan for the extensions of every window system. Where one is asked for, Mesa's layer that puts the
/// desktop's GPU first connects to that desktop whenever devices are listed, and libwayland complains on standard error
/// where there is none.
#[cfg(all(unix, not(target_vendor = "apple")))]
mod windowless {
    use std::ffi::CStr;

    use wgpu::hal::{self, Instance as _, vulkan};

    /// Queried here, and not again.
    pub(super) const ASKED: wgpu::Backends = wgpu::Backends::VULKAN;

    const WINDOW_SYSTEMS: [&CStr; 3] =
        [c"VK_KHR_wayland_surface", c"VK_KHR_xcb_surface", c"VK_KHR_xlib_surface"];

    /// The adapters of Vulkan; none where there is no Vulkan.
    pub(super) fn vulkan() -> Vec<wgpu::Adapter> {
        let Some(vulkan) = without_windows() else { return Vec::new() };
        let host = super::instance(wgpu::Backends::empty());
        // SAFETY: no surface is hinted at.
        let adapters = unsafe { vulkan.enumerate_adapters(None) };
        // SAFETY: an adapter keeps what it needs of the instance that it came from. wgpu wants it to be the host's own
        // only so that the two do not part; the host has none.
        adapters.into_iter().map(|adapter| unsafe { host.create_adapter_from_hal(adapter) }).collect()
    }

    fn without_windows() -> Option<vulkan::Instance> {
        let (backend_options, flags) = (wgpu::BackendOptions::default(), wgpu::InstanceFlags::empty());
        let descriptor = hal::InstanceDescriptor {
            name: "fulmen",
            flags,
            memory_budget_thresholds: super::thresholds(),
            backend_options,
            telemetry: None,
            display: None,
        };
        let drop_windows: Box<vulkan::CreateInstanceCallback<'_>> = Box::new(|arguments| {
            arguments.extensions.retain(|extension| !WINDOW_SYSTEMS.contains(extension));
        });
        // SAFETY: what is left out, a system without a desktop does not offer either. wgpu looks before it uses one of
        // them, and uses them for surfaces alone.
        unsafe { vulkan::Instance::init_with_callback(&descriptor, Some(drop_windows)) }.ok()
    }
}

/// Elsewhere nothing listens to what is asked for.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
mod windowless {
    pub(super) const ASKED: wgpu::Backends = wgpu::Backends::empty();

    pub(super) fn vulkan() -> Vec<wgpu::Adapter> {
        Vec::new()
    }
}
