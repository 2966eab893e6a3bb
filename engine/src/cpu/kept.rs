//! Weights that stay as products want them, where a graph is run often and there is memory for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Words in a cache line: a panel starts at one, since a vector load across two lines costs two.
const LINE: usize = 16;

/// The panels of one weight.
#[derive(Debug)]
pub(super) struct Kept {
    /// `[blocks of depth][panels]`, each made by the first task that needs it.
    panels: Vec<OnceLock<Box<[f32]>>>,
    in_block: usize,
    /// Words of a panel of each block, with those before its first cache line.
    words: Vec<usize>,
}

impl Kept {
    /// Room for `in_block` panels in each block of depth, which have so many words.
    pub(super) fn new(words: impl Iterator<Item = usize>, in_block: usize) -> Self {
        let words: Vec<usize> = words.map(|words| words + LINE).collect();
        let panels = (0..words.len() * in_block).map(|_| OnceLock::new()).collect();
        Self { panels, in_block, words }
    }

    /// A panel; where there is none yet, a copy of what `make` gives.
    pub(super) fn panel<'m>(&self, block: usize, panel: usize, make: impl FnOnce() -> &'m [f32]) -> &[f32] {
        let kept = self.panels[block * self.in_block + panel].get_or_init(|| {
            let made = make();
            let mut kept = vec![0.0; made.len() + LINE].into_boxed_slice();
            let start = first_line(&kept);
            kept[start..][..made.len()].copy_from_slice(made);
            kept
        });
        &kept[first_line(kept)..][..kept.len() - LINE]
    }

    /// Bytes of the panels that are not made yet.
    pub(super) fn missing_bytes(&self) -> u64 {
        let missing =
            |block: &[OnceLock<Box<[f32]>>]| block.iter().filter(|panel| panel.get().is_none()).count();
        let blocks = self.panels.chunks(self.in_block.max(1)).zip(&self.words);
        blocks.map(|(block, words)| (missing(block) * words * size_of::<f32>()) as u64).sum()
    }
}

/// Where the first cache line begins.
fn first_line(words: &[f32]) -> usize {
    words.as_ptr().align_offset(LINE * size_of::<f32>())
}

/// How panels are laid out: how a weight is used depends on the picture's size, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Layout {
    /// Outputs side by side.
    Plain,
    /// Gates beside values.
    Gated,
    /// As Winograd's products along lines want them.
    Lines,
}

/// What tells the panels of one weight from those of another: its id, and their layout.
pub(super) type KeptKey = (u64, Layout);

/// The weights that programs of one backend keep. It does not keep them alive: programs do.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<HashMap<KeptKey, Weak<Kept>>>);

impl Store {
    /// Room for the panels of all `wanted`, shared with the programs that have it already; none where what is new takes
    /// more than `most` bytes.
    pub(super) fn room(&self, wanted: Vec<Option<(KeptKey, Kept)>>, most: u64) -> Vec<Option<Arc<Kept>>> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        store.retain(|_, kept| kept.strong_count() > 0);
        let mut new: HashMap<KeptKey, Arc<Kept>> = HashMap::new();
        let find = |wanted: Option<(KeptKey, Kept)>| {
            let (key, room) = wanted?;
            let known = store.get(&key).and_then(Weak::upgrade);
            Some(known.unwrap_or_else(|| new.entry(key).or_insert_with(|| Arc::new(room)).clone()))
        };
        let found: Vec<Option<Arc<Kept>>> = wanted.into_iter().map(find).collect();
        if new.values().map(|kept| kept.missing_bytes()).sum::<u64>() > most {
            return vec![None; found.len()];
        }
        store.extend(new.into_iter().map(|(key, kept)| (key, Arc::downgrade(&kept))));
        found
    }
}

/// Bytes that panels will still take, each weight counted once.
pub(super) fn missing_bytes(kept: &[Option<Arc<Kept>>]) -> u64 {
    let each: HashMap<*const Kept, u64> =
        kept.iter().flatten().map(|kept| (Arc::as_ptr(kept), kept.missing_bytes())).collect();
    each.values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: u64, words: usize) -> Option<(KeptKey, Kept)> {
        Some(((id, Layout::Plain), Kept::new([words - LINE].into_iter(), 1)))
    }

    #[test]
    fn programs_share_what_is_kept_until_the_last_is_gone() {
        let store = Store::default();
        let first = store.room(vec![of(1, 100), None, of(2, 50), of(1, 100)], 600);
        assert_eq!(missing_bytes(&first), 600);
        assert!(first[1].is_none() && Arc::ptr_eq(first[0].as_ref().unwrap(), first[3].as_ref().unwrap()));
        let second = store.room(vec![of(2, 50), of(3, 20)], 80);
        assert!(Arc::ptr_eq(first[2].as_ref().unwrap(), second[0].as_ref().unwrap()));
        drop(first);
        assert!(store.room(vec![of(1, 100), of(2, 50)], 399).iter().all(Option::is_none));
        assert_eq!(missing_bytes(&store.room(vec![of(1, 100), of(2, 50)], 400)), 600);
    }

    #[test]
    fn a_panel_is_made_once_and_begins_at_a_cache_line() {
        let kept = Kept::new([64, 32].into_iter(), 2);
        let made: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let first = kept.panel(1, 1, || &made);
        assert_eq!((first, first.as_ptr().align_offset(64)), (&made[..], 0));
        let again = kept.panel(1, 1, || unreachable!("it is there"));
        assert_eq!(first.as_ptr(), again.as_ptr());
        assert_eq!(kept.missing_bytes(), 2 * (64 + 16) * 4 + (32 + 16) * 4);
    }
}
