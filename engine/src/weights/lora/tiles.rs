//! The lower factor of a difference, laid out for the loop that combines its rows: the CPU makes a
//! difference anew whenever it reads a weight, and in place of the processor's time for a step that may
//! take some hundredths only.

use pulp::{Simd, WithSimd};

/// Columns of a tile: eight of the widest vectors.
const TILE: usize = 128;
/// Numbers of a cache line; a vector across two of them is read at half the speed.
const LINE: usize = 16;
/// Rows of a weight that are changed together, so that a vector that was read is used as often.
pub(super) const TOGETHER: usize = 4;

/// Rows `[rank, columns]`, in tiles `[rank][128]` one after the other, from a cache line's start on. The
/// rows of a matrix would be apart by a power of two too often, and so compete for the same lines.
#[derive(Debug)]
pub(super) struct Tiles {
    numbers: Vec<f32>,
    /// Numbers before the first cache line's start.
    skip: usize,
    rank: usize,
    columns: usize,
}

impl Tiles {
    /// Of rows one after the other.
    pub(super) fn new(rows: &[f32], rank: usize) -> Self {
        let columns = rows.len() / rank;
        let mut numbers = vec![0.0; columns.next_multiple_of(TILE) * rank + LINE];
        let skip = numbers.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        let tiles = numbers[skip..].as_chunks_mut::<TILE>().0.chunks_exact_mut(rank);
        for (tile, first) in tiles.zip((0..columns).step_by(TILE)) {
            for (line, row) in tile.iter_mut().zip(rows.chunks_exact(columns)) {
                let piece = &row[first..columns.min(first + TILE)];
                line[..piece.len()].copy_from_slice(piece);
            }
        }
        Self { numbers, skip, rank, columns }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.numbers[..])
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Adds to pieces of rows, from the `start`-th column on, `factor` times the combinations of the tiles'
    /// rows that `up [rows][rank]` says.
    pub(super) fn add<const ROWS: usize>(
        &self,
        up: [&[f32]; ROWS],
        start: usize,
        factor: f32,
        out: [&mut [f32]; ROWS],
    ) {
        let tiles = self.numbers[self.skip..].as_chunks::<TILE>().0;
        let tiles = &tiles[start / TILE * self.rank..];
        pulp::Arch::new().dispatch(Add { up, tiles, rank: self.rank, within: start % TILE, factor, out });
    }
}

struct Add<'a, const ROWS: usize> {
    up: [&'a [f32]; ROWS],
    tiles: &'a [[f32; TILE]],
    rank: usize,
    /// The first column in the first tile.
    within: usize,
    factor: f32,
    out: [&'a mut [f32]; ROWS],
}

impl<const ROWS: usize> WithSimd for Add<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { up, tiles, rank, mut within, factor, mut out } = self;
        let count = out[0].len();
        let mut done = 0;
        for tile in tiles.chunks_exact(rank) {
            let end = count.min(done + TILE - within);
            if done == end {
                break;
            }
            let piece = out.each_mut().map(|out| &mut out[done..end]);
            add_tile(simd, (&up, tile), within, factor, piece);
            (done, within) = (end, 0);
        }
    }
}

/// Adds one tile's part.
#[inline(always)]
fn add_tile<S: Simd, const ROWS: usize>(
    simd: S,
    (up, tile): (&[&[f32]; ROWS], &[[f32; TILE]]),
    first: usize,
    factor: f32,
    out: [&mut [f32]; ROWS],
) {
    let mut at = first;
    let mut tails = out.map(|out| S::as_mut_simd_f32s(out));
    let vectors = tails[0].0.len();
    let factors = simd.splat_f32s(factor);
    let mut done = 0;
    while done + 2 <= vectors {
        let out = tails.each_mut().map(|(vectors, _)| &mut vectors[done..done + 2]);
        match ROWS {
            1 => add_vectors::<S, ROWS, 2, 4>(simd, (up, tile), at, factors, out),
            _ => add_vectors::<S, ROWS, 2, 1>(simd, (up, tile), at, factors, out),
        }
        (done, at) = (done + 2, at + 2 * S::F32_LANES);
    }
    if done < vectors {
        let out = tails.each_mut().map(|(vectors, _)| &mut vectors[done..done + 1]);
        add_vectors::<S, ROWS, 1, 2>(simd, (up, tile), at, factors, out);
        at += S::F32_LANES;
    }
    for ((_, tail), up) in tails.iter_mut().zip(up) {
        for (i, out) in tail.iter_mut().enumerate() {
            let sum: f32 = tile.iter().zip(*up).map(|(line, up)| line[at + i] * up).sum();
            *out += factor * sum;
        }
    }
}

/// Adds to `N` vectors of each row, in `K` chains of sums: one would wait for its own last addition.
#[inline(always)]
fn add_vectors<S: Simd, const ROWS: usize, const N: usize, const K: usize>(
    simd: S,
    (up, tile): (&[&[f32]; ROWS], &[[f32; TILE]]),
    at: usize,
    factor: S::f32s,
    out: [&mut [S::f32s]; ROWS],
) {
    let mut sums = [[[simd.splat_f32s(0.0); N]; ROWS]; K];
    // Whole groups of `K` lines, then the rest in the first chain.
    let (groups, rest) = tile.as_chunks::<K>();
    for (group, lines) in groups.iter().enumerate() {
        for chain in 0..K {
            let line = S::as_simd_f32s(&lines[chain][at..at + N * S::F32_LANES]).0;
            for row in 0..ROWS {
                let up = simd.splat_f32s(up[row][group * K + chain]);
                for n in 0..N {
                    sums[chain][row][n] = simd.mul_add_e_f32s(up, line[n], sums[chain][row][n]);
                }
            }
        }
    }
    for (k, line) in rest.iter().enumerate() {
        let line = S::as_simd_f32s(&line[at..at + N * S::F32_LANES]).0;
        for row in 0..ROWS {
            let up = simd.splat_f32s(up[row][groups.len() * K + k]);
            for n in 0..N {
                sums[0][row][n] = simd.mul_add_e_f32s(up, line[n], sums[0][row][n]);
            }
        }
    }
    for (row, out) in out.into_iter().enumerate() {
        for n in 0..N {
            let mut sum = sums[0][row][n];
            for more in &sums[1..] {
                sum = simd.add_f32s(sum, more[row][n]);
            }
            out[n] = simd.mul_add_e_f32s(factor, sum, out[n]);
        }
    }
}
