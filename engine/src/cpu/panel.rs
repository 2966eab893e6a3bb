//! Weights as the products want them: a block of 64 outputs, `[depth][64]`, out of `[outputs][depth]`.

use super::functions::vectorised;
use crate::weights::Weight;

/// Outputs of one panel: four vectors of AVX-512, the height of `gemm`'s tile there, so that a panel
/// is multiplied where it lies; and SDXL's channels are multiples of it.
pub(super) const PANEL: usize = 64;

/// Rows of a weight that are transposed together: a whole cache line of each panel row.
pub(super) const ROWS: usize = 16;

/// Rows and columns of a block of the transposition: eight vectors of eight.
const SIDE: usize = 8;

/// Which weights a panel holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs {
    /// The first output.
    pub(super) first: usize,
    /// Outputs, at most [`PANEL`] (for GEGLU half as many).
    pub(super) count: usize,
    /// For GEGLU the outputs in all: as far behind an output's weight stands that of its gate.
    pub(super) gate: Option<usize>,
}

impl Outputs {
    /// The panels that cover `outputs`.
    pub(super) fn nth(panel: usize, outputs: usize, geglu: bool) -> Self {
        let width = Self::width(geglu);
        let first = panel * width;
        Self { first, count: width.min(outputs - first), gate: geglu.then_some(outputs) }
    }

    /// Outputs of a full panel.
    pub(super) fn width(geglu: bool) -> usize {
        if geglu { PANEL / 2 } else { PANEL }
    }

    /// Columns that a product must compute, padding included: whole vectors.
    pub(super) fn columns(&self) -> usize {
        if self.gate.is_some() { PANEL } else { self.count.next_multiple_of(16) }
    }

    /// Every column that has an output, with the weight's row.
    pub(super) fn weight_rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let run =
            |(column, first, count): (usize, usize, usize)| (0..count).map(move |i| (column + i, first + i));
        self.runs().into_iter().flat_map(run)
    }

    /// The weight's rows for each group of columns: `(column, first row, rows)`.
    fn runs(&self) -> [(usize, usize, usize); 2] {
        let gates = self.gate.map_or((0, 0, 0), |gate| (PANEL / 2, gate + self.first, self.count));
        [(0, self.first, self.count), gates]
    }
}

/// Numbers of each weight row that a panel holds, and where in the panel they go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth<P> {
    /// The first of the row.
    pub(super) start: usize,
    /// How many.
    pub(super) count: usize,
    /// From the place in the block to the panel's row.
    pub(super) place: P,
}

/// Fills `panel [count][PANEL]`; columns without an output become zero. `rows` is working space for
/// sixteen rows of `count` numbers.
pub(super) fn fill<P>(weight: &Weight, outputs: Outputs, depth: Depth<P>, rows: &mut [f32], panel: &mut [f32])
where
    P: Fn(usize) -> usize + Copy,
{
    if outputs.count < Outputs::width(outputs.gate.is_some()) {
        panel.fill(0.0);
    }
    let fan_in = weight.fan_in();
    for (column, first, count) in outputs.runs() {
        for done in (0..count).step_by(ROWS) {
            let here = ROWS.min(count - done);
            let start = (first + done) * fan_in + depth.start;
            weight.read_rows(start, fan_in, depth.count, &mut rows[..here * depth.count]);
            rows[here * depth.count..ROWS * depth.count].fill(0.0);
            vectorised(
                #[inline(always)]
                || transpose(rows, &depth, &mut panel[column + done..]),
            );
        }
    }
}

/// `rows [16][count]` to sixteen neighbouring columns of a panel, in blocks of 8×8.
#[inline(always)]
fn transpose<P: Fn(usize) -> usize>(rows: &[f32], depth: &Depth<P>, panel: &mut [f32]) {
    let whole = depth.count / SIDE * SIDE;
    for k in (0..whole).step_by(SIDE) {
        for first in (0..ROWS).step_by(SIDE) {
            let block: [[f32; SIDE]; SIDE] =
                std::array::from_fn(|row| std::array::from_fn(|i| rows[(first + row) * depth.count + k + i]));
            for (i, column) in shuffle(shuffle(shuffle(block))).iter().enumerate() {
                panel[(depth.place)(k + i) * PANEL + first..][..SIDE].copy_from_slice(column);
            }
        }
    }
    for k in whole..depth.count {
        for row in 0..ROWS {
            panel[(depth.place)(k) * PANEL + row] = rows[row * depth.count + k];
        }
    }
}

/// A third of an 8×8 transposition: rows i and i + 4 are dealt like cards into rows 2i and 2i + 1.
/// Written out, since that is the form which the compiler turns into shuffles of vectors.
#[inline(always)]
fn shuffle(rows: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
    std::array::from_fn(|to| {
        let (a, b) = (&rows[to / 2], &rows[to / 2 + 4]);
        let from = to % 2 * 4;
        [a[from], b[from], a[from + 1], b[from + 1], a[from + 2], b[from + 2], a[from + 3], b[from + 3]]
    })
}
