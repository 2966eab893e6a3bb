//! Tiles of sums in the vectors of x86-64: AVX2, AVX-512, and AVX-512's products of bf16.
//!
//! Intrinsics, since `vdpbf16ps` has no other name in Rust, and a compiler that is given plain loops keeps no
//! tile in registers.

use std::arch::x86_64::{
    __m256, __m512, __m512bh, __m512i, _mm_loadu_si128, _mm256_add_ps, _mm256_cvtph_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_cvtne2ps_pbh,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_permutexvar_epi16,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_storeu_si512,
};

use half::f16;

use super::panel::PANEL;
use super::tile::{Lanes, Product};

/// Eight numbers.
#[derive(Clone, Copy)]
struct Eight(__m256);

/// Sixteen numbers.
#[derive(Clone, Copy)]
struct Sixteen(__m512);

/// Sixteen pairs in bf16; as a sum, sixteen numbers.
#[derive(Clone, Copy)]
struct Pairs(__m512);

/// The trait's functions by intrinsics: zero, load, store, spread, add, and what multiplies.
macro_rules! lanes {
    ($lanes:ident, $words:expr, [$($one:ident),*], ($sum:ident, $a:ident, $b:ident) => $multiplied:expr) => {
        lanes!(@ $lanes, $words, $($one),*, ($sum, $a, $b) => $multiplied);
    };
    (@ $lanes:ident, $words:expr, $zero:ident, $load:ident, $store:ident, $spread:ident, $add:ident,
        ($sum:ident, $a:ident, $b:ident) => $multiplied:expr) => {
        impl Lanes for $lanes {
            const WORDS: usize = $words;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: that the processor has the instruction is the caller's promise.
                Self(unsafe { $zero() })
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: as above; so is the place.
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn spread(word: f32) -> Self {
                // SAFETY: as above.
                Self(unsafe { $spread(word) })
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
                let ($sum, $a, $b) = (self.0, a.0, b.0);
                // SAFETY: as above.
                Self(unsafe { $multiplied })
            }
        }
    };
}

lanes!(
    Eight, 8, [_mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_add_ps],
    (sum, a, b) => _mm256_fmadd_ps(a, b, sum)
);
lanes!(
    Sixteen, 16, [_mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_add_ps],
    (sum, a, b) => _mm512_fmadd_ps(a, b, sum)
);
lanes!(
    Pairs, 16, [_mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_add_ps],
    (sum, a, b) => _mm512_dpbf16_ps(sum, as_pairs(a), as_pairs(b))
);

/// The same bits.
#[inline(always)]
fn as_pairs(words: __m512) -> __m512bh {
    // SAFETY: both types are 512 bits of anything.
    unsafe { std::mem::transmute(words) }
}

/// With 24 vectors of sums whatever the panel's width: enough to hide how long a multiplication takes.
///
/// # Safety
/// As [`Product::columns`].
#[inline(always)]
unsafe fn multiply<L: Lanes>(mut product: Product<'_>, columns: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if columns == PANEL {
            return product.columns::<L, 4, 6>(0);
        }
        for column in (0..columns).step_by(L::WORDS) {
            product.columns::<L, 1, 12>(column);
        }
    }
}

/// A product in f32, in the twelve vectors of sums that sixteen registers have room for.
///
/// # Safety
/// As [`Product::columns`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn eights(mut product: Product<'_>, columns: usize) {
    for column in (0..columns).step_by(2 * Eight::WORDS) {
        // SAFETY: the caller's promise; columns are whole pairs of vectors.
        unsafe { product.columns::<Eight, 2, 6>(column) }
    }
}

/// A product in f32.
///
/// # Safety
/// As [`Product::columns`].
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn sixteens(product: Product<'_>, columns: usize) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Sixteen>(product, columns) }
}

/// A product of pairs in bf16.
///
/// # Safety
/// As [`Product::columns`].
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn pairs(product: Product<'_>, columns: usize) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Pairs>(product, columns) }
}

/// Rounds lines of numbers to pairs, each line `step` words behind the one before. Rounded as by [`super::bf16`], but for
/// what is below the least normal number: that becomes zero, as which the products take it anyway.
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn write_pairs<const N: usize>(lines: &[[f32; N]], (to, step): (&mut [f32], usize)) {
    const { assert!(N.is_multiple_of(32), "a vector of pairs") };
    for (line, to) in lines.iter().zip(to.chunks_mut(step)) {
        for (numbers, pairs) in line.as_chunks::<32>().0.iter().zip(to[..N / 2].as_chunks_mut::<16>().0) {
            // SAFETY: two vectors of numbers, and one of their pairs.
            unsafe {
                let lower = _mm512_loadu_ps(numbers.as_ptr());
                let upper = _mm512_loadu_ps(numbers[16..].as_ptr());
                let halves: __m512 = std::mem::transmute(_mm512_cvtne2ps_pbh(upper, lower));
                _mm512_storeu_ps(pairs.as_mut_ptr(), halves);
            }
        }
    }
}

/// Halves to numbers, as many of the first as whole vectors hold; gives how many. Wider vectors are no faster.
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "avx,f16c")]
pub(super) unsafe fn widen(from: &[f16], to: &mut [f32]) -> usize {
    let (from, to) = (from.as_chunks::<8>().0, to.as_chunks_mut::<8>().0);
    for (halves, numbers) in from.iter().zip(to) {
        // SAFETY: eight of each.
        unsafe {
            let halves = _mm_loadu_si128(halves.as_ptr().cast());
            _mm256_storeu_ps(numbers.as_mut_ptr(), _mm256_cvtph_ps(halves));
        }
    }
    8 * from.len()
}

/// A panel `[2 n][PANEL]` to pairs `[n][PANEL]` of neighbours in depth, in place; rounded as by [`write_pairs`].
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn pair_rows(panel: &mut [f32]) {
    // The halves of a vector of lower numbers, then those of one of upper numbers, in turn.
    let in_turn: [u16; 32] = std::array::from_fn(|half| (half / 2 + half % 2 * 16) as u16);
    // SAFETY: whole vectors of whole rows, and the row that is written is not behind the ones that are read.
    unsafe {
        let in_turn = _mm512_loadu_si512(in_turn.as_ptr().cast());
        let start = panel.as_mut_ptr();
        for place in 0..panel.len() / (2 * PANEL) {
            for column in (0..PANEL).step_by(16) {
                let lower = _mm512_loadu_ps(start.add(2 * place * PANEL + column));
                let upper = _mm512_loadu_ps(start.add((2 * place + 1) * PANEL + column));
                let halves: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(upper, lower));
                let pairs = _mm512_permutexvar_epi16(in_turn, halves);
                _mm512_storeu_si512(start.add(place * PANEL + column).cast(), pairs);
            }
        }
    }
}
