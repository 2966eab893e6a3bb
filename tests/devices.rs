//! The backends that every test of a model runs on.

use std::path::Path;
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
    open_gpu_caching(options, None)
}

/// The same with a folder for what its driver compiles.
pub(crate) fn open_gpu_caching(options: GpuOptions, cache: Option<&Path>) -> GpuBackend {
    let choice = std::env::var("FULMEN_TEST_ADAPTER").unwrap_or_else(|_| "gpu".into());
    GpuBackend::open_caching(&choice, options, cache).unwrap_or_else(|error| {
        panic!("FULMEN_TEST_ADAPTER={choice}: {error}; `tests/setup` installs a software Vulkan")
    })
}
