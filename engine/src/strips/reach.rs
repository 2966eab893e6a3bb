//! The rows of its inputs that a node needs to make some of its own.

use std::ops::Range;

use crate::graph::{Graph, Node, NodeId, Op, Window};

/// Rows of a plane on which a picture lies. Where it continues on its opposite side, those before its first row are its
/// last ones.
pub(super) type Rows = Range<isize>;

/// How the rows of a node come of the rows of what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Each from the same row.
    Same,
    /// Three rows to one, or what a window sees of them. `padded`: with zeros at either end.
    Window { window: Window, padded: bool },
    /// So many from one.
    Larger(isize),
    /// A border of so many rows from the opposite side.
    Wrapped(isize),
    /// All of them are needed for any, and come at once.
    Whole,
}

/// That of a node; `None` for what no strip can be made of.
pub(super) fn reach(graph: &Graph, id: NodeId) -> Option<Reach> {
    let node = graph.node(id);
    let from = |place: usize| graph.node(node.inputs[place]).shape;
    let is_one = node.shape.images == 1;
    let found = match &node.op {
        Op::Input { .. } | Op::Embed { .. } | Op::TakeToken | Op::AddPerImage | Op::AddScaled { .. } => None,
        Op::Linear { epilogue, .. } => (!epilogue.per_image).then_some(Reach::Same),
        Op::Conv3x3 { epilogue, window, .. } => {
            let height = from(0).height;
            let is_inside = |(row, tap)| window.source(0, (row, tap), height).is_some();
            let padded = !is_inside((0, 0)) || !is_inside((node.shape.height - 1, 2));
            (!epilogue.per_image).then_some(Reach::Window { window: *window, padded })
        }
        Op::Upsample => {
            let (large, small) = (node.shape.height, from(0).height);
            large.is_multiple_of(small).then_some(Reach::Larger((large / small) as isize))
        }
        Op::Pad { wrap, by } => match (by[0], wrap[0]) {
            (0, _) => Some(Reach::Same),
            (by, true) => Some(Reach::Wrapped(by as isize)),
            (_, false) => None,
        },
        Op::Attention { .. } | Op::Rows(_) => Some(Reach::Whole),
        Op::Moments
        | Op::Normalise { .. }
        | Op::LayerNorm(_)
        | Op::Add
        | Op::Activate(_)
        | Op::Prelu { .. }
        | Op::Concat
        | Op::Convert
        | Op::Picture => Some(Reach::Same),
        Op::Guide => None,
    };
    found.filter(|_| is_one)
}

/// What of a node's inputs says something of the whole picture, and is given to all strips alike.
pub(super) fn is_beside(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.node(node).op, Op::Moments)
}

impl Reach {
    /// The rows of a value of this height that are needed.
    pub(super) fn needed(self, rows: &Rows, height: usize) -> Rows {
        let height = height as isize;
        match self {
            Self::Same => rows.clone(),
            Self::Window { window, padded } => {
                let (stride, before) = (window.stride as isize, window.origin[0]);
                let seen = rows.start * stride - before..(rows.end - 1) * stride - before + 3;
                let seen = enlarged(&seen, if window.doubled { 2 } else { 1 });
                if padded { seen.start.max(0)..seen.end.min(height) } else { seen }
            }
            Self::Larger(by) => enlarged(rows, by),
            Self::Wrapped(by) => rows.start - by..rows.end - by,
            Self::Whole => 0..height,
        }
    }

    /// After how many rows a node's values come again, where those of what it reads do after `period`; `None` where they
    /// do not.
    pub(super) fn period(self, period: isize) -> Option<isize> {
        match self {
            Self::Same | Self::Wrapped(_) => Some(period),
            Self::Window { window: Window { stride, doubled: false, .. }, padded: false } => {
                (period % stride as isize == 0).then_some(period / stride as isize)
            }
            Self::Larger(by) => Some(period * by),
            Self::Window { .. } | Self::Whole => None,
        }
    }
}

/// The rows of which these are made, `by` of each.
fn enlarged(rows: &Rows, by: isize) -> Rows {
    rows.start.div_euclid(by)..(rows.end - 1).div_euclid(by) + 1
}

/// Rows of a node, all of them.
pub(super) fn all(node: &Node) -> Rows {
    0..node.shape.height as isize
}

/// The fewest rows that contain both.
pub(super) fn hull(a: Option<Rows>, b: Rows) -> Rows {
    a.map_or(b.clone(), |a| a.start.min(b.start)..a.end.max(b.end))
}

/// Lines of a convolution that a backend may make together, counted from the first that is made: where strips begin with
/// such a multiple, they have the bits of the whole.
const UNIT: isize = 4;

/// The rows of a node that are made where these are needed: of a convolution whole units, as far as the picture goes.
pub(super) fn in_units(node: &Node, rows: Rows) -> Rows {
    if !matches!(node.op, Op::Conv3x3 { window: Window { stride: 1, .. }, .. }) {
        return rows;
    }
    let height = node.shape.height as isize;
    let end = (rows.end + UNIT - 1).div_euclid(UNIT) * UNIT;
    let end = if rows.end <= height { end.min(height) } else { end };
    rows.start.div_euclid(UNIT) * UNIT..end
}
