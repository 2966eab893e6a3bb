//! Draws and writes planned files, several tensors at a time.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use half::f16;
use rayon::prelude::*;

use super::initializer::{self, Initializer};
use super::plan::{Content, FilePlan, Planned, Segment};
use super::{OnProgress, SynthProgress};
use crate::error::{Error, Result};
use crate::weights::View;

/// Values between two writes: what a thread holds in memory.
const BLOCK: usize = 1 << 20;

/// Writes files and tells of progress.
pub(super) struct Writer<'a> {
    done: AtomicU64,
    total: u64,
    progress: &'a OnProgress<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(total: u64, progress: &'a OnProgress<'a>) -> Self {
        Self { done: AtomicU64::new(0), total, progress }
    }

    /// Writes a file that must not exist yet. Every tensor's place is known beforehand, so each is drawn
    /// and written on its own, and the file is the same whatever the number of threads.
    pub(super) fn write(&self, path: &Path, plan: &FilePlan) -> Result<()> {
        let failed = |source| Error::Write { file: path.to_path_buf(), source };
        let mut file = File::create_new(path).map_err(failed)?;
        file.write_all(&plan.head).map_err(failed)?;
        // The full length at once: a disk that is too small may say so now.
        file.set_len(plan.size()).map_err(failed)?;
        self.advance(plan.head.len())?;
        plan.tensors.par_iter().try_for_each(|tensor| {
            let mut file = File::options().write(true).open(path).map_err(failed)?;
            file.seek(SeekFrom::Start(tensor.offset)).map_err(failed)?;
            self.tensor(tensor, &mut |bytes| file.write_all(bytes).map_err(failed))
        })
    }

    fn tensor(&self, tensor: &Planned, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match &tensor.content {
            Content::Fixed(bytes) => {
                put(bytes)?;
                self.advance(bytes.len())
            }
            Content::Drawn(pieces) => pieces.iter().try_for_each(|piece| self.piece(piece, put)),
        }
    }

    fn piece(&self, piece: &Segment, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let (View::Transposed, [rows, columns]) = (piece.view, &piece.shape[..]) {
            let values = initializer::values(&piece.name, &piece.shape);
            let at = |i: usize| values[i % rows * columns + i / rows];
            let turned: Vec<f16> = (0..values.len()).map(at).collect();
            put(&little_endian(&turned))?;
            return self.advance(2 * values.len());
        }
        let mut values = Initializer::new(&piece.name, &piece.shape);
        let mut left: usize = piece.shape.iter().product();
        let mut block = vec![f16::ZERO; left.min(BLOCK)];
        let mut scratch = Vec::with_capacity(block.len());
        while left > 0 {
            let block = &mut block[..left.min(BLOCK)];
            values.fill(block, &mut scratch);
            put(&little_endian(block))?;
            self.advance(2 * block.len())?;
            left -= block.len();
        }
        Ok(())
    }

    fn advance(&self, bytes: usize) -> Result<()> {
        let done = self.done.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        (self.progress)(SynthProgress { done, total: self.total })
    }
}

fn little_endian(values: &[f16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
