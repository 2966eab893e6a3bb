//! Weights that stay as products want them, where a graph is run often and there is memory for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use half::f16;
use half::slice::HalfFloatSliceExt;

#[cfg(target_arch = "x86_64")]
use super::x86;

/// Words in a cache line: a panel starts at one, since a vector load across two lines costs two.
const LINE: usize = 16;

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
        match self {
            Self::Words => (words + LINE) * size_of::<f32>(),
            Self::Halves => words * size_of::<f16>(),
        }
    }
}

/// The words of one panel.
#[derive(Debug)]
enum Panel {
    Words(Box<[f32]>),
    Halves(Box<[f16]>),
}

impl Panel {
    fn new(words: &[f32], form: Form) -> Self {
        match form {
            Form::Words => {
                let mut kept = vec![0.0; words.len() + LINE].into_boxed_slice();
                let start = first_line(&kept);
                kept[start..][..words.len()].copy_from_slice(words);
                Self::Words(kept)
            }
            Form::Halves => {
                let mut kept = vec![f16::ZERO; words.len()].into_boxed_slice();
                kept.convert_from_f32_slice(words);
                Self::Halves(kept)
            }
        }
    }

    /// As it is multiplied, in `space` where it is not kept so.
    fn words<'a>(&'a self, space: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::Words(kept) => &kept[first_line(kept)..][..kept.len() - LINE],
            Self::Halves(kept) => {
                let words = &mut space[..kept.len()];
                widen(kept, words);
                words
            }
        }
    }
}

/// The panels of one weight.
#[derive(Debug)]
pub(super) struct Kept {
    /// `[blocks of depth][panels]`, each made by the first task that needs it.
    panels: Vec<OnceLock<Panel>>,
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
        Self { panels, made: AtomicUsize::new(0), in_block, words, form }
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
        let ([weights, space], mut is_last) = (spaces, false);
        let kept = self.panels[block * self.in_block + panel].get_or_init(|| {
            is_last = self.made.fetch_add(1, Ordering::Relaxed) + 1 == self.panels.len();
            Panel::new(make([&mut *weights, space]), self.form)
        });
        if is_last {
            complete();
        }
        kept.words(weights)
    }

    /// Bytes of the panels that are not made yet.
    pub(super) fn missing_bytes(&self) -> u64 {
        let missing = |block: &[OnceLock<Panel>]| block.iter().filter(|panel| panel.get().is_none()).count();
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
        Some(((id, Layout::Plain), Kept::new([bytes / 4 - LINE].into_iter(), 1, Form::Words)))
    }

    #[test]
    fn programs_share_what_is_kept_until_the_last_is_gone() {
        let store = Store::default();
        let first = store.room(vec![of(1, 400), None, of(2, 200), of(1, 400)], 600).unwrap();
        assert_eq!(missing_bytes(&first), 600);
        assert!(first[1].is_none() && Arc::ptr_eq(first[0].as_ref().unwrap(), first[3].as_ref().unwrap()));
        let second = store.room(vec![of(2, 200), of(3, 80)], 80).unwrap();
        assert!(Arc::ptr_eq(first[2].as_ref().unwrap(), second[0].as_ref().unwrap()));
        drop(first);
        assert!(store.room(vec![of(1, 400), of(2, 200)], 399).is_none());
        assert_eq!(missing_bytes(&store.room(vec![of(1, 400), of(2, 200)], 400).unwrap()), 600);
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
    fn words_that_are_multiplied_where_they_lie_begin_at_a_cache_line() {
        let panel = Panel::new(&[1.0; 40], Form::Words);
        let words = panel.words(&mut []);
        assert_eq!((words, words.as_ptr().align_offset(64)), (&[1.0; 40][..], 0));
    }
}
