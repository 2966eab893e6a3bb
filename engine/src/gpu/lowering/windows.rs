//! Windows of rows: what to do where a value is larger than a binding, or work than a watchdog
//! suffers.

use std::ops::Range;

use super::{Access, Binding, BufferName, Lowering, PackedWeight, Rows, Value};
use crate::{Error, Result};

/// One reading or writing of four bytes counts as much as this many operations.
const WORK_OF_A_WORD: u64 = 8;

impl Lowering<'_> {
    /// Some rows of a value, to be read.
    pub(in crate::gpu) fn read(&self, value: &Value, rows: Range<usize>) -> Rows {
        self.rows(value, rows, Access::Read)
    }

    /// Some rows of a value, to be written.
    pub(in crate::gpu) fn write(&self, value: &Value, rows: Range<usize>) -> Rows {
        self.rows(value, rows, Access::Write)
    }

    fn rows(&self, value: &Value, rows: Range<usize>, access: Access) -> Rows {
        let first = self.aligned_row(value.row_bytes(), rows.start);
        let (offset, end) = (first as u64 * value.row_bytes(), rows.end as u64 * value.row_bytes());
        let binding = Binding::new(BufferName::Value(value.id), offset, end - offset, access);
        Rows { binding, first: first as u32, skip: (rows.start - first) as u32 }
    }

    /// The last row not after `row` at which a binding may start.
    fn aligned_row(&self, row_bytes: u64, row: usize) -> usize {
        row - row % self.aligned_rows(row_bytes)
    }

    /// A binding may start at every so many rows.
    fn aligned_rows(&self, row_bytes: u64) -> usize {
        let mut every = 1;
        while !(every * row_bytes).is_multiple_of(self.facts.alignment) {
            every *= 2;
        }
        every as usize
    }

    /// Cuts `rows` output rows into windows for one dispatch each. `bound` tells which rows of which
    /// values a window binds (its own, and for instance those of the input with a halo around).
    ///
    /// Every window but the last is a multiple of `step` rows (a convolution: the output's width),
    /// as large as bindings and watchdogs allow, and at least one step.
    pub(in crate::gpu) fn windows(
        &self,
        rows: usize,
        step: usize,
        bound: impl Fn(Range<usize>) -> Vec<(Value, Range<usize>)>,
    ) -> Result<Vec<Range<usize>>> {
        let work = self.graph.node_flops(self.node(self.node)).div_ceil(rows as u64).max(1);
        let by_work = (self.facts.most_work / work) as usize;
        let most = rows.div_ceil(step).min((by_work / step).max(1));
        let mut windows: Vec<Range<usize>> = Vec::new();
        while windows.last().map_or(0, |last| last.end) < rows {
            let start = windows.last().map_or(0, |last| last.end);
            let window = |steps: usize| start..(start + steps * step).min(rows);
            let mut steps = most;
            while let Err(error) = self.fits(&bound(window(steps))) {
                if steps == 1 {
                    return Err(error);
                }
                steps = steps.div_ceil(2);
            }
            windows.push(window(steps));
        }
        Ok(windows)
    }

    /// Whether all of these can be bound.
    fn fits(&self, bound: &[(Value, Range<usize>)]) -> Result<()> {
        for (value, rows) in bound {
            let size = self.read(value, rows.clone()).binding.size;
            if size > self.facts.window {
                return Err(Error::Device(format!(
                    "{} lets a kernel bind at most {} bytes of a value, `{}` needs {size} for one line of {}: \
                     try a smaller size or --device cpu",
                    self.facts.name,
                    self.facts.window,
                    self.node(self.node).label,
                    value.shape,
                )));
            }
        }
        Ok(())
    }

    /// Cuts a table into windows of rows that can be bound: `(its rows, their binding)`.
    pub(in crate::gpu) fn table_rows(&self, table: &PackedWeight) -> Vec<(Range<usize>, Binding)> {
        let row_bytes = table.stored.bytes(table.columns) as u64;
        let every = self.aligned_rows(row_bytes);
        let most = (self.facts.window / row_bytes) as usize;
        let step = (most / every * every).max(every);
        let window = |start: usize| {
            let rows = start..(start + step).min(table.rows);
            let (offset, size) = (start as u64 * row_bytes, rows.len() as u64 * row_bytes);
            (rows, Binding { offset, size, ..table.binding.clone() })
        };
        (0..table.rows).step_by(step).map(window).collect()
    }

    /// Shares the current node's work among its dispatches, from the `before`-th on.
    pub(super) fn share_work(&mut self, before: usize) {
        let count = (self.dispatches.len() - before).max(1) as u64;
        let flops = self.graph.node_flops(self.graph.node(self.node)) / count;
        for dispatch in &mut self.dispatches[before..] {
            let words: u64 = dispatch.bindings.iter().map(|binding| binding.size / 4).sum();
            dispatch.work = flops + words * WORK_OF_A_WORD;
        }
    }
}
