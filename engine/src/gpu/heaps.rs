//! How much memory a device has, as far as its driver says it.

use crate::backend::DeviceMemory;
use crate::memory::Memory;

/// What a GPU with memory of its own is taken to have where nobody tells.
const USUAL: u64 = 8 << 30;

/// Bytes of the largest heap that kernels reach at full speed, and of it what this process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heap {
    total: u64,
    budget: u64,
}

/// The memory of an adapter's device, of which this process has `allocated` bytes.
pub(super) fn memory(adapter: &wgpu::Adapter, allocated: u64) -> DeviceMemory {
    let is_shared = !matches!(adapter.get_info().device_type, wgpu::DeviceType::DiscreteGpu);
    known(driver::heap(adapter), is_shared, Memory::now(), allocated)
}

fn known(heap: Option<Heap>, is_shared: bool, host: Memory, allocated: u64) -> DeviceMemory {
    let own = heap.unwrap_or(if is_shared {
        Heap { total: host.total, budget: host.total }
    } else {
        Heap { total: USUAL, budget: USUAL }
    });
    // What drivers allow of a memory that is everybody's, others may have by now.
    let most = if is_shared { host.free.saturating_add(allocated) } else { u64::MAX };
    DeviceMemory { total: own.total, budget: own.budget.min(most), is_shared }
}

/// wgpu tells nothing of memory, Vulkan does.
#[cfg(any(windows, all(unix, not(target_vendor = "apple"))))]
mod driver {
    use ash::vk;
    use wgpu::hal::api::Vulkan;

    use super::Heap;

    pub(super) fn heap(adapter: &wgpu::Adapter) -> Option<Heap> {
        // SAFETY: the adapter is asked, and neither destroyed nor kept.
        let adapter = unsafe { adapter.as_hal::<Vulkan>() }?;
        let (shared, device) = (adapter.shared_instance(), adapter.raw_physical_device());
        if shared.instance_api_version() < vk::API_VERSION_1_1
            || adapter.physical_device_capabilities().properties().api_version < vk::API_VERSION_1_1
        {
            return None;
        }
        let tells_budget =
            adapter.physical_device_capabilities().supports_extension(ash::ext::memory_budget::NAME);
        let mut budget = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
        let mut asked = vk::PhysicalDeviceMemoryProperties2::default();
        if tells_budget {
            asked = asked.push_next(&mut budget);
        }
        // SAFETY: the function is Vulkan 1.1's, the device is one of this instance, and what follows the structure is
        // what the extension defines.
        unsafe { shared.raw_instance().get_physical_device_memory_properties2(device, &mut asked) };
        let vk::PhysicalDeviceMemoryProperties { memory_heaps, memory_heap_count, .. } =
            asked.memory_properties;
        let heaps = memory_heaps.iter().take(memory_heap_count as usize).zip(budget.heap_budget);
        let local = heaps.filter(|(heap, _)| heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL));
        let (heap, budget) = local.max_by_key(|(heap, _)| heap.size)?;
        let budget = if tells_budget && budget > 0 { budget } else { heap.size };
        Some(Heap { total: heap.size, budget })
    }
}

/// Elsewhere nobody is asked.
#[cfg(not(any(windows, all(unix, not(target_vendor = "apple")))))]
mod driver {
    use super::Heap;

    pub(super) fn heap(_: &wgpu::Adapter) -> Option<Heap> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_is_not_told_is_not_everything() {
        let host = Memory { total: 64 * GIB, free: 20 * GIB };
        let of = |heap: Option<(u64, u64)>, is_shared| {
            let heap = heap.map(|(total, budget)| Heap { total: total * GIB, budget: budget * GIB });
            let known = known(heap, is_shared, host, GIB);
            (known.total / GIB, known.budget / GIB)
        };
        assert_eq!(of(Some((12, 11)), false), (12, 11));
        assert_eq!(of(None, false), (8, 8), "a card whose driver says nothing");
        assert_eq!(of(Some((48, 48)), true), (48, 21), "memory that is this machine's");
        assert_eq!(of(None, true), (64, 21));
    }
}
