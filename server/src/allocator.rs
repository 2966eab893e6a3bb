//! How the system's allocator is used, so that memory goes back to the system when it is not needed any more. Only
//! glibc's has to be told; others are as they are.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// Blocks from this size on go back to the system as soon as they are freed. By itself glibc does so only until the
    /// first is freed: from then on it takes blocks of that size, up to 32 MiB, from heaps.
    const LARGE: libc::c_int = 1 << 20;

    /// Heaps that threads share. By itself glibc has eight for each core, and each keeps what it once needed.
    const HEAPS: libc::c_int = 2;

    pub(super) fn set_up() {
        // SAFETY: these set numbers of the allocator's, under its own lock.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_ARENA_MAX, HEAPS);
        }
    }

    pub(super) fn give_back() {
        // SAFETY: this gives back pages that hold nothing, under the allocator's own lock.
        unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod glibc {
    pub(super) fn set_up() {}

    pub(super) fn give_back() {}
}

/// Whether something may have been left for later.
static LEFT: AtomicBool = AtomicBool::new(false);

/// Prepares for crowds. To be called before there are threads for them.
pub(crate) fn set_up() {
    glibc::set_up();
}

/// Gives back what many small blocks have left; takes some milliseconds for each 100 MiB.
pub(crate) fn give_back() {
    glibc::give_back();
    LEFT.store(true, Ordering::Relaxed);
}

/// The same once more: the last of a crowd were still on their way out.
pub(crate) fn give_back_the_rest() {
    if LEFT.swap(false, Ordering::Relaxed) {
        glibc::give_back();
    }
}
