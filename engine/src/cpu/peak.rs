//! What this processor can do at best, measured: what shares of its peak are counted from.

use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::backend::Peak;

/// Chains of multiply-adds, independent of each other: enough for the depth of a pipeline, few enough for sixteen
/// registers.
const CHAINS: usize = 12;

/// Steps of every chain between two looks at the clock.
const STEPS: usize = 1 << 20;

/// f32 values of a copy: far more than any cache holds.
const COPIED: usize = 32 << 20;

/// Runs of which the fastest counts: the one that other work disturbed least.
const RUNS: usize = 10;

/// Multiply-adds of f32 and the speed of memory, on all threads of rayon's pool.
pub(super) fn measure() -> Peak {
    let lanes = Arch::new().dispatch(Chains { steps: 1 }).flops / (2 * CHAINS);
    let flops = (2 * CHAINS * lanes * STEPS * rayon::current_num_threads()) as f64;
    let seconds = least(|| {
        rayon::broadcast(|_| std::hint::black_box(multiply_adds(STEPS)));
    });
    Peak { multiply_add: flops / seconds, matrix: None, bandwidth: bandwidth() }
}

/// Of several runs the seconds of the fastest.
fn least(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(time).fold(f64::INFINITY, f64::min)
}

/// Bytes/s, read and written.
fn bandwidth() -> f64 {
    let from = vec![1f32; COPIED];
    let mut to = vec![0f32; COPIED];
    let seconds = least(|| copy(&from, &mut to));
    (2 * COPIED * size_of::<f32>()) as f64 / seconds
}

/// `to = from`, in parts on all threads.
fn copy(from: &[f32], to: &mut [f32]) {
    let part = from.len().div_ceil(4 * rayon::current_num_threads());
    to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
}

/// Every chain goes on by so many steps, in the widest vectors that this processor has; a sum of all of them.
fn multiply_adds(steps: usize) -> f32 {
    Arch::new().dispatch(Chains { steps }).sum
}

struct Chains {
    steps: usize,
}

struct Done {
    sum: f32,
    flops: usize,
}

impl WithSimd for Chains {
    type Output = Done;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Done {
        let (factor, summand) = (simd.splat_f32s(0.5), simd.splat_f32s(1.0));
        let mut chains = [simd.splat_f32s(3.0); CHAINS];
        for _ in 0..self.steps {
            for chain in &mut chains {
                *chain = simd.mul_add_f32s(*chain, factor, summand);
            }
        }
        let sum = chains.into_iter().map(|chain| simd.reduce_sum_f32s(chain)).sum();
        Done { sum, flops: 2 * CHAINS * S::F32_LANES * self.steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_end_where_they_must_and_copies_are_whole() {
        // Every number of every chain tends to 1 / (1 − ½).
        let one = multiply_adds(0);
        assert_eq!(multiply_adds(60) * 3.0, one * 2.0, "3 goes to 2");
        let from: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let mut to = vec![0.0; 1000];
        copy(&from, &mut to);
        assert_eq!(to, from);
    }

    #[test]
    fn a_peak_is_that_of_a_machine() {
        let Peak { multiply_add, bandwidth, .. } = measure();
        assert!((1e8..1e15).contains(&multiply_add), "{multiply_add} FLOP/s");
        assert!((1e8..1e13).contains(&bandwidth), "{bandwidth} bytes/s");
    }
}
