//! The backends that every test of a model runs on.

use std::sync::{Arc, LazyLock};

use fulmen_engine::backend::Backend;
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::gpu::{GpuBackend, GpuOptions};

/// The CPU backend and a GPU. A software Vulkan will do; a machine without any adapter fails the
/// test, since a test that did not run has not passed.
pub(crate) fn backends() -> Vec<Arc<dyn Backend>> {
    static GPU: LazyLock<Arc<GpuBackend>> = LazyLock::new(|| Arc::new(open_gpu(GpuOptions::default())));
    vec![Arc::new(CpuBackend::new()), GPU.clone()]
}

/// The adapter that FULMEN_TEST_ADAPTER names, or the best there is, which may be a software one.
pub(crate) fn open_gpu(options: GpuOptions) -> GpuBackend {
    let choice = std::env::var("FULMEN_TEST_ADAPTER").unwrap_or_else(|_| "gpu".into());
    GpuBackend::open(&choice, options).unwrap_or_else(|error| {
        panic!("FULMEN_TEST_ADAPTER={choice}: {error}; `tests/setup` installs a software Vulkan")
    })
}
