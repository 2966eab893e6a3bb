//! Which numbers products multiply, and the instructions for it that this processor has.

use super::panel::PANEL;
use super::rows::Rows;
#[cfg(target_arch = "x86_64")]
use super::{tile::Product, x86};

/// How sums of products are computed. Sums are f32, and those of f32 numbers are the same to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// f32, by the `gemm` crate.
    Gemm,
    /// f32, in tiles of AVX2 with FMA.
    Avx2,
    /// f32, in tiles of AVX-512.
    Avx512,
    /// Numbers rounded to bf16, by AVX-512's products of their pairs.
    Avx512Bf16,
}

impl Arithmetic {
    /// f32, by the best that this processor has.
    pub(super) fn singles() -> Self {
        Self::all_singles().next().unwrap_or(Self::Gemm)
    }

    /// f32, by all that this processor has, the best first.
    pub(super) fn all_singles() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let has = [
            (is_x86_feature_detected!("avx512f"), Self::Avx512),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"), Self::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let has: [(bool, Self); 0] = [];
        has.into_iter().filter(|(has, _)| *has).map(|(_, one)| one).chain([Self::Gemm])
    }

    /// bf16, where this processor has products of it.
    pub(super) fn pairs() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
            return Some(Self::Avx512Bf16);
        }
        None
    }

    /// The same in f32.
    pub(super) fn in_singles(self) -> Self {
        match self {
            Self::Gemm | Self::Avx2 | Self::Avx512 => self,
            Self::Avx512Bf16 => Self::Avx512,
        }
    }

    /// Whether two neighbours, rounded to bf16, are a word.
    pub(super) fn is_in_pairs(self) -> bool {
        self == Self::Avx512Bf16
    }

    /// Numbers in a word.
    pub(super) fn numbers(self) -> usize {
        if self.is_in_pairs() { 2 } else { 1 }
    }

    /// Whether rows may be looked at through the taps of a window; else each must be one run.
    pub(super) fn sees_windows(self) -> bool {
        self != Self::Gemm
    }

    /// Writes lines of numbers, whole vectors of AVX-512 twice over, as words, each line `step` words behind the one before.
    #[inline(always)]
    pub(super) fn write_words<const N: usize>(self, lines: &[[f32; N]], (to, step): (&mut [f32], usize)) {
        match self {
            // SAFETY: whoever names it has asked the processor.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => unsafe { x86::write_pairs(lines, (to, step)) },
            _ => lines.iter().zip(to.chunks_mut(step)).for_each(|(line, to)| to[..N].copy_from_slice(line)),
        }
    }

    /// `sums [rows][PANEL] = rows · panel`, or `+=` where there are sums already, for so many `columns`.
    ///
    /// `gemm` computes a single row twice (`sums` has room): it would take it as a vector and add in
    /// another order, and the sums of a row must not depend on the tile that it falls into.
    pub(super) fn multiply(
        self,
        columns: usize,
        panel: &[f32],
        rows: &Rows<'_>,
        (sums, more): (&mut [f32], bool),
    ) {
        let (count, depth) = (rows.starts.len(), rows.taps.len() * rows.run);
        assert!(columns <= PANEL && columns.is_multiple_of(16), "columns of a panel");
        assert!(panel.len() >= depth * PANEL && sums.len() >= count * PANEL, "a panel and its sums");
        assert!(rows.reach() <= rows.words.len(), "rows of a product");
        match self {
            // SAFETY: the lengths are asserted, and whoever names these has asked the processor.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::eights(Product { panel, rows, sums, more }, columns) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::sixteens(Product { panel, rows, sums, more }, columns) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => unsafe { x86::pairs(Product { panel, rows, sums, more }, columns) },
            _ => {
                assert!(count > 1 || sums.len() >= 2 * PANEL, "sums of a row twice");
                // SAFETY: the lengths are asserted.
                unsafe { gemm(columns, panel, rows, (sums, more)) }
            }
        }
    }
}

/// The same by the `gemm` crate, for rows that are one run each, equally far apart.
///
/// # Safety
/// What [`Arithmetic::multiply`] asserts.
unsafe fn gemm(columns: usize, panel: &[f32], rows: &Rows<'_>, (sums, more): (&mut [f32], bool)) {
    let (count, stride) = match rows.starts.len() {
        1 => (2, 0),
        count => (count, rows.pixel),
    };
    // SAFETY: every place that these extents and strides reach is within its slice: the caller's promise.
    unsafe {
        gemm::gemm(
            columns,
            count,
            rows.run,
            sums.as_mut_ptr(),
            PANEL as isize,
            1,
            more,
            panel.as_ptr(),
            PANEL as isize,
            1,
            rows.words.as_ptr(),
            stride as isize,
            1,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
