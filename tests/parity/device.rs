//! The adapter under test, opened in every way in which a user's may be poorer than ours.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use fulmen_engine::Result;
use fulmen_engine::backend::Program;
use fulmen_engine::gpu::{AdapterDescription, Core, GpuBackend, GpuOptions, KernelTable, Lowered};
use fulmen_engine::graph::Graph;

use crate::devices::open_gpu;

/// A device and what is particular about it.
pub(super) struct Configuration {
    pub(super) name: &'static str,
    backend: GpuBackend,
    /// Whether its kernels are told by a table that no rule would make.
    is_odd: bool,
    /// Held while a graph is compiled: the table is the device's, and tests run beside each other.
    turn: Mutex<()>,
}

impl Configuration {
    /// A graph's program, and what it has the device do.
    pub(super) fn compile(&self, graph: &Arc<Graph>) -> Result<(Box<dyn Program>, Lowered)> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.choose_kernels(graph);
        self.backend.compile_and_tell(graph.clone())
    }

    /// Has the nodes of a graph run on kernels by a table, where that is what is particular.
    fn choose_kernels(&self, graph: &Graph) {
        if !self.is_odd {
            return;
        }
        let mut table = KernelTable::default();
        for (work, candidates) in self.backend.candidates(graph).expect("it was recorded for a device") {
            let turn = work.task.columns / 8 + work.task.depth / 8 + work.rows;
            table.insert(&work, &candidates[candidates.len() - 1 - turn % candidates.len()]);
        }
        self.backend.use_kernels(table);
    }
}

/// Far smaller than most values of the tests.
const TINY_WINDOW: u64 = 96 << 10;

/// Far narrower than most grids of the tests, which are then folded.
const TINY_GRID: u32 = 3;

/// The configuration whose table is odd.
const ODD: &str = "with the kernels of an odd table";

/// All configurations of the adapter under test, the first of them as users have it.
pub(super) fn configurations() -> &'static [Configuration] {
    static ALL: LazyLock<Vec<Configuration>> = LazyLock::new(open_all);
    &ALL
}

fn open_all() -> Vec<Configuration> {
    // Each kernel as large graphs have it, and once as small graphs on software adapters have it.
    let guarded = GpuOptions { guards: true, general: Some(false), ..GpuOptions::default() };
    let general = GpuOptions { general: Some(true), ..guarded };
    let tiny = GpuOptions { window_bytes: Some(TINY_WINDOW), grid_width: Some(TINY_GRID), ..guarded };
    let all = [
        ("as it is", guarded),
        ("with default limits", GpuOptions { default_limits: true, ..guarded }),
        ("in tiny windows and grids", tiny),
        ("without subgroups, in large tiles", GpuOptions { subgroups: false, tile: Some(1), ..guarded }),
        ("on the tiled core", GpuOptions { core: Some(Core::Tiled), tile: Some(0), ..tiny }),
        ("on the subgroup core", GpuOptions { core: Some(Core::Subgroup), ..guarded }),
        ("on several bands", GpuOptions { core: Some(Core::Subgroup), several_bands: true, ..guarded }),
        ("on the cooperative core", GpuOptions { core: Some(Core::Cooperative), ..guarded }),
        (
            "on the cooperative core, in tiny windows and grids, with two rows a subgroup of attention",
            GpuOptions { core: Some(Core::Cooperative), attention_rows: Some(2), ..tiny },
        ),
        (
            "on matrices of 16, halves read as they are",
            GpuOptions {
                core: Some(Core::Cooperative),
                fragment: Some(16),
                joins_reads: Some(true),
                as_on_gpus: true,
                ..guarded
            },
        ),
        (ODD, guarded),
        ("with convolutions by Winograd", GpuOptions { winograd: Some(true), ..guarded }),
        (
            "with convolutions by Winograd on the tiled core, in tiny windows and grids",
            GpuOptions { winograd: Some(true), core: Some(Core::Tiled), ..tiny },
        ),
        ("with checked kernels", GpuOptions { checked: true, ..guarded }),
        ("with general kernels", general),
        ("with general kernels on the tiled core", GpuOptions { core: Some(Core::Tiled), ..general }),
    ];
    let adapter = open_gpu(GpuOptions::default()).description().clone();
    let open = |(name, options)| {
        let (backend, is_odd) = (open_gpu(options), name == ODD);
        Configuration { name, backend, is_odd, turn: Mutex::default() }
    };
    all.into_iter().filter(|(_, options)| differs(*options, &adapter)).map(open).collect()
}

/// Whether these options change anything: an adapter without the subgroup core, or whose products run on it anyway, has
/// nothing that could be chosen or taken away, and would only do the same once more.
fn differs(options: GpuOptions, adapter: &AdapterDescription) -> bool {
    match options.core {
        // Wider subgroups than of eight have several bands as they are.
        Some(Core::Subgroup) if options.several_bands => adapter.subgroup_sizes == Some((8, 8)),
        Some(Core::Subgroup) => adapter.has_subgroup_core() && adapter.core != Core::Subgroup,
        Some(Core::Cooperative) => adapter.matrix_units.is_some() && options.fragment != adapter.matrix_units,
        Some(_) => adapter.has_subgroup_core(),
        None => options.subgroups || adapter.has_subgroup_core(),
    }
}
