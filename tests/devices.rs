//! The backends that every test of a model runs on.

use std::sync::Arc;

use fulmen_engine::backend::Backend;
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::gpu::{GpuBackend, GpuOptions};

/// The CPU backend and a GPU. A software Vulkan will do; a machine without any adapter fails the
/// test, since a test that did not run has not passed.
pub(crate) fn backends() -> Vec<Arc<dyn Backend>> {
    let gpu = GpuBackend::open("gpu", GpuOptions::default());
    let gpu = gpu.expect("these tests need an adapter; `tests/setup` installs a software Vulkan");
    vec![Arc::new(CpuBackend::new()), Arc::new(gpu)]
}
