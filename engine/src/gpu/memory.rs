//! Buffers, and the pool that all programs of a device share.
//!
//! There is no single arena: a buffer that is bound for reading and for writing in one dispatch is
//! a validation error even where the ranges are disjoint.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU32, Ordering};

use super::device::Device;
use super::tally::Allocated;
use crate::{Error, Result};

/// A pattern that is not a number, read as f32 and as halves: whoever reads a guard spoils the
/// result. Sums keep the bits of what is not a number, so each buffer has another pattern: what is
/// read beyond one and written beyond the other is seen.
fn next_guard_word() -> u32 {
    static MADE: AtomicU32 = AtomicU32::new(0);
    0x7FC1_7FC1 + 0x0002_0002 * (MADE.fetch_add(1, Ordering::Relaxed) % 16)
}

/// Guarded bytes at each end: 1,024 words, and more than any binding's alignment.
const GUARD_BYTES: u64 = 4096;

/// The most bytes that are staged at once.
pub(super) const STAGE_BYTES: usize = 64 << 20;

/// A storage buffer; in tests with a pattern before and after it.
pub(super) struct DeviceBuffer {
    device: Allocated,
    /// Bytes that can be used.
    pub bytes: u64,
    guard: u64,
    guard_word: u32,
}

impl DeviceBuffer {
    /// A buffer of `bytes`.
    pub(super) fn new(device: &Device, label: &str, bytes: u64) -> Result<Self> {
        let guard = if device.facts.guards { GUARD_BYTES } else { 0 };
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = device.buffer(label, bytes + 2 * guard, usage)?;
        let buffer = Self { device: buffer, bytes, guard, guard_word: next_guard_word() };
        buffer.fill_with_guard(device)?;
        Ok(buffer)
    }

    /// A range for a bind group. Where there is a guard it is bound with it: drivers that check
    /// bounds would otherwise hide what a kernel writes beyond.
    pub(super) fn range(&self, offset: u64, size: u64) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.device,
            offset: self.guard + offset,
            size: NonZeroU64::new(size + self.guard),
        })
    }

    /// Writes bytes, staged in pieces, so that a copy of all of it is never held.
    pub(super) fn write(&self, device: &Device, offset: u64, bytes: &[u8]) -> Result<()> {
        for (place, piece) in bytes.chunks(STAGE_BYTES).enumerate() {
            let at = self.guard + offset + (place * STAGE_BYTES) as u64;
            device.attempt("a copy to the device", || device.queue.write_buffer(&self.device, at, piece))?;
            if piece.len() == STAGE_BYTES {
                device.flush()?;
            }
        }
        Ok(())
    }

    /// Reads the first `size` bytes, after everything that was submitted.
    pub(super) fn read(&self, device: &Device, size: u64) -> Result<Vec<u8>> {
        self.read_raw(device, self.guard, size)
    }

    fn read_raw(&self, device: &Device, start: u64, size: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(size as usize);
        let stage = size.min(STAGE_BYTES as u64);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = device.buffer("read-back", stage, usage)?;
        while (bytes.len() as u64) < size {
            let done = bytes.len() as u64;
            let count = stage.min(size - done);
            let mut encoder = device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(&self.device, start + done, &staging, 0, count);
            let commands = device.attempt("reading a value back", || encoder.finish())?;
            device.submit(commands)?;
            device.attempt("mapping", || staging.map_async(wgpu::MapMode::Read, ..count, |_| ()))?;
            device.wait(None)?;
            let view = staging.get_mapped_range(..count);
            let view =
                view.map_err(|e| Error::Device(format!("{}: reading back failed: {e}", device.facts.name)))?;
            bytes.extend_from_slice(&view);
            drop(view);
            staging.unmap();
        }
        Ok(bytes)
    }

    /// Fills guards and content with the pattern, so that a kernel that reads what nobody wrote is
    /// found out. Nothing without guards.
    pub(super) fn fill_with_guard(&self, device: &Device) -> Result<()> {
        if self.guard == 0 {
            return Ok(());
        }
        let pattern = vec![self.guard_word; (self.bytes + 2 * self.guard) as usize / 4];
        let bytes = bytemuck::cast_slice(&pattern);
        device.attempt("guards", || device.queue.write_buffer(&self.device, 0, bytes))
    }

    /// Whether both guards are as they were.
    pub(super) fn guards_hold(&self, device: &Device) -> Result<bool> {
        let mut words = self.read_raw(device, 0, self.guard)?;
        words.extend(self.read_raw(device, self.guard + self.bytes, self.guard)?);
        Ok(words.as_chunks::<4>().0.iter().all(|word| u32::from_le_bytes(*word) == self.guard_word))
    }
}

/// The buffers of values and scratch, largest first, shared by the programs of a device: they take
/// turns, and nothing stays in them from one run to the next.
#[derive(Default)]
pub(super) struct Pool {
    buffers: Vec<DeviceBuffer>,
    /// Changes whenever a buffer was replaced: bind groups of older generations are stale.
    pub generation: u64,
}

impl Pool {
    /// Makes the `n`-th buffer at least `sizes[n]` large. `sizes` falls.
    pub(super) fn ensure(&mut self, device: &Device, sizes: &[u64]) -> Result<()> {
        // With guards a buffer is exactly as long as its value, or nobody would watch its end.
        let fits = |have: u64, need: u64| if device.facts.guards { have == need } else { have >= need };
        let keep = self.buffers.iter().zip(sizes).take_while(|(have, need)| fits(have.bytes, **need)).count();
        if keep == sizes.len() {
            return Ok(());
        }
        self.generation += 1;
        // All that are too small go before the first new one comes.
        self.buffers.truncate(keep);
        for &size in &sizes[keep..] {
            self.buffers.push(DeviceBuffer::new(device, "values", size)?);
        }
        Ok(())
    }

    /// Brings it to these sizes, so that it grows no more while programs of no larger ones run.
    pub(super) fn reserve(&mut self, device: &Device, sizes: &[u64]) -> Result<()> {
        // With guards each program has buffers of its own sizes.
        if device.facts.guards {
            return Ok(());
        }
        if self.buffers.len() > sizes.len() || self.bytes() > sizes.iter().sum() {
            self.generation += 1;
            self.buffers.clear();
        }
        self.ensure(device, sizes)
    }

    /// Bytes of all buffers.
    pub(super) fn bytes(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.bytes).sum()
    }

    /// The buffers.
    pub(super) fn buffers(&self) -> &[DeviceBuffer] {
        &self.buffers
    }
}
