//! A matrix that many tasks write at once, each its own rectangle.

use std::marker::PhantomData;

/// `[rows, columns]`, shared by tasks that write disjoint rectangles of it.
///
/// A rectangle of a matrix is not a slice, so rayon's splitting cannot hand it out; hence this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strips<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `strip`, whose callers promise that no two tasks ask for the same place.
unsafe impl Send for Strips<'_> {}
// SAFETY: as above.
unsafe impl Sync for Strips<'_> {}

impl<'a> Strips<'a> {
    /// The whole of `matrix`, which nobody else can reach meanwhile.
    pub(super) fn of(matrix: &'a mut [f32], columns: usize) -> Self {
        Self { start: matrix.as_mut_ptr(), rows: matrix.len() / columns, columns, matrix: PhantomData }
    }

    /// `count` columns of `row` from `first` on.
    ///
    /// # Safety
    /// No other strip that overlaps this one may be in use.
    #[inline]
    pub(super) unsafe fn strip(&self, row: usize, first: usize, count: usize) -> &'a mut [f32] {
        assert!(row < self.rows && first + count <= self.columns, "a strip outside of its matrix");
        // SAFETY: within the matrix by the assertion, and nobody else's by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.columns + first), count) }
    }
}
