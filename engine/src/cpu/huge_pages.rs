//! Huge pages for large memory: the system hands out 2 MiB at once, in a quarter of the time that its small pages take.

/// Asks for huge pages where the system gives them to who asks. Nothing depends on the answer. Before the first number is
/// written: what is there stays in the pages that it is in.
#[cfg(target_os = "linux")]
pub(super) fn ask_for(numbers: &mut [f32]) {
    use std::ptr::NonNull;

    use nix::sys::mman::{MmapAdvise, madvise};

    /// Every size that pages have on some processor divides it.
    const PAGE: usize = 1 << 16;
    let bytes = size_of_val(numbers);
    let before = numbers.as_ptr().align_offset(PAGE) * size_of::<f32>();
    let whole = bytes.saturating_sub(before) / PAGE * PAGE;
    if whole > 0 {
        let first = NonNull::from(&mut numbers[before / size_of::<f32>()]).cast();
        // SAFETY: the pages are of these numbers alone, and whatever pages they lie in, they stay the same.
        let _ = unsafe { madvise(first, whole, MmapAdvise::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn ask_for(_numbers: &mut [f32]) {}
