//! Memory for the values of a run: one block for all slots.
//!
//! The system clears memory that it hands out, page by page as each is first written, which can take as long as the norms
//! of a VAE; so a block is kept for the next runs: the next step, the next strip, the next picture. A backend keeps one,
//! and a run that needs more has that one go first, so that text encoder, UNet and VAE do not add up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::allocation::try_zeroed_slice_box;

use super::huge_pages;
use crate::memory::Memory;
use crate::{Error, Result};

/// Bytes of a block that is kept while nothing is drawn, at most.
pub(super) const SMALL: usize = 64 << 20;
/// Every slot starts at a cache line: bytes of one.
const LINE: usize = 64;

/// Memory for slots, from a cache line on.
#[derive(Debug)]
pub(super) struct Block {
    numbers: Box<[f32]>,
    bytes: usize,
}

/// The block that is kept, for all programs of a backend: one at a time.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Option<Block>>);

/// A block for one run, which goes back to its shelf.
pub(super) struct Lent<'a> {
    shelf: &'a Shelf,
    /// There until the end.
    block: Option<Block>,
    bytes: Vec<usize>,
}

impl Shelf {
    /// Memory for slots of so many bytes, with anything in it.
    ///
    /// # Errors
    /// [`Error::Memory`] where the system has none.
    pub(super) fn lend(&self, slots: &[u64]) -> Result<Lent<'_>> {
        let bytes = in_lines(slots);
        let total = total(&bytes);
        // One that is too small goes before the new one comes.
        let kept = self.kept().take().filter(|block| block.bytes() >= total);
        let block = kept.map_or_else(|| Block::new(total), Ok)?;
        Ok(Lent { shelf: self, block: Some(block), bytes })
    }

    /// Gives a large block back to the system.
    pub(super) fn rest(&self) {
        let _ = self.kept().take_if(|block| block.bytes() > SMALL);
    }

    fn kept(&self) -> MutexGuard<'_, Option<Block>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of each slot, to the next line.
pub(super) fn in_lines(slots: &[u64]) -> Vec<usize> {
    slots.iter().map(|bytes| (*bytes as usize).next_multiple_of(LINE)).collect()
}

/// Bytes of a block for slots of so many bytes.
pub(super) fn total(bytes: &[usize]) -> usize {
    bytes.iter().sum::<usize>().max(LINE)
}

impl Block {
    /// So many bytes, in whole lines, of zeros.
    ///
    /// # Errors
    /// [`Error::Memory`] where the system has none.
    pub(super) fn new(bytes: usize) -> Result<Self> {
        let bytes = bytes.next_multiple_of(LINE);
        let none =
            |()| Error::Memory { device: "the CPU".into(), need: bytes as u64, have: Memory::now().free };
        // One line more, since the first number may be within one: of numbers the system's zeros are taken as they are.
        let mut numbers = try_zeroed_slice_box((bytes + LINE) / size_of::<f32>()).map_err(none)?;
        huge_pages::ask_for(&mut numbers);
        Ok(Self { numbers, bytes })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The slots of so many bytes each, in order.
    pub(super) fn slots(&mut self, bytes: &[usize]) -> Vec<&mut [f32]> {
        let start = self.numbers.as_ptr().align_offset(LINE);
        let mut rest = &mut self.numbers[start..];
        let slot = |bytes: &usize| {
            let (slot, after) = std::mem::take(&mut rest).split_at_mut(bytes / size_of::<f32>());
            rest = after;
            slot
        };
        bytes.iter().map(slot).collect()
    }
}

impl Lent<'_> {
    /// All slots, in order.
    pub(super) fn slots(&mut self) -> Vec<&mut [f32]> {
        self.block.as_mut().map_or_else(Vec::new, |block| block.slots(&self.bytes))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        *self.shelf.kept() = self.block.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(lent: &mut Lent<'_>) -> *const f32 {
        lent.slots()[0].as_ptr()
    }

    #[test]
    fn slots_are_apart_and_begin_at_lines() {
        let shelf = Shelf::default();
        let mut lent = shelf.lend(&[4, 0, 400, 64]).expect("memory");
        let slots = lent.slots();
        assert_eq!(slots.iter().map(|slot| slot.len()).collect::<Vec<_>>(), [16, 0, 112, 16]);
        assert!(slots.iter().all(|slot| slot.as_ptr().align_offset(LINE) == 0));
        slots.into_iter().enumerate().for_each(|(i, slot)| slot.fill(i as f32));
        assert!(lent.slots().iter().enumerate().all(|(i, slot)| slot.iter().all(|x| *x == i as f32)));
    }

    #[test]
    fn two_runs_at_once_have_each_their_own_and_the_next_has_what_they_left() {
        let shelf = Shelf::default();
        let mut first = shelf.lend(&[4096, 4096]).expect("memory");
        let mut second = shelf.lend(&[8192]).expect("memory");
        let place = start(&mut first);
        assert_ne!(place, start(&mut second));
        first.slots()[0].fill(1.0);
        drop(second);
        drop(first);
        let mut again = shelf.lend(&[64, 4096]).expect("memory");
        assert_eq!((start(&mut again), again.slots()[0][0]), (place, 1.0));
    }

    #[test]
    fn a_block_is_kept_for_what_fits_into_it_until_it_is_given_back() {
        let (shelf, large) = (Shelf::default(), 2 * SMALL as u64);
        let kept = |shelf: &Shelf| shelf.kept().as_ref().map(Block::bytes);
        drop(shelf.lend(&[large]).expect("memory"));
        drop(shelf.lend(&[large / 4]).expect("memory"));
        assert_eq!(kept(&shelf), Some(2 * SMALL), "less finds room in it");
        drop(shelf.lend(&[2 * large]).expect("memory"));
        assert_eq!(kept(&shelf), Some(4 * SMALL), "more has it go");
        shelf.rest();
        assert_eq!(kept(&shelf), None);
        drop(shelf.lend(&[large / 4]).expect("memory"));
        shelf.rest();
        assert_eq!(kept(&shelf), Some(SMALL / 2), "a small one stays");
    }

    #[test]
    fn more_than_there_is_is_an_error_in_words() {
        let error = Shelf::default().lend(&[1 << 60]).err().expect("no machine has that").to_string();
        assert!(error.contains("on the CPU"), "{error}");
    }
}
