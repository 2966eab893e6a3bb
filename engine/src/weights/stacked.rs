//! Matrices one above the other, read as one: each part reads what it has of what is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::quantised::QuantisedBlock;
use super::weight::{Weight, next_id};

/// The number of what is made of weights of these numbers: always the same, so that devices keep their copies.
fn id_of(parts: Vec<u64>) -> u64 {
    static KNOWN: Mutex<BTreeMap<Vec<u64>, u64>> = Mutex::new(BTreeMap::new());
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner).entry(parts).or_insert_with(next_id)
}

impl Weight {
    /// Matrices of one input, one above the other, as one matrix: what several products make is made by one then. Each is
    /// read, and changed by LoRAs, as it is by itself.
    pub(crate) fn stacked(name: impl Into<String>, parts: [Arc<Self>; 3]) -> Self {
        let id = id_of(parts.iter().map(|part| part.id()).collect());
        Self::of_parts(id, name.into(), parts.into())
    }

    /// Reads numbers of the parts, each what it has of them.
    pub(super) fn read_parts<T>(&self, start: usize, out: &mut [T], read: impl Fn(&Self, usize, &mut [T])) {
        let (mut from, asked) = (0, start..start + out.len());
        for part in self.parts() {
            let end = from + part.len();
            let (first, last) = (asked.start.max(from), asked.end.min(end));
            if first < last {
                read(part, first - from, &mut out[first - start..last - start]);
            }
            from = end;
        }
    }

    /// Reads pieces of rows of the parts; none goes over the end of a row.
    pub(super) fn read_rows_of_parts(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let (mut from, pieces) = (0, out.len() / count);
        for part in self.parts() {
            let end = from + part.len();
            let before = |place: usize| place.saturating_sub(start).div_ceil(step).min(pieces);
            let (first, last) = (before(from), before(end));
            if first < last {
                part.read_rows(
                    start + first * step - from,
                    step,
                    count,
                    &mut out[first * count..last * count],
                );
            }
            from = end;
        }
    }

    /// Reads blocks of the parts, as `Weight::read_blocks`.
    pub(super) fn read_blocks_of_parts(&self, start: usize, place: usize, out: &mut [QuantisedBlock]) {
        let (mut from, asked) = (0, start..start + out.len());
        for part in self.parts() {
            let end = from + part.outputs();
            let (first, last) = (asked.start.max(from), asked.end.min(end));
            if first < last {
                part.read_blocks(first - from, place, &mut out[first - start..last - start]);
            }
            from = end;
        }
    }
}
