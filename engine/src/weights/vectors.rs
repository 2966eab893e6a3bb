//! Loops for the vector instructions of the processor that runs them.

/// Runs `loops` compiled for the widest vectors of this processor. Write `#[inline(always)]` before
/// the closure: a closure that is called, not inlined, stays compiled for the oldest processor. To decode, give it one
/// loop at a time: of a closure with several, the compiler leaves some as such calls, which read nine times slower.
#[inline]
pub(crate) fn vectorised<R>(loops: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(loops)
}
