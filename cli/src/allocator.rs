//! How the system's allocator is set.

/// Blocks from this size on go back to the system as soon as they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Lets glibc give every large block back. By itself it does so only until the first is freed: from then on it takes
/// blocks of that size, up to 32 MiB, from heaps that stay as large as they ever were. Other systems' allocators are as
/// they are.
pub(crate) fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: this sets a number of the allocator's; there are no other threads that allocate meanwhile.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
