//! Weights that stay as products want them, where a graph is run often and there is memory for it.

use std::collections::HashMap;
use std::ops::Range;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::{MmapMut, MmapRaw};

use super::huge_pages;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Bytes of a cache line: a panel starts at one, since a vector load across two lines costs two.
const LINE: usize = 64;

/// As what the words of panels stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are multiplied.
    Words,
    /// As halves, where every word is one exactly: half the memory, and little time beside that of products.
    Halves,
}

impl Form {
    /// Bytes of so many words.
    fn bytes(self, words: usize) -> usize {
        let one = match self {
            Self::Words => size_of::<f32>(),
            Self::Halves => size_of::<f16>(),
        };
        (words * one).next_multiple_of(LINE)
    }
}

/// The panels of one weight.
#[derive(Debug)]
pub(super) struct Kept {
    /// All panels, in memory that the system gives and takes back by itself: an allocator would keep it. None where the
    /// system has no more.
    memory: OnceLock<Option<MmapRaw>>,
    /// `[blocks of depth][panels]`, each made by the first task that needs it.
    panels: Vec<OnceLock<()>>,
    made: AtomicUsize,
    in_block: usize,
    /// Words of a panel of each block.
    words: Vec<usize>,
    form: Form,
}

impl Kept {
    /// Room for `in_block` panels in each block of depth, which have so many words.
    pub(super) fn new(words: impl Iterator<Item = usize>, in_block: usize, form: Form) -> Self {
        let words: Vec<usize> = words.collect();
        let panels = (0..words.len() * in_block).map(|_| OnceLock::new()).collect();
        Self { memory: OnceLock::new(), panels, made: AtomicUsize::new(0), in_block, words, form }
    }

    /// Whether these panels are among them.
    pub(super) fn has(&self, block: usize) -> bool {
        block < self.words.len()
    }

    /// A panel's words. Where there is none yet, it is what `make` gives, for which it has the `spaces`; once no panel
    /// is missing, the weight itself is not read again, and `complete` is told so.
    pub(super) fn panel<'a>(
        &'a self,
        (block, panel): (usize, usize),
        spaces: [&'a mut [f32]; 2],
        make: impl for<'m> FnOnce([&'m mut [f32]; 2]) -> &'m [f32],
        complete: impl FnOnce(),
    ) -> &'a [f32] {
        let [weights, space] = spaces;
        let Some(memory) = self.memory() else { return make([weights, space]) };
        let (Range { start, end }, mut is_last) = (self.place(block, panel), false);
        assert!(panel < self.in_block && end <= memory.len(), "a panel outside of its memory");
        self.panels[block * self.in_block + panel].get_or_init(|| {
            let words = make([&mut *weights, space]);
            // SAFETY: within the mapping by the assertion, and no other panel's; it is written here alone, and read after that.
            let place = unsafe { slice::from_raw_parts_mut(memory.as_mut_ptr().add(start), end - start) };
            self.write(words, place);
            is_last = self.made.fetch_add(1, Ordering::Relaxed) + 1 == self.panels.len();
        });
        if is_last {
            complete();
        }
        // SAFETY: as above, and it stays as it is.
        let place = unsafe { slice::from_raw_parts(memory.as_ptr().add(start), end - start) };
        self.read((place, self.words[block]), weights)
    }

    /// Memory for all panels, taken when the first is made.
    fn memory(&self) -> Option<&MmapRaw> {
        let take = || {
            let mut memory = MmapMut::map_anon(self.place(self.words.len(), 0).start.max(LINE)).ok()?;
            huge_pages::ask_for(bytemuck::cast_slice_mut(&mut memory));
            Some(MmapRaw::from(memory))
        };
        self.memory.get_or_init(take).as_ref()
    }

    /// The bytes of a panel, or where it would begin.
    fn place(&self, block: usize, panel: usize) -> Range<usize> {
        let before: usize = self.words[..block].iter().map(|words| self.form.bytes(*words)).sum();
        let own = self.words.get(block).map_or(0, |words| self.form.bytes(*words));
        let start = before * self.in_block + panel * own;
        start..start + own
    }

    fn write(&self, words: &[f32], place: &mut [u8]) {
        match self.form {
            Form::Words => bytemuck::cast_slice_mut(place)[..words.len()].copy_from_slice(words),
            Form::Halves => {
                bytemuck::cast_slice_mut::<_, f16>(place)[..words.len()].convert_from_f32_slice(words);
            }
        }
    }

    /// As it is multiplied, in `space` where it is not kept so.
    fn read<'a>(&self, (place, words): (&'a [u8], usize), space: &'a mut [f32]) -> &'a [f32] {
        match self.form {
            Form::Words => &bytemuck::cast_slice(place)[..words],
            Form::Halves => {
                widen(&bytemuck::cast_slice(place)[..words], &mut space[..words]);
                &space[..words]
            }
        }
    }

    /// Bytes of the panels that are not made yet.
    pub(super) fn missing_bytes(&self) -> u64 {
        let missing = |block: &[OnceLock<()>]| block.iter().filter(|panel| panel.get().is_none()).count();
        let blocks = self.panels.chunks(self.in_block.max(1)).zip(&self.words);
        blocks.map(|(block, words)| (missing(block) * self.form.bytes(*words)) as u64).sum()
    }
}

/// Halves as numbers, in one loop where `half` calls a function for each eight.
fn widen(halves: &[f16], numbers: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    let done = if is_x86_feature_detected!("avx") && is_x86_feature_detected!("f16c") {
        // SAFETY: the processor has the instructions.
        unsafe { x86::widen(halves, numbers) }
    } else {
        0
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    halves[done..].convert_to_f32_slice(&mut numbers[done..]);
}

/// How panels are laid out: how a weight is used depends on the picture's size, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Layout {
    /// Outputs side by side.
    Plain,
    /// Gates beside values.
    Gated,
    /// As Winograd's F(2×2, 3×3) wants them.
    Twos,
    /// The same for a doubled picture.
    Doubled,
    /// As F(4×4, 3×3) does.
    Fours,
}

impl Layout {
    /// Whether panels hold other numbers than the weight, and more of them.
    pub(super) fn is_transformed(self) -> bool {
        matches!(self, Self::Twos | Self::Fours)
    }
}

/// What tells the panels of one weight from those of another: its id, and their layout.
pub(super) type KeptKey = (u64, Layout);

/// The weights that programs of one backend keep. It does not keep them alive: programs do.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<HashMap<KeptKey, Weak<Kept>>>);

impl Store {
    /// Room for the panels of all `wanted`, shared with the programs that have it already; `None` where what is new takes
    /// more than `most` bytes.
    pub(super) fn room(
        &self,
        wanted: Vec<Option<(KeptKey, Kept)>>,
        most: u64,
    ) -> Option<Vec<Option<Arc<Kept>>>> {
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
            return None;
        }
        store.extend(new.into_iter().map(|(key, kept)| (key, Arc::downgrade(&kept))));
        Some(found)
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

    /// Room for a weight that takes so many bytes.
    fn of(id: u64, bytes: usize) -> Option<(KeptKey, Kept)> {
        Some(((id, Layout::Plain), Kept::new([bytes / 4].into_iter(), 1, Form::Words)))
    }

    #[test]
    fn programs_share_what_is_kept_until_the_last_is_gone() {
        let store = Store::default();
        let first = store.room(vec![of(1, 384), None, of(2, 192), of(1, 384)], 576).unwrap();
        assert_eq!(missing_bytes(&first), 576);
        assert!(first[1].is_none() && Arc::ptr_eq(first[0].as_ref().unwrap(), first[3].as_ref().unwrap()));
        let second = store.room(vec![of(2, 192), of(3, 64)], 64).unwrap();
        assert!(Arc::ptr_eq(first[2].as_ref().unwrap(), second[0].as_ref().unwrap()));
        drop(first);
        assert!(store.room(vec![of(1, 384), of(2, 192)], 383).is_none());
        assert_eq!(missing_bytes(&store.room(vec![of(1, 384), of(2, 192)], 384).unwrap()), 576);
    }

    /// A panel of the numbers from 0 on, and whether it was the last to be made.
    fn panel(kept: &Kept, at: (usize, usize), is_new: bool) -> bool {
        let right: Vec<f32> = (0..kept.words[at.0]).map(|i| i as f32).collect();
        let (mut spaces, mut completed) = ([[0.0; 64]; 2], false);
        let [weights, space] = &mut spaces;
        let words = kept.panel(
            at,
            [weights, space],
            |[weights, _]| {
                assert!(is_new, "it is there");
                weights[..right.len()].copy_from_slice(&right);
                &weights[..right.len()]
            },
            || completed = true,
        );
        assert_eq!(words, right, "{:?}, {at:?}", kept.form);
        completed
    }

    #[test]
    fn a_panel_is_made_once_and_whoever_makes_the_last_is_told() {
        for form in [Form::Words, Form::Halves] {
            let kept = Kept::new([64, 32].into_iter(), 2, form);
            assert!(![(0, 0), (1, 1), (0, 1)].map(|at| panel(&kept, at, true)).contains(&true));
            assert_eq!(kept.missing_bytes(), form.bytes(32) as u64);
            assert!(!panel(&kept, (1, 1), false));
            assert!(panel(&kept, (1, 0), true) && !panel(&kept, (0, 0), false));
            assert_eq!(kept.missing_bytes(), 0);
        }
    }

    #[test]
    fn every_half_is_widened_as_half_widens_it() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for count in [halves.len(), 35, 7] {
            let (halves, mut numbers) = (&halves[halves.len() - count..], vec![f32::NAN; count]);
            widen(halves, &mut numbers);
            for (half, number) in halves.iter().zip(numbers) {
                let is_same = number.to_bits() == half.to_f32().to_bits();
                assert!(is_same || number.is_nan() && half.is_nan(), "{:#06x}", half.to_bits());
            }
        }
    }

    #[test]
    fn panels_begin_at_cache_lines() {
        let kept = Kept::new([40, 24].into_iter(), 2, Form::Words);
        for at in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut spaces = [[0.0; 64]; 2];
            let [weights, space] = &mut spaces;
            let words = kept.panel(at, [weights, space], |[weights, _]| &weights[..kept.words[at.0]], || {});
            assert_eq!((words.len(), words.as_ptr().align_offset(LINE)), (kept.words[at.0], 0));
        }
    }

    #[test]
    fn what_is_mapped_is_what_was_missing() {
        for form in [Form::Words, Form::Halves] {
            let kept = Kept::new([640 * 64, 32 * 64].into_iter(), 3, form);
            let missing = kept.missing_bytes();
            assert_eq!(kept.memory().expect("memory").len() as u64, missing);
        }
    }

    #[test]
    fn where_the_system_has_no_memory_panels_are_made_every_time() {
        let kept = Kept::new([1 << 58].into_iter(), 1, Form::Words);
        for number in [1.0, 2.0] {
            let mut spaces = [[number; 64]; 2];
            let [weights, space] = &mut spaces;
            let words = kept.panel((0, 0), [weights, space], |[weights, _]| weights, || unreachable!());
            assert_eq!(words, [number; 64]);
        }
    }
}
