//! The backends that every test of a model runs on.

use std::sync::Arc;

use fulmen_engine::backend::Backend;
use fulmen_engine::cpu::CpuBackend;

/// All of them.
pub(crate) fn backends() -> Vec<Arc<dyn Backend>> {
    vec![Arc::new(CpuBackend::new())]
}
