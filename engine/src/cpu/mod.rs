//! The CPU backend: rayon for the cores, `gemm` for products, plain loops for the compiler to vectorise.
//!
//! One file an operation, of the same name in [`mod@reference`] (the definition of right) and here (fast).
//! Activations are f32, `[rows, channels]`; weights are read block by block where the checkpoint's
//! file is mapped. Every output is one sum taken in one order, whatever the tiles and however many
//! threads: a picture has the same bits on one core and on sixty-four.

mod attention;
mod conv3x3;
mod embed;
mod epilogue;
mod functions;
mod group_norm;
mod layer_norm;
mod linear;
mod panel;
mod picture;
mod pointwise;
mod product;
mod program;
pub mod reference;
mod resample;
mod scratch;
mod strips;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use crate::backend::{Backend, Program};
use crate::graph::Graph;
use crate::{Error, Result};

/// The processor that this program runs on.
#[derive(Debug, Default)]
pub struct CpuBackend;

impl CpuBackend {
    /// There is always one. Threads are those of the rayon pool that a program is run in.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Backend for CpuBackend {
    fn name(&self) -> &str {
        "CPU"
    }

    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>> {
        // Panels are made as `gemm` wants them; it need not copy them once more.
        gemm::set_lhs_packing_threshold_single_thread(256);
        let program = program::CpuProgram::new(graph);
        let (need, have) = (program.memory().total(), available_memory());
        if need > have {
            return Err(Error::Memory { device: "the CPU".into(), need, have });
        }
        Ok(Box::new(program))
    }
}

/// Bytes that this process can still have, whether the machine or a container sets the limit. Asked
/// for beforehand, because a system that runs out of memory ends programs without a word.
fn available_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    // Its count of free memory leaves out the file cache, which gives way when memory is needed.
    let free = |limits: sysinfo::CGroupLimits| limits.total_memory.saturating_sub(limits.rss);
    let container = system.cgroup_limits().map_or(u64::MAX, free);
    match system.available_memory() {
        // Not known on this system.
        0 => u64::MAX,
        machine => machine.min(container),
    }
}
