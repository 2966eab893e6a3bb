//! Weights on the device: packed and copied once, shared by all programs that read them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::device::Device;
use super::memory::{DeviceBuffer, STAGE_BYTES};
use super::packing::{Packing, pack, packed_extents};
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

    /// The weights on the device, in the same order, copied where they are not there yet.
    pub(super) fn get(
        &self,
        device: &Device,
        wanted: &[(Arc<Weight>, Packing)],
    ) -> Result<Vec<Arc<StoredWeight>>> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.retain(|_, weight| weight.strong_count() > 0);
        let mut staged = 0;
        let mut weights = Vec::with_capacity(wanted.len());
        for (weight, packing) in wanted {
            let key = (weight.id(), *packing);
            if let Some(known) = stored.get(&key).and_then(Weak::upgrade) {
                weights.push(known);
                continue;
            }
            let bytes = packed_extents(weight, *packing).bytes();
            let buffer = DeviceBuffer::new(device, weight.name(), bytes)?;
            buffer.write(device, 0, bytemuck::cast_slice(&pack(weight, *packing)))?;
            // What is staged waits on the host until it is submitted: let it not double the memory.
            staged += bytes as usize;
            if staged >= STAGE_BYTES {
                device.flush()?;
                staged = 0;
            }
            self.made.fetch_add(1, Ordering::Relaxed);
            let new = Arc::new(StoredWeight { buffer });
            stored.insert(key, Arc::downgrade(&new));
            weights.push(new);
        }
        device.flush()?;
        Ok(weights)
    }
}
