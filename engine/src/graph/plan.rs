//! The memory plan: which buffer holds which value, and how much that is, before anything runs.

use super::{Graph, Node, NodeId};

/// Buffers ("slots") and the value that each node writes to which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Bytes of every slot: first those that values take in turn, then those of values that are kept, one for each.
    pub bytes: Vec<u64>,
    /// How many are taken in turn.
    pub turns: usize,
    /// The slot of each node's value.
    pub slot_of: Vec<usize>,
    /// The last node that reads each value; for outputs the end of the graph.
    pub last_use: Vec<NodeId>,
}

impl Slots {
    /// All slots that are taken in turn: the peak, since slots are allocated once and reused.
    pub(crate) fn peak(&self) -> u64 {
        self.bytes[..self.turns].iter().sum()
    }

    /// Bytes of each value that is kept from one run to the next.
    pub(crate) fn kept(&self) -> &[u64] {
        &self.bytes[self.turns..]
    }
}

/// Which values have a slot that no other value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// None but outputs.
    Nothing,
    /// Those that outlast a run.
    Lasting,
    /// All: those that outlast a run, and the others as if they were outputs.
    All,
}

/// Values that live at the same time, or are kept, never share a slot; a value takes the free slot that fits it
/// most closely, or grows the largest free one, or opens a new one.
///
/// `bytes` tells a value's size on the device; `in_place`, whether a node can write over its first input, whose slot it then
/// takes where nothing reads that input later.
pub(crate) fn plan(
    graph: &Graph,
    bytes: impl Fn(NodeId) -> u64,
    keep: Keep,
    in_place: impl Fn(&Node) -> bool,
) -> Slots {
    let lasting = graph.lasting();
    let is_kept = |id| keep != Keep::Nothing && lasting.is_kept(id);
    let last_use = last_uses(graph, keep == Keep::All);
    let mut slots: Vec<u64> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut slot_of = vec![usize::MAX; graph.nodes().len()];
    for (id, node) in graph.nodes().iter().enumerate() {
        let is_over = |&input: &NodeId| last_use[input] == id && !is_kept(input);
        let mut dying: Vec<NodeId> = node.inputs.iter().copied().filter(is_over).collect();
        dying.sort_unstable();
        dying.dedup();
        let first = node.inputs.first().copied().filter(|first| in_place(node) && dying.contains(first));
        let over = first.filter(|first| !is_kept(id) && bytes(*first) == bytes(id));
        if let Some(first) = over {
            slot_of[id] = slot_of[first];
            dying.retain(|input| *input != first);
        } else if !is_kept(id) {
            slot_of[id] = take(&mut slots, &mut free, bytes(id));
        }
        // An input's slot is free only after this node has run: no other is read and written at once.
        free.extend(dying.into_iter().map(|input| slot_of[input]));
    }
    let turns = slots.len();
    for id in (0..slot_of.len()).filter(|id| is_kept(*id)) {
        slot_of[id] = slots.len();
        slots.push(bytes(id));
    }
    Slots { bytes: slots, turns, slot_of, last_use }
}

/// The slot of a value of `need` bytes, no longer free.
fn take(slots: &mut Vec<u64>, free: &mut Vec<usize>, need: u64) -> usize {
    let slot = match choose(slots, free, need) {
        Some(place) => free.swap_remove(place),
        None => {
            slots.push(0);
            slots.len() - 1
        }
    };
    slots[slot] = slots[slot].max(need);
    slot
}

/// A slot more than this many times as large as a value is kept for larger values: the moments of a
/// norm would hold it just where the norm's own value needs it.
const TOO_LARGE: u64 = 64;

/// The place in `free` of the smallest slot that is large enough, else of the largest.
fn choose(slots: &[u64], free: &[usize], need: u64) -> Option<usize> {
    let candidates = || (0..free.len()).filter(|&place| slots[free[place]] <= TOO_LARGE * need);
    let fits = candidates().filter(|&place| slots[free[place]] >= need);
    fits.min_by_key(|&place| slots[free[place]])
        .or_else(|| candidates().max_by_key(|&place| slots[free[place]]))
}

fn last_uses(graph: &Graph, keep_all: bool) -> Vec<NodeId> {
    let end = graph.nodes().len();
    let mut last: Vec<NodeId> = if keep_all { vec![end; end] } else { (0..end).collect() };
    if !keep_all {
        for (id, node) in graph.nodes().iter().enumerate() {
            node.inputs.iter().for_each(|&input| last[input] = id);
        }
    }
    graph.outputs().iter().for_each(|&output| last[output] = end);
    last
}
