//! The adapter under test, opened in every way in which a user's may be poorer than ours.

use std::sync::LazyLock;

use fulmen_engine::gpu::{Core, GpuBackend, GpuOptions};

use crate::devices::open_gpu;

/// A device and what is particular about it.
pub(super) struct Configuration {
    pub(super) name: &'static str,
    pub(super) backend: GpuBackend,
}

/// Far smaller than most values of the tests.
const TINY_WINDOW: u64 = 96 << 10;

/// All configurations of the adapter under test.
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
    .map(|(name, options)| Configuration { name, backend: open_gpu(options) })
    .into()
}
