//! Attention over all heads.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::attention_wide;
use super::epilogue::banded;
use crate::Result;
use crate::gpu::cores::{AttentionKernel, subgroup, tiled};
use crate::gpu::lowering::{Kernel, KernelConstant, Lowering, Value, params};
use crate::gpu::options::Core;
use crate::gpu::stored::Stored;
use crate::gpu::work::{Finish, Operation, Task, Work};
use crate::graph::{NodeId, Op};

params! {
    struct AttentionParams for ["attention_cooperative", "attention_subgroup", "attention_tiled"] {
        queries: u32,
        first_query: u32,
        keys: u32,
        heads: u32,
        head_dim: u32,
        pitch: u32,
        q_skip: u32,
        k_skip: u32,
        v_skip: u32,
        y_skip: u32,
        scale: f32,
        y_pitch: u32,
        k_column: u32,
        v_column: u32,
    }
}

/// A first query that sees more keys than there are.
const ALL_KEYS: u32 = 1 << 30;

/// Columns of a head that one workgroup makes.
const COLUMNS: usize = 64;

/// What the kernels must agree with.
pub(super) fn constants() -> [KernelConstant; 4] {
    let constant = |kernel, name, value: usize| KernelConstant { kernel, name, value: value as u32 };
    [
        constant("attention_tiled", "TILE", tiled::QUERIES),
        constant("attention_tiled", "TILE", COLUMNS),
        constant("attention_subgroup", "QUERIES", subgroup::QUERIES),
        constant("attention_subgroup", "COLUMNS", COLUMNS),
    ]
}

/// The node's values and what kernels are made of.
struct Attention {
    q: Value,
    k: Value,
    v: Value,
    y: Value,
    /// The first columns of keys and of values: they may be side by side with the queries.
    columns: [usize; 2],
    heads: usize,
    head_dim: usize,
    chosen: AttentionKernel,
    causal: bool,
}

/// Softmax(q · kᵀ / √head_dim) · v: a workgroup for 64 (subgroup core: 128) queries of a head.
///
/// A window is some queries of one image; it binds all keys and values of that image.
pub(super) fn lower_attention(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let Op::Attention { heads, causal } = lowering.node(id).op else { unreachable!("an attention node") };
    let y = lowering.value(id);
    let (channels, head_dim) = (y.shape.channels, y.shape.channels / heads);
    let (is_packed, q) = (lowering.node(id).inputs.len() == 1, lowering.input(0));
    let (k, v) = if is_packed { (q, q) } else { (lowering.input(1), lowering.input(2)) };
    let columns = if is_packed { [channels, 2 * channels] } else { [0; 2] };
    if heads == 1 && !causal && !is_packed && attention_wide::lower(lowering, [q, k, v, y])? {
        return Ok(());
    }
    let task = Task {
        operation: Operation::Attention,
        columns: k.shape.pixels(),
        depth: head_dim,
        heads,
        finish: Finish { causal, ..Finish::default() },
        left: q.element.into(),
        bounded: false,
        weight: Stored::from(k.element).min(v.element.into()),
        out: y.element.into(),
    };
    let chosen = lowering.choose(Work { task, rows: y.rows() });
    let attention = Attention { q, k, v, y, columns, heads, head_dim, chosen, causal };
    for window in lowering.windows(y.rows(), 1, |rows| vec![(q, rows.clone()), (y, rows)])? {
        for rows in attention.by_image(window) {
            attention.emit(lowering, &rows)?;
        }
    }
    Ok(())
}

impl Attention {
    /// Cuts rows where images end.
    fn by_image(&self, rows: Range<usize>) -> Vec<Range<usize>> {
        let queries = self.q.shape.pixels();
        let images = rows.start / queries..rows.end.div_ceil(queries);
        let part = |image: usize| rows.start.max(image * queries)..rows.end.min((image + 1) * queries);
        images.map(part).collect()
    }

    /// One dispatch for some queries of one image.
    fn emit(&self, lowering: &mut Lowering, rows: &Range<usize>) -> Result<()> {
        let keys = self.k.shape.pixels();
        let image = rows.start / self.q.shape.pixels();
        let seen = image * keys..(image + 1) * keys;
        let (k, v) = (lowering.read(&self.k, seen.clone()), lowering.read(&self.v, seen));
        let (q, y) = (lowering.read(&self.q, rows.clone()), lowering.write(&self.y, rows.clone()));
        let params = AttentionParams {
            queries: rows.len() as u32,
            first_query: if self.causal { (rows.start % self.q.shape.pixels()) as u32 } else { ALL_KEYS },
            keys: keys as u32,
            heads: self.heads as u32,
            head_dim: self.head_dim as u32,
            pitch: self.q.pitch as u32,
            q_skip: q.skip,
            k_skip: k.skip,
            v_skip: v.skip,
            y_skip: y.skip,
            scale: LOG2_E / (self.head_dim as f32).sqrt(),
            y_pitch: self.y.pitch as u32,
            k_column: self.columns[0] as u32,
            v_column: self.columns[1] as u32,
        };
        let (kernel, units) = self.kernel(lowering);
        let grid = lowering.fold(rows.len().div_ceil(self.chosen.queries) * units);
        let (k, v) = (lowering.bindable(k.binding)?, lowering.bindable(v.binding)?);
        lowering.emit(kernel, vec![q.binding, k, v, y.binding], &params, grid);
        Ok(())
    }

    /// The kernel, and the workgroups for one tile of queries.
    fn kernel(&self, lowering: &Lowering) -> (Kernel, usize) {
        let variant = |kernel: Kernel| {
            kernel
                .flag("Q_HALF", self.q.half())
                .flag("K_HALF", self.k.half())
                .flag("V_HALF", self.v.half())
                .flag("Y_HALF", self.y.half())
        };
        let units = self.heads * self.head_dim.div_ceil(COLUMNS);
        let kernel = Kernel::new(self.chosen.shader).with_sizes(self.chosen.sizes);
        match self.chosen.core {
            Core::Cooperative => (kernel.flag("CAUSAL", self.causal), self.heads),
            Core::Subgroup => (banded(lowering, variant(kernel)), units),
            Core::Tiled => {
                // Two heads share a word of halves: one workgroup computes them in turn.
                let shared = self.y.half() && !self.head_dim.is_multiple_of(2);
                let kernel = variant(kernel)
                    .flag("ALIGNED", self.head_dim.is_multiple_of(4))
                    .flag("SHARED_WORDS", shared);
                (kernel, if shared { 1 } else { units })
            }
        }
    }
}
