//! Weights on the device: packed and copied once, shared by all programs that read them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::device::Device;
use super::memory::{DeviceBuffer, STAGE_BYTES};
use super::packing::{Packing, pack};
use crate::Result;
use crate::weights::Weight;

/// A weight in one packing, on the device. Its memory is given back with the last program.
pub(super) struct StoredWeight {
    pub buffer: DeviceBuffer,
}

/// The weights of one device. It does not keep them alive: programs do.
#[derive(Default)]
pub(super) struct WeightStore {
    stored: Mutex<HashMap<(u64, Packing), Weak<StoredWeight>>>,
    made: AtomicUsize,
}

impl WeightStore {
    /// Weights that were packed and copied so far.
    pub(super) fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// The weights on the device, in the same order, copied where they are not there yet: one is copied while the next
    /// is packed.
    pub(super) fn get(
        &self,
        device: &Device,
        wanted: &[(Arc<Weight>, Packing)],
    ) -> Result<Vec<Arc<StoredWeight>>> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.retain(|_, weight| weight.strong_count() > 0);
        let known: Vec<Option<Arc<StoredWeight>>> = wanted
            .iter()
            .map(|(weight, packing)| stored.get(&(weight.id(), *packing)).and_then(Weak::upgrade))
            .collect();
        let missing =
            wanted.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(wanted, _)| wanted);
        let mut made = self.copy(device, &missing.collect::<Vec<_>>())?.into_iter();
        let mut weights = Vec::with_capacity(wanted.len());
        for ((weight, packing), known) in wanted.iter().zip(known) {
            let Some(one) = known.or_else(|| made.next()) else { continue };
            stored.insert((weight.id(), *packing), Arc::downgrade(&one));
            weights.push(one);
        }
        Ok(weights)
    }

    /// Packs and copies all of these.
    fn copy(&self, device: &Device, wanted: &[&(Arc<Weight>, Packing)]) -> Result<Vec<Arc<StoredWeight>>> {
        let packed = |place: usize| wanted.get(place).map(|(weight, packing)| pack(weight, *packing));
        let mut copies = Copies { device, staged: 0, in_flight: None };
        let mut made = Vec::with_capacity(wanted.len());
        let mut next = packed(0);
        for (place, (weight, _)) in wanted.iter().enumerate() {
            let words = next.take().unwrap_or_default();
            let (buffer, packed) = rayon::join(|| copies.copy(weight.name(), &words), || packed(place + 1));
            made.push(Arc::new(StoredWeight { buffer: buffer? }));
            next = packed;
            self.made.fetch_add(1, Ordering::Relaxed);
        }
        device.flush()?;
        Ok(made)
    }
}

/// Copies on their way to the device. What is staged waits on the host until it is submitted and done: let it not double
/// the memory.
struct Copies<'a> {
    device: &'a Device,
    /// Bytes since the last submission.
    staged: usize,
    in_flight: Option<wgpu::SubmissionIndex>,
}

impl Copies<'_> {
    fn copy(&mut self, name: &str, words: &[u32]) -> Result<DeviceBuffer> {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        let buffer = DeviceBuffer::new(self.device, name, bytes.len() as u64)?;
        buffer.write(self.device, 0, bytes)?;
        self.staged += bytes.len();
        if self.staged >= STAGE_BYTES / 2 {
            let index = self.device.submit_copies()?;
            if let Some(before) = self.in_flight.replace(index) {
                self.device.wait(Some(&before))?;
            }
            self.staged = 0;
        }
        Ok(buffer)
    }
}
