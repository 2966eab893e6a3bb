//! The running softmax of a panel of queries, a query in each lane.

use pulp::{Simd, WithSimd};

use super::functions::{exp2_of_negative, vectorised};

/// Queries of a panel, which is one of a product.
pub(super) const PANEL: usize = super::panel::PANEL;
/// Lanes of a step: those of four vectors at most, so that sums do not wait for each other.
const VECTORS: usize = 4;

/// What is known of each query's softmax so far.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Running {
    /// The largest score.
    largest: [f32; PANEL],
    /// The sum of the weights.
    pub(super) total: [f32; PANEL],
    /// What the last block scaled earlier weights by.
    factor: [f32; PANEL],
}

impl Running {
    /// Numbers that it takes.
    pub(super) const LEN: usize = 3 * PANEL;

    /// That of no scores.
    pub(super) const NONE: Self =
        Self { largest: [f32::NEG_INFINITY; PANEL], total: [0.0; PANEL], factor: [0.0; PANEL] };

    /// Scores `[keys][PANEL]` become weights `2^(score − largest)`.
    pub(super) fn soften(&mut self, scores: &mut [f32]) {
        pulp::Arch::new().dispatch(Soften { running: self, scores });
    }

    /// Scales what was summed with earlier weights, `[..][PANEL]`, to the last block's largest scores.
    pub(super) fn rescale(&self, sums: &mut [f32]) {
        // Once the largest scores are found, there is nothing to do.
        if self.factor == [1.0; PANEL] {
            return;
        }
        vectorised(
            #[inline(always)]
            || {
                for row in sums.as_chunks_mut::<PANEL>().0 {
                    row.iter_mut().zip(&self.factor).for_each(|(sum, factor)| *sum *= factor);
                }
            },
        );
    }
}

struct Soften<'a> {
    running: &'a mut Running,
    scores: &'a mut [f32],
}

impl WithSimd for Soften<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = PANEL / S::F32_LANES;
        for first in (0..width).step_by(VECTORS) {
            soften(simd, first, self.running, S::as_mut_simd_f32s(self.scores).0);
        }
    }
}

/// The lanes of the vectors from `first` on.
#[inline(always)]
fn soften<S: Simd>(simd: S, first: usize, running: &mut Running, scores: &mut [S::f32s]) {
    let width = PANEL / S::F32_LANES;
    let of = first..first + VECTORS;
    let largest = &mut S::as_mut_simd_f32s(&mut running.largest).0[of.clone()];
    let total = &mut S::as_mut_simd_f32s(&mut running.total).0[of.clone()];
    let factor = &mut S::as_mut_simd_f32s(&mut running.factor).0[of.clone()];
    let mut now: [S::f32s; VECTORS] = std::array::from_fn(|i| largest[i]);
    for row in scores.chunks_exact(width) {
        let row = &row[of.clone()];
        for i in 0..VECTORS {
            now[i] = simd.max_f32s(row[i], now[i]);
        }
    }
    let mut sum = now;
    for i in 0..VECTORS {
        factor[i] = exp2_of_negative(simd, simd.sub_f32s(largest[i], now[i]));
        sum[i] = simd.mul_f32s(total[i], factor[i]);
        largest[i] = now[i];
    }
    for row in scores.chunks_exact_mut(width) {
        let row = &mut row[of.clone()];
        for i in 0..VECTORS {
            row[i] = exp2_of_negative(simd, simd.sub_f32s(row[i], now[i]));
            sum[i] = simd.add_f32s(sum[i], row[i]);
        }
    }
    total.copy_from_slice(&sum);
}
