//! Rows of a matrix become columns of a panel, eight by eight.

/// Rows and columns of a block: eight vectors of eight.
const SIDE: usize = 8;

/// Rows of a matrix, and how many numbers of each: row i starts at `numbers[i · stride]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
    pub(super) width: usize,
}

/// Rows, at most `PANEL`, to `columns [width][PANEL]`, each number times `scale`; columns without a row become zero.
pub(super) fn to_columns<const PANEL: usize>(rows: Rows<'_>, scale: f32, columns: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(
            #[inline(always)]
            || turn::<PANEL>(rows, scale, columns, avx::Shuffles(simd)),
        );
    }
    turn::<PANEL>(rows, scale, columns, Plain);
}

/// How a block is transposed.
trait Transpose: Copy {
    fn of(self, rows: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE];
}

/// Number by number.
#[derive(Clone, Copy)]
struct Plain;

impl Transpose for Plain {
    fn of(self, rows: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
        std::array::from_fn(|column| rows.map(|row| row[column]))
    }
}

#[inline(always)]
fn turn<const PANEL: usize>(rows: Rows<'_>, scale: f32, columns: &mut [f32], transpose: impl Transpose) {
    let Rows { numbers, stride, count, width } = rows;
    let (whole, whole_width) = (count / SIDE * SIDE, width / SIDE * SIDE);
    if count < PANEL {
        columns.fill(0.0);
    }
    for lane in (0..whole).step_by(SIDE) {
        for first in (0..whole_width).step_by(SIDE) {
            let mut block = [[0.0; SIDE]; SIDE];
            for (i, row) in block.iter_mut().enumerate() {
                row.copy_from_slice(&numbers[(lane + i) * stride + first..][..SIDE]);
            }
            for (j, column) in transpose.of(block).into_iter().enumerate() {
                let to = &mut columns[(first + j) * PANEL + lane..][..SIDE];
                for (to, number) in to.iter_mut().zip(column) {
                    *to = number * scale;
                }
            }
        }
    }
    for lane in 0..count {
        let first = if lane < whole { whole_width } else { 0 };
        for place in first..width {
            columns[place * PANEL + lane] = numbers[lane * stride + place] * scale;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::__m256;

    use super::{SIDE, Transpose};

    /// By shuffles of whole vectors, which the compiler does not find by itself.
    #[derive(Clone, Copy)]
    pub(super) struct Shuffles(pub(super) pulp::x86::V3);

    impl Transpose for Shuffles {
        #[inline(always)]
        fn of(self, rows: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
            let avx = self.0.avx;
            let [a, b, c, d, e, f, g, h]: [__m256; SIDE] = bytemuck::cast(rows);
            let (ab, cd) = (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpacklo_ps(c, d));
            let (ef, gh) = (avx._mm256_unpacklo_ps(e, f), avx._mm256_unpacklo_ps(g, h));
            let (ab2, cd2) = (avx._mm256_unpackhi_ps(a, b), avx._mm256_unpackhi_ps(c, d));
            let (ef2, gh2) = (avx._mm256_unpackhi_ps(e, f), avx._mm256_unpackhi_ps(g, h));
            // Columns 0 to 3 of the first four rows, each beside the one four further on; then of the others.
            let upper = [
                avx._mm256_shuffle_ps::<0x44>(ab, cd),
                avx._mm256_shuffle_ps::<0xee>(ab, cd),
                avx._mm256_shuffle_ps::<0x44>(ab2, cd2),
                avx._mm256_shuffle_ps::<0xee>(ab2, cd2),
            ];
            let lower = [
                avx._mm256_shuffle_ps::<0x44>(ef, gh),
                avx._mm256_shuffle_ps::<0xee>(ef, gh),
                avx._mm256_shuffle_ps::<0x44>(ef2, gh2),
                avx._mm256_shuffle_ps::<0xee>(ef2, gh2),
            ];
            let mut columns = [upper[0]; SIDE];
            for i in 0..SIDE / 2 {
                columns[i] = avx._mm256_permute2f128_ps::<0x20>(upper[i], lower[i]);
                columns[i + SIDE / 2] = avx._mm256_permute2f128_ps::<0x31>(upper[i], lower[i]);
            }
            bytemuck::cast(columns)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_count_and_width_become_columns() {
        for (count, width) in [(64, 64), (64, 40), (13, 64), (1, 1), (9, 17), (63, 8)] {
            let (stride, numbers) = (width + 3, (0..64 * 70).map(|i| i as f32).collect::<Vec<_>>());
            let rows = Rows { numbers: &numbers, stride, count, width };
            let right = |i: usize| if i % 64 < count { numbers[i % 64 * stride + i / 64] * 0.5 } else { 0.0 };
            let [mut fast, mut plain] = [(); 2].map(|()| vec![f32::NAN; width * 64]);
            to_columns::<64>(rows, 0.5, &mut fast);
            turn::<64>(rows, 0.5, &mut plain, Plain);
            assert!((0..width * 64).all(|i| fast[i] == right(i) && plain[i] == right(i)), "{count}×{width}");
        }
    }
}
