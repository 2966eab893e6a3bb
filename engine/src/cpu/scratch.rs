//! Working space: one buffer a thread, kept from block to block and from node to node.
//!
//! Allocating it for each block would have the kernel clear megabytes of pages each time.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::huge_pages;

/// Numbers in a cache line: every part starts at one, since a vector load across two lines costs two.
const LINE: usize = 16;

thread_local! {
    static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// What a whole node works in while its tasks have each their own.
#[derive(Debug, Clone, Copy)]
pub(super) enum OfNode {
    /// Rows rounded to bf16.
    Rounded,
    /// Panels of a weight.
    Panels,
}

/// A buffer for each of these, where a graph runs.
static OF_NODES: [Mutex<Vec<f32>>; 2] = [const { Mutex::new(Vec::new()) }; 2];

fn shelf(which: OfNode) -> MutexGuard<'static, Vec<f32>> {
    OF_NODES[which as usize].lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer of so many words.
fn fresh(words: usize) -> Vec<f32> {
    let mut buffer = vec![0.0; words];
    huge_pages::ask_for(&mut buffer);
    buffer
}

/// Words that the nodes of a graph work in at the most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NodeWords {
    pub(super) rounded: usize,
    pub(super) panels: usize,
    /// Of each thread.
    pub(super) tasks: usize,
}

impl NodeWords {
    /// What one buffer of each kind takes for either of two nodes.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            rounded: self.rounded.max(other.rounded),
            panels: self.panels.max(other.panels),
            tasks: self.tasks.max(other.tasks),
        }
    }

    fn each(self) -> [(OfNode, usize); 2] {
        let with_line = |words: usize| if words > 0 { words + LINE } else { 0 };
        [(OfNode::Rounded, with_line(self.rounded)), (OfNode::Panels, with_line(self.panels))]
    }

    /// Bytes of whole nodes, and of so many threads, each of which takes `least` at the least.
    pub(super) fn bytes(self, (threads, least): (u64, u64)) -> u64 {
        let bytes = |words: usize| (words * size_of::<f32>()) as u64;
        let of_nodes: u64 = self.each().iter().map(|(_, words)| bytes(*words)).sum();
        of_nodes + threads * least.max(bytes(self.tasks))
    }

    /// Takes that memory at once, for a run: buffers that grow leave holes behind them.
    pub(super) fn reserve(self) -> Reserved {
        for (which, words) in self.each() {
            let mut shelf = shelf(which);
            if shelf.len() < words {
                *shelf = Vec::new();
                *shelf = fresh(words);
            }
        }
        Reserved(())
    }
}

/// Memory of a run's nodes, which goes back with it: graphs run one after the other, and do not add up.
pub(super) struct Reserved(());

impl Drop for Reserved {
    fn drop(&mut self) {
        *shelf(OfNode::Rounded) = Vec::new();
        *shelf(OfNode::Panels) = Vec::new();
    }
}

/// Lends `parts` of the given lengths, holding whatever was left in them.
///
/// The buffer is taken, not borrowed: should rayon run another block inside `work`, that one gets a
/// buffer of its own.
pub(super) fn lend<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let total: usize = lengths.iter().map(|length| length.next_multiple_of(LINE)).sum();
    let mut buffer = BUFFER.take();
    if buffer.len() < total + LINE {
        // Nothing in it is worth copying to the larger one.
        buffer = fresh(total + LINE);
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
/// This buffer is taken, too: where two graphs run at once, one of them gets a buffer of its own.
pub(super) fn lend_to_node<R>(which: OfNode, length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = std::mem::take(&mut *shelf(which));
    if buffer.len() < length + LINE {
        // Nothing in it is worth copying to the larger one, which is not to stand beside it.
        drop(buffer);
        buffer = fresh(length + LINE);
    }
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>());
    let answer = work(&mut buffer[start..][..length]);
    *shelf(which) = buffer;
    answer
}
