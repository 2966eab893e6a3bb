//! The shapes of the kernels for products, convolutions and attention, and which of them a node runs on.
//!
//! A core owns its tiles, the order in which it wants weights, and the test of what it can do: it lists the kernels that it
//! has for a task, the one first that its rule prefers. The choice is made for each node: what is overridden comes first,
//! then what was measured ([`measured`]), then the first kernel of the first core that has one.

pub(super) mod cooperative;
pub(super) mod subgroup;
pub(super) mod tiled;
mod unroll;
pub(super) mod winograd;

use super::device::Facts;
use super::kernel_table::{KernelName, KernelTable};
use super::matrix_units::MatrixUnits;
use super::options::Core;
use super::packing::Order;
use super::shaders::Shader;
use super::stored::Stored;
use super::work::{Operation, Task, Work};
pub(super) use cooperative::{Heads, Tile};
use unroll::unroll;

/// Constants that are written in front of a kernel, where overrides would not do: sizes of arrays, types, and the
/// bounds of loops that must be unrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sizes {
    /// Of a product's tiles, and how its weight is stored.
    Product(Tile, MatrixUnits, Stored),
    /// Of attention's.
    Attention(Heads, MatrixUnits),
    /// Of what measures the peak of matrix units.
    Peak(MatrixUnits),
}

impl Sizes {
    /// A kernel's text with these in front, and all that is marked written out.
    pub(super) fn written_out(&self, kernel: &str) -> String {
        let (Self::Product(_, units, _) | Self::Attention(_, units) | Self::Peak(units)) = self;
        unroll(&[&self.text(), kernel].join("\n"), units.on_cpu)
    }

    /// As WGSL.
    fn text(&self) -> String {
        match self {
            Self::Product(tile, units, stored) => tile.constants(*units, *stored),
            Self::Attention(heads, units) => heads.constants(*units),
            Self::Peak(units) => units.constants(),
        }
    }

    /// As people say them.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Product(tile, _, stored) => {
                let Tile { rows, columns, depth, subgroup_rows, subgroup_columns, .. } = tile;
                let of = if stored.is_quantised() { format!(", {stored}") } else { String::new() };
                let parts = if tile.left_parts > 1 { ", f32 in parts" } else { "" };
                format!("{rows}×{columns}×{depth}, {subgroup_rows}×{subgroup_columns} a subgroup{of}{parts}")
            }
            Self::Attention(heads, _) => format!("heads of {}", heads.head_dim),
            Self::Peak(_) => String::new(),
        }
    }
}

/// A kernel that a core has for a task.
pub(super) trait CoreKernel: Copy {
    /// All that a device has for some work, the one first that the rules prefer.
    fn candidates(facts: &Facts, work: &Work) -> Vec<Self>;

    /// Whose it is.
    fn core(&self) -> Core;

    /// Its sizes, by which its core tells it from its others.
    fn tile(&self) -> String;

    /// Whether it makes all products of a convolution that could be computed by Winograd's.
    fn is_direct(&self) -> bool {
        false
    }

    /// As tables call it.
    fn name(&self) -> KernelName {
        KernelName { core: self.core(), tile: self.tile(), direct: self.is_direct() }
    }
}

/// The names of all kernels that a device has for some work, the one first that the rules prefer.
pub(super) fn names(facts: &Facts, work: &Work) -> Vec<KernelName> {
    fn of<K: CoreKernel>(facts: &Facts, work: &Work) -> Vec<KernelName> {
        K::candidates(facts, work).iter().map(CoreKernel::name).collect()
    }
    match work.task.operation {
        Operation::Attention => of::<AttentionKernel>(facts, work),
        Operation::Linear | Operation::Conv3x3 | Operation::Doubled | Operation::Winograd => {
            of::<ProductKernel>(facts, work)
        }
    }
}

/// The measured kind's kernel of the measured tile; where only the kind was measured, that kind's best.
pub(super) fn measured<K: CoreKernel>(candidates: &[K], table: &KernelTable, work: &Work) -> Option<K> {
    let kind = table.kind(&work.task)?;
    let of_kind = || candidates.iter().filter(|kernel| kernel.name().kind() == kind);
    let tile = table.tile(work);
    of_kind().find(|kernel| tile == Some(&kernel.tile())).or_else(|| of_kind().next()).copied()
}

/// The kernel that a product or convolution runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProductKernel {
    /// Its file.
    pub shader: &'static Shader,
    /// Its core.
    pub core: Core,
    /// Its sizes, where it has several.
    pub sizes: Option<Sizes>,
    /// Sums of a workgroup: rows and columns.
    pub tile: [usize; 2],
    /// The order in which it reads the weight.
    pub order: Order,
    /// Whether it makes all products of a convolution that could be computed by Winograd's.
    pub direct: bool,
}

impl CoreKernel for ProductKernel {
    fn candidates(facts: &Facts, work: &Work) -> Vec<Self> {
        let mut kernels = Self::of_cores(facts, work);
        // What tests want computed by Winograd's is.
        if work.task.operation == Operation::Winograd && facts.winograd.is_none() {
            let task = Task { operation: Operation::Conv3x3, ..work.task };
            let direct = Self::of_cores(facts, &Work { task, ..*work }).into_iter();
            kernels.extend(direct.map(|kernel| Self { direct: true, ..kernel }));
        }
        // Behind the others where nothing was measured: it pays where matrix units are far faster than multiply-adds.
        kernels.sort_by_key(|kernel| kernel.has_parts() != facts.prefers_parts);
        kernels
    }

    fn core(&self) -> Core {
        self.core
    }

    fn tile(&self) -> String {
        match self.sizes {
            Some(Sizes::Product(tile, ..)) => tile.name(),
            _ => format!("{}x{}", self.tile[0], self.tile[1]),
        }
    }

    fn is_direct(&self) -> bool {
        self.direct
    }
}

impl ProductKernel {
    /// Those of all cores, the preferred one's first.
    fn of_cores(facts: &Facts, work: &Work) -> Vec<Self> {
        let of_core = |core: &Core| match core {
            Core::Tiled => tiled::products(facts, work),
            Core::Subgroup => subgroup::products(&work.task),
            Core::Cooperative => cooperative::products(facts, work),
        };
        facts.cores.iter().flat_map(of_core).collect()
    }

    /// Whether it multiplies f32 in parts by matrix units.
    fn has_parts(&self) -> bool {
        matches!(self.sizes, Some(Sizes::Product(Tile { left_parts: 2.., .. }, ..)))
    }

    /// Whether a depth is a multiple of the tiles'.
    pub(super) fn is_aligned(&self, depth: usize) -> bool {
        match self.sizes {
            Some(Sizes::Product(tile, ..)) => depth.is_multiple_of(tile.depth as usize),
            _ => false,
        }
    }
}

/// The kernel that attention runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttentionKernel {
    /// Its file.
    pub shader: &'static Shader,
    /// Its core.
    pub core: Core,
    /// Its sizes, where it has several.
    pub sizes: Option<Sizes>,
    /// Queries of a workgroup.
    pub queries: usize,
}

impl CoreKernel for AttentionKernel {
    fn candidates(facts: &Facts, work: &Work) -> Vec<Self> {
        let of_core = |core: &Core| match core {
            Core::Tiled => tiled::attentions(),
            Core::Subgroup => subgroup::attentions(&work.task),
            Core::Cooperative => cooperative::attentions(facts, &work.task),
        };
        facts.cores.iter().flat_map(of_core).collect()
    }

    fn core(&self) -> Core {
        self.core
    }

    fn tile(&self) -> String {
        match self.sizes {
            Some(Sizes::Attention(..)) => format!("{}x{}", self.queries, Heads::KEYS),
            _ => self.queries.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::work::Finish;

    /// Of 128 channels in f32 by a weight in halves: the cores of all candidates in turn, and whether they are direct.
    fn candidates(operation: Operation, bounded: bool, prefers_parts: bool) -> Vec<(Core, bool)> {
        let facts = Facts { prefers_parts, ..Facts::unlimited(Core::Cooperative, Some(32)) };
        let task = Task {
            operation,
            columns: 128,
            depth: 9 * 128,
            heads: 1,
            finish: Finish::default(),
            left: Stored::F32,
            bounded,
            weight: Stored::F16,
            out: Stored::F32,
        };
        let all = names(&facts, &Work { task, rows: 1 << 14 });
        let mut kinds: Vec<_> = all.iter().map(|name| (name.core, name.direct)).collect();
        kinds.dedup();
        kinds
    }

    #[test]
    fn matrix_units_multiply_f32_that_halves_hold_where_that_is_wanted_or_was_measured() {
        let (tiled, parts) = ((Core::Tiled, false), (Core::Cooperative, false));
        assert_eq!(candidates(Operation::Conv3x3, false, true), [tiled]);
        assert_eq!(candidates(Operation::Conv3x3, true, false), [tiled, parts]);
        assert_eq!(candidates(Operation::Linear, true, true), [parts, tiled]);
        let (directly, parts) = ((Core::Tiled, true), (Core::Cooperative, true));
        assert_eq!(candidates(Operation::Winograd, true, false), [tiled, directly, parts]);
        assert_eq!(candidates(Operation::Winograd, true, true), [parts, tiled, directly]);
        assert_eq!(candidates(Operation::Doubled, true, true), [tiled]);
    }
}
