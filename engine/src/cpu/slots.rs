//! Memory for the values of a run: one block for all slots.
//!
//! The system clears memory that it hands out, which can take as long as the norms of a VAE; so a block is kept for the
//! next run that needs as much: the next step, the next strip. A backend keeps one, and a run that needs another size
//! has that one go first, so that text encoder, UNet and VAE do not add up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::Zeroable;

use crate::memory::Memory;
use crate::{Error, Result};

/// Bytes of a block that is kept while nothing is drawn, at most.
pub(super) const SMALL: usize = 64 << 20;
/// Every slot starts at a cache line: bytes of one.
const LINE: usize = 64;

/// A cache line.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
pub(super) struct Line([f32; LINE / size_of::<f32>()]);

/// The block that is kept, for all programs of a backend: one at a time.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Option<Vec<Line>>>);

/// A block for one run, which goes back to its shelf.
pub(super) struct Lent<'a> {
    shelf: &'a Shelf,
    /// There until the end.
    block: Option<Vec<Line>>,
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
        // One of another size goes before the new one comes; what was predicted leaves room for a little more.
        let fits = total..=SMALL.max(total + total / 16);
        let kept = self.kept().take().filter(|block| fits.contains(&size_of_val(block.as_slice())));
        let block = kept.map_or_else(|| cleared(total), Ok)?;
        Ok(Lent { shelf: self, block: Some(block), bytes })
    }

    /// Gives a large block back to the system.
    pub(super) fn rest(&self) {
        let _ = self.kept().take_if(|block| size_of_val(block.as_slice()) > SMALL);
    }

    fn kept(&self) -> MutexGuard<'_, Option<Vec<Line>>> {
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

/// So many bytes, in whole lines, of zeros.
///
/// # Errors
/// [`Error::Memory`] where the system has none.
pub(super) fn cleared(bytes: usize) -> Result<Vec<Line>> {
    let (mut block, lines) = (Vec::new(), bytes.div_ceil(LINE));
    let none = |_| Error::Memory { device: "the CPU".into(), need: bytes as u64, have: Memory::now().free };
    block.try_reserve_exact(lines).map_err(none)?;
    block.resize(lines, Line::zeroed());
    Ok(block)
}

/// The slots of a block, in order.
pub(super) fn split<'a>(block: &'a mut [Line], bytes: &[usize]) -> Vec<&'a mut [f32]> {
    let mut rest: &mut [u8] = bytemuck::cast_slice_mut(block);
    let slot = |bytes: &usize| {
        let (slot, after) = std::mem::take(&mut rest).split_at_mut(*bytes);
        rest = after;
        bytemuck::cast_slice_mut(slot)
    };
    bytes.iter().map(slot).collect()
}

impl Lent<'_> {
    /// All slots, in order.
    pub(super) fn slots(&mut self) -> Vec<&mut [f32]> {
        split(self.block.as_deref_mut().unwrap_or_default(), &self.bytes)
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
    fn a_large_block_is_kept_for_its_like_alone_and_until_it_is_given_back() {
        let (shelf, large) = (Shelf::default(), 2 * SMALL as u64);
        let kept = |shelf: &Shelf| shelf.kept().as_ref().map(|block| block.len() * LINE);
        drop(shelf.lend(&[large]).expect("memory"));
        drop(shelf.lend(&[large - large / 32]).expect("memory"));
        assert_eq!(kept(&shelf), Some(2 * SMALL), "a little less finds room in it");
        drop(shelf.lend(&[large / 4]).expect("memory"));
        assert_eq!(kept(&shelf), Some(SMALL / 2), "much less has it go");
        shelf.rest();
        assert_eq!(kept(&shelf), Some(SMALL / 2), "a small one stays");
        drop(shelf.lend(&[large]).expect("memory"));
        shelf.rest();
        assert_eq!(kept(&shelf), None);
    }

    #[test]
    fn more_than_there_is_is_an_error_in_words() {
        let error = Shelf::default().lend(&[1 << 60]).err().expect("no machine has that").to_string();
        assert!(error.contains("on the CPU"), "{error}");
    }
}
