//! Working space: one buffer a thread, kept from block to block and from node to node.
//!
//! Allocating it for each block would have the kernel clear megabytes of pages each time.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// Numbers in a cache line: every part starts at one, since a vector load across two lines costs two.
const LINE: usize = 16;

thread_local! {
    static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// What whole nodes work in, while their tasks have each their own.
static OF_NODES: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Lends `parts` of the given lengths, holding whatever was left in them.
///
/// The buffer is taken, not borrowed: should rayon run another block inside `work`, that one gets a
/// buffer of its own.
pub(super) fn lend<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let total: usize = lengths.iter().map(|length| length.next_multiple_of(LINE)).sum();
    let mut buffer = BUFFER.take();
    if buffer.len() < total + LINE {
        // Nothing in it is worth copying to the larger one.
        buffer = vec![0.0; total + LINE];
    }
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>());
    let mut rest = &mut buffer[start..];
    let parts = lengths.map(|length| {
        let (part, after) = std::mem::take(&mut rest).split_at_mut(length.next_multiple_of(LINE));
        rest = after;
        &mut part[..length]
    });
    let answer = work(parts);
    BUFFER.set(buffer);
    answer
}

/// Lends a whole node working space, holding whatever was left in it, from a cache line on.
///
/// These buffers are taken, too; that which was returned last goes out first, so that a node that takes two gets the two
/// of the node before.
pub(super) fn lend_to_node<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let shelf = || OF_NODES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = shelf().pop().unwrap_or_default();
    if buffer.len() < length + LINE {
        // Nothing in it is worth copying to the larger one, which is not to stand beside it.
        drop(buffer);
        buffer = vec![0.0; length + LINE];
    }
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>());
    let answer = work(&mut buffer[start..][..length]);
    shelf().push(buffer);
    answer
}
