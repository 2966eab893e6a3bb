//! What this processor can do at best, measured: what a result's percentage is of.

use std::sync::LazyLock;
use std::time::Instant;

use rayon::prelude::*;

/// Rows, columns and depth: far more arithmetic than traffic.
const SIDE: usize = 1536;
/// f32 values of a copy: far more than any cache holds.
const COPIED: usize = 32 << 20;

/// FLOP/s of a product of two f32 matrices, on all cores, by the `gemm` crate.
pub(crate) static FLOPS: LazyLock<f64> = LazyLock::new(|| {
    let (a, b) = (vec![1.0; SIDE * SIDE], vec![1.0; SIDE * SIDE]);
    let mut c = vec![0.0; SIDE * SIDE];
    2.0 * (SIDE as f64).powi(3) / fastest(|| product(&a, &b, &mut c))
});

/// Bytes/s, read and written, of a copy of memory on all cores.
pub(crate) static BYTES: LazyLock<f64> = LazyLock::new(|| {
    let from = vec![1f32; COPIED];
    let mut to = vec![0f32; COPIED];
    let part = COPIED.div_ceil(4 * rayon::current_num_threads());
    let seconds = fastest(|| {
        to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
    });
    (2 * COPIED * size_of::<f32>()) as f64 / seconds
});

/// Of ten runs, the one that was disturbed least.
fn fastest(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..10).map(time).fold(f64::INFINITY, f64::min)
}

fn product(a: &[f32], b: &[f32], c: &mut [f32]) {
    let (n, stride) = (SIDE, SIDE as isize);
    assert!(a.len() == n * n && b.len() == n * n && c.len() == n * n, "three squares");
    let (to, left, right) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
    let all_cores = gemm::Parallelism::Rayon(0);
    // SAFETY: three squares of n × n, one after the other in memory, of which only `c` is written.
    unsafe {
        gemm::gemm(
            n, n, n, to, stride, 1, false, left, stride, 1, right, stride, 1, 0.0, 1.0, false, false, false,
            all_cores,
        );
    }
}
