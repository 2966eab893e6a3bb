//! The adapter under test, opened in every way in which a user's may be poorer than ours.

use std::sync::LazyLock;

use fulmen_engine::gpu::{Core, GpuBackend, GpuOptions};

/// A device and what is particular about it.
pub(super) struct Configuration {
    pub(super) name: &'static str,
    pub(super) backend: GpuBackend,
}

/// Far smaller than most values of the tests.
const TINY_WINDOW: u64 = 96 << 10;

/// All configurations of the adapter that FULMEN_TEST_ADAPTER names, or of the best there is, which
/// may be a software one. That there is none is a failure: a skipped test would say nothing.
pub(super) fn configurations() -> &'static [Configuration] {
    static ALL: LazyLock<Vec<Configuration>> = LazyLock::new(open_all);
    &ALL
}

fn open_all() -> Vec<Configuration> {
    let guarded = GpuOptions { guards: true, ..GpuOptions::default() };
    let tiny = Some(TINY_WINDOW);
    [
        ("as it is", guarded),
        ("with default limits", GpuOptions { default_limits: true, ..guarded }),
        ("in tiny windows", GpuOptions { window_bytes: tiny, ..guarded }),
        ("without subgroups", GpuOptions { subgroups: false, ..guarded }),
        ("on the tiled core", GpuOptions { core: Some(Core::Tiled), window_bytes: tiny, ..guarded }),
        ("on the subgroup core", GpuOptions { core: Some(Core::Subgroup), ..guarded }),
        ("with checked kernels", GpuOptions { checked: true, ..guarded }),
    ]
    .map(|(name, options)| Configuration { name, backend: open(options) })
    .into()
}

/// Opens the adapter under test.
pub(super) fn open(options: GpuOptions) -> GpuBackend {
    let choice = std::env::var("FULMEN_TEST_ADAPTER").unwrap_or_else(|_| "gpu".into());
    GpuBackend::open(&choice, options).unwrap_or_else(|error| {
        panic!("FULMEN_TEST_ADAPTER={choice}: {error}; mesa-vulkan-drivers has one for any machine")
    })
}
