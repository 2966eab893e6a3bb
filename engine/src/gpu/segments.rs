//! Weights that are not kept: which of them lie together in a buffer while what reads them runs.
//!
//! The dispatches of a program are cut into segments. The weights of one are copied into one buffer of two while the
//! device works on the segment before, which reads the other.

use std::ops::Range;
use std::sync::OnceLock;

use super::lowering::{BufferName, Dispatch};
use super::memory::STAGE_BYTES;
use super::packing::{Packing, pack};
use crate::memory::Memory;
use crate::weights::Weight;
use std::sync::Arc;

/// Bytes of a segment's weights at the most, unless one dispatch reads more: so few that what is staged of them is never
/// waited for.
const MOST: u64 = STAGE_BYTES as u64 / 2;

/// Buffers that segments take in turn.
pub(super) const BUFFERS: usize = 2;

/// Packed weights stay in this machine's memory where they take less than one part in so many of what is free.
const PART_OF_FREE: u64 = 3;

/// Dispatches that follow each other, and the weights that they read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Places of its dispatches.
    pub dispatches: Range<usize>,
    /// Places of its weights, and where each begins in the buffer.
    pub weights: Vec<(usize, u64)>,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Places of those that are read by nothing but what is known from the run before, where that is known.
    pub lasting: Vec<usize>,
}

impl Segment {
    /// Where a weight begins.
    pub(super) fn offset(&self, weight: usize) -> Option<u64> {
        self.weights.iter().find(|(place, _)| *place == weight).map(|(_, offset)| *offset)
    }

    /// Adds a dispatch, and those of the weights that it reads which are not there yet.
    fn add(&mut self, (at, dispatch): (usize, &Dispatch), lasts: bool, size: impl Fn(usize) -> u64) {
        self.dispatches.end = at + 1;
        for weight in weights_of(dispatch) {
            if self.offset(weight).is_none() {
                self.weights.push((weight, self.bytes));
                self.bytes += size(weight);
                self.lasting.extend(lasts.then_some(weight));
            } else if !lasts {
                self.lasting.retain(|&other| other != weight);
            }
        }
    }
}

/// Cuts dispatches into segments of `most` bytes at the most, or fewer. `lasts` are those that are not run again as long as
/// what they read lasts; `bytes` are those of every weight; in a buffer they begin at multiples of `alignment`.
pub(super) fn cut(
    dispatches: &[Dispatch],
    lasts: impl Fn(&Dispatch) -> bool,
    bytes: &[u64],
    (most, alignment): (u64, u64),
) -> Vec<Segment> {
    let most = most.min(MOST);
    let size = |weight: usize| bytes[weight].next_multiple_of(alignment);
    let mut segments: Vec<Segment> = vec![];
    for (at, dispatch) in dispatches.iter().enumerate() {
        let read = weights_of(dispatch);
        let new = |segment: &Segment| {
            let missing = read.iter().filter(|&&weight| segment.offset(weight).is_none());
            missing.map(|&weight| size(weight)).sum::<u64>()
        };
        let fits = segments.last().is_some_and(|last| new(last) == 0 || last.bytes + new(last) <= most);
        if !fits {
            segments.push(Segment { dispatches: at..at, weights: vec![], bytes: 0, lasting: vec![] });
        }
        if let Some(last) = segments.last_mut() {
            last.add((at, dispatch), lasts(dispatch), size);
        }
    }
    segments
}

fn weights_of(dispatch: &Dispatch) -> Vec<usize> {
    let mut places: Vec<usize> = vec![];
    for binding in &dispatch.bindings {
        if let BufferName::Weight(place) = binding.buffer
            && !places.contains(&place)
        {
            places.push(place);
        }
    }
    places
}

/// Bytes of this machine's memory that weights will take which have so many when they are packed.
pub(super) fn packed_bytes(bytes: u64) -> u64 {
    if bytes <= Memory::now().free / PART_OF_FREE { bytes } else { 0 }
}

/// Packed weights on their way to a device, again and again.
pub(super) struct Packed {
    weights: Vec<(Arc<Weight>, Packing)>,
    /// Those that stay in this machine's memory once they are packed; none where they would take too much of it.
    kept: Vec<OnceLock<Vec<u32>>>,
}

impl Packed {
    /// Of weights that take so many bytes when they are packed.
    pub(super) fn new(weights: Vec<(Arc<Weight>, Packing)>, bytes: u64) -> Self {
        let kept =
            if packed_bytes(bytes) > 0 { weights.iter().map(|_| OnceLock::new()).collect() } else { vec![] };
        Self { weights, kept }
    }

    /// Shows `copy` the words of a weight.
    pub(super) fn with<T>(&self, place: usize, copy: impl FnOnce(&[u32]) -> T) -> T {
        let (weight, packing) = &self.weights[place];
        match self.kept.get(place) {
            Some(kept) => copy(kept.get_or_init(|| pack(weight, *packing))),
            None => copy(&pack(weight, *packing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::lowering::{Access, Binding, Kernel};
    use crate::gpu::shaders;

    fn dispatch(weights: &[usize]) -> Dispatch {
        let binding = |&weight: &usize| Binding::new(BufferName::Weight(weight), 0, 16, Access::Read);
        let bindings = weights.iter().map(binding).collect();
        let kernel = Kernel::new(&shaders::COPY);
        Dispatch { node: 0, kernel, bindings, params: vec![], workgroups: [1; 3], work: 0 }
    }

    #[test]
    fn a_segment_has_every_weight_once_and_takes_no_more_than_it_may() {
        let bytes = [MOST / 2 - 3, 100, MOST, 16];
        let reads: [&[usize]; 6] = [&[0, 1], &[0], &[], &[1, 3], &[2], &[1]];
        let segments = cut(&reads.map(dispatch), |_| false, &bytes, (u64::MAX, 256));
        let ranges: Vec<_> = segments.iter().map(|segment| segment.dispatches.clone()).collect();
        assert_eq!(ranges, [0..4, 4..5, 5..6]);
        assert_eq!(segments[0].weights, [(0, 0), (1, MOST / 2), (3, MOST / 2 + 256)]);
        assert_eq!((segments[1].bytes, segments[2].weights.len()), (MOST, 1));
    }

    #[test]
    fn a_weight_larger_than_a_segment_has_one_of_its_own() {
        let segments = cut(&[dispatch(&[0]), dispatch(&[1])], |_| false, &[3 * MOST, 16], (u64::MAX, 256));
        assert_eq!(segments.iter().map(|segment| segment.bytes).collect::<Vec<_>>(), [3 * MOST, 256]);
    }

    #[test]
    fn a_weight_lasts_that_nothing_else_reads() {
        let of_node = |(node, weights): (usize, &[usize])| Dispatch { node, ..dispatch(weights) };
        let reads: [(usize, &[usize]); 4] = [(0, &[0, 1]), (1, &[2]), (0, &[2, 3]), (1, &[1])];
        let segments = cut(&reads.map(of_node), |dispatch| dispatch.node == 0, &[16; 4], (u64::MAX, 256));
        assert_eq!((segments.len(), &segments[0].lasting[..]), (1, &[0, 3][..]));
    }
}
