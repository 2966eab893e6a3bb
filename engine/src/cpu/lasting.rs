//! Values that outlast a run: a backend keeps those of one program, the one that had any last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::slots::{self, Block, SMALL};
use crate::Result;
use crate::backend::{HostTensor, LastingInputs};
use crate::graph::Graph;

/// What is kept, for all programs of a backend.
#[derive(Debug, Default)]
pub(super) struct Keeper(Mutex<Option<Values>>);

/// The values of a program, and what they were made of; nothing while they are made.
#[derive(Debug)]
struct Values {
    program: u64,
    block: Block,
    made_of: Option<LastingInputs>,
}

/// Values lent to a run, which go back to their keeper.
pub(super) struct Lent<'a> {
    keeper: &'a Keeper,
    /// None where the program has none; else there until the end.
    values: Option<Values>,
    bytes: Vec<usize>,
}

/// A number that no other program has.
pub(super) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Keeper {
    /// Room for the values of a program, of so many bytes, with what is known of them; those of another program go.
    ///
    /// # Errors
    /// [`crate::Error::Memory`] where the system has none.
    pub(super) fn lend(&self, program: u64, slots: &[u64]) -> Result<Lent<'_>> {
        let bytes = slots::in_lines(slots);
        if slots.is_empty() {
            return Ok(Lent { keeper: self, values: None, bytes });
        }
        let values = self.values().take().filter(|values| values.program == program);
        let new = || Ok(Values { program, block: Block::new(slots::total(&bytes))?, made_of: None });
        let values = Some(values.map_or_else(new, Ok)?);
        Ok(Lent { keeper: self, values, bytes })
    }

    /// Gives a large block back to the system.
    pub(super) fn rest(&self) {
        let _ = self.values().take_if(|values| values.block.bytes() > SMALL);
    }

    fn values(&self) -> MutexGuard<'_, Option<Values>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// Whether they hold for what a run is given. Where they do not, they are to be made.
    pub(super) fn hold(&mut self, graph: &Graph, given: &[(&str, &HostTensor)]) -> bool {
        let Some(values) = &mut self.values else { return false };
        let holds = |made_of: &LastingInputs| made_of.are_those_of(graph, given);
        values.made_of = values.made_of.take().filter(holds);
        values.made_of.is_some()
    }

    /// Forgets what they were made of: all of them are to be made.
    pub(super) fn forget(&mut self) {
        self.values.iter_mut().for_each(|values| values.made_of = None);
    }

    /// Says what they were made of.
    pub(super) fn made_of(&mut self, inputs: LastingInputs) {
        if let Some(values) = &mut self.values {
            values.made_of = Some(inputs);
        }
    }

    /// All slots, in order.
    pub(super) fn slots(&mut self) -> Vec<&mut [f32]> {
        self.values.as_mut().map_or_else(Vec::new, |values| values.block.slots(&self.bytes))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(values) = self.values.take() {
            *self.keeper.values() = Some(values);
        }
    }
}
