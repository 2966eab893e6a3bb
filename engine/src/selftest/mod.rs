//! The self-test, for a driver that we have never seen: the table of [`crate::cases`], then the demo model node
//! by node, each against the plain loops that define what is right.

mod matrix_units;
mod nodes;

pub use matrix_units::matrix_units;
pub use nodes::{NodeVerdict, demo_model};

use crate::Result;
use crate::backend::{Backend, CancelToken};
use crate::cases::{Case, nmse};

/// What a backend made of a case.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verdict {
    /// The operation.
    pub kernel: &'static str,
    /// Sizes and options.
    pub variant: String,
    /// How far from right; NaN where a value is not finite.
    pub nmse: f64,
    /// How far is still right.
    pub tolerance: f64,
    /// Whether it is.
    pub agrees: bool,
}

/// Runs a case on `backend`, as a whole and node by node: the worst of both.
///
/// # Errors
/// Whatever the backend fails with.
pub fn check(case: Case, backend: &dyn Backend) -> Result<Verdict> {
    let mut program = backend.compile(case.graph.clone())?;
    let whole = program.run(&case.given(), &CancelToken::default())?.swap_remove(0);
    let (worst, last) = case.worst_node(program.as_mut())?;
    let apart = nmse(&whole, &last);
    let nmse = if apart > worst || apart.is_nan() { apart } else { worst };
    let Case { kernel, variant, bound: tolerance, .. } = case;
    Ok(Verdict { kernel, variant, nmse, tolerance, agrees: nmse <= tolerance })
}
