//! The CPU backend: rayon for the cores, `gemm` for products, plain loops for the compiler to vectorise.
//!
//! One file an operation, of the same name in [`mod@reference`] (the definition of right) and here (fast).
//! Activations are f32, `[rows, channels]`; weights are read block by block where the checkpoint's
//! file is mapped. Every output is one sum taken in one order, whatever the tiles and however many
//! threads: a picture has the same bits on one core and on sixty-four.

mod arithmetic;
mod attention;
mod bf16;
mod changed;
mod conv3x3;
mod direct;
mod embed;
mod epilogue;
mod functions;
mod group_norm;
mod guide;
mod huge_pages;
mod kept;
mod lasting;
mod layer_norm;
mod linear;
mod lines;
mod pad;
mod panel;
mod peak;
mod picture;
mod pointwise;
mod product;
mod program;
pub mod reference;
mod resample;
mod rows;
mod scratch;
mod slots;
mod softmax;
mod strips;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod value;
mod winograd;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::Arc;

use self::arithmetic::Arithmetic;
use self::program::{CpuProgram, Shared};
use crate::backend::{Backend, Peak, Program};
use crate::graph::Graph;
use crate::{Error, Result};

/// The processor that this program runs on.
#[derive(Debug)]
pub struct CpuBackend {
    arithmetic: Arithmetic,
    shared: Arc<Shared>,
}

impl CpuBackend {
    /// There is always one. Threads are those of the rayon pool that a program is run in.
    #[must_use]
    pub fn new() -> Self {
        Self { arithmetic: Arithmetic::singles(), shared: Arc::default() }
    }

    /// The same by every way of multiplying f32 that this processor has.
    #[cfg(test)]
    fn all() -> impl Iterator<Item = Self> {
        Arithmetic::all_singles().map(|arithmetic| Self { arithmetic, ..Self::new() })
    }

    /// The same with the numbers that products and convolutions multiply rounded to bf16, for twice the speed; sums, and
    /// whatever else is computed, stay f32. Linear layers of very few rows, and attention, multiply in f32.
    ///
    /// # Errors
    /// [`Error::Device`] where the processor has no products of bf16.
    pub fn in_bf16() -> Result<Self> {
        let none = || {
            Error::Device("this processor has no products of bf16 (AVX512_BF16); use --precision f32".into())
        };
        Ok(Self { arithmetic: Arithmetic::pairs().ok_or_else(none)?, ..Self::new() })
    }
}

impl Default for CpuBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for CpuBackend {
    fn name(&self) -> &str {
        "CPU"
    }

    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>> {
        // Panels are made as `gemm` wants them; it need not copy them once more.
        gemm::set_lhs_packing_threshold_single_thread(256);
        Ok(Box::new(CpuProgram::new(graph, self.arithmetic, self.shared.clone())))
    }

    fn multiplies_bf16(&self) -> bool {
        self.arithmetic.is_in_pairs()
    }

    fn peak(&self) -> Result<Peak> {
        crate::threads::start();
        Ok(peak::measure())
    }

    fn is_host(&self) -> bool {
        true
    }

    fn rest(&self) {
        self.shared.shelf.rest();
        self.shared.keeper.rest();
    }
}
