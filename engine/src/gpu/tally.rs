//! How many bytes are allocated on a device: every buffer is counted, until it is dropped.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are allocated on a device.
#[derive(Default)]
pub(super) struct Tally {
    now: AtomicU64,
    /// The most at any time.
    most: AtomicU64,
}

impl Tally {
    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Counts a buffer, until it is dropped.
    pub(super) fn count(self: &Arc<Self>, buffer: wgpu::Buffer) -> Allocated {
        // What the host maps is the host's memory.
        let is_mapped = buffer.usage().contains(wgpu::BufferUsages::MAP_READ);
        let bytes = if is_mapped { 0 } else { buffer.size() };
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.most.fetch_max(now, Ordering::Relaxed);
        Allocated { buffer, bytes, tally: self.clone() }
    }
}

/// A buffer that is counted. Its memory goes with it, whoever still holds a bind group with it.
pub(super) struct Allocated {
    buffer: wgpu::Buffer,
    bytes: u64,
    tally: Arc<Tally>,
}

impl Deref for Allocated {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Allocated {
    fn drop(&mut self) {
        self.buffer.destroy();
        self.tally.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
