//! The CPU backend: rayon for the cores, `gemm` for products, plain loops for the compiler to vectorise.
//!
//! One file an operation, of the same name in [`mod@reference`] (the definition of right) and here (fast).
//! Activations are f32, `[rows, channels]`; weights are read block by block where the checkpoint's
//! file is mapped. Every output is one sum taken in one order, whatever the tiles and however many
//! threads: a picture has the same bits on one core and on sixty-four.

mod attention;
mod changed;
mod conv3x3;
mod embed;
mod epilogue;
mod functions;
mod group_norm;
mod guide;
mod layer_norm;
mod linear;
mod pad;
mod panel;
mod peak;
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

use crate::Result;
use crate::backend::{Backend, Peak, Program};
use crate::graph::Graph;

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
        Ok(Box::new(program::CpuProgram::new(graph)))
    }

    fn peak(&self) -> Result<Peak> {
        crate::threads::start();
        Ok(peak::measure())
    }

    fn is_host(&self) -> bool {
        true
    }
}
