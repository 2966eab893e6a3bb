//! Recording: every function adds one node, checks the shapes, and returns the value's handle.

use std::ops::Range;
use std::sync::Arc;

use super::{
    Activation, Affine, ConvWindow, Element, Epilogue, Graph, Node, NodeId, Op, Padding, Shape, Tiling,
    Window, bounds, fuse,
};
use crate::weights::Weight;
use crate::{Error, Result};

/// A value in a graph under construction: its node and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    id: NodeId,
    shape: Shape,
}

impl Tensor {
    /// `[images, height, width, channels]`.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

/// Records a model's operations.
///
/// Weights were checked when they were loaded, so shapes that do not fit are a mistake in a model's
/// code: the first is kept and reported by [`Recorder::finish`], and `forward` functions read as
/// mathematics, without a `?` on every line.
#[derive(Debug)]
pub struct Recorder {
    nodes: Vec<Node>,
    element: Element,
    tiling: Tiling,
    packs: bool,
    error: Option<Error>,
}

impl Recorder {
    /// An empty graph whose inner values are stored as `element`.
    #[must_use]
    pub fn new(element: Element) -> Self {
        Self { nodes: Vec::new(), element, tiling: Tiling::default(), packs: false, error: None }
    }

    /// The same for pictures that continue on their opposite sides: convolutions see those where there would be zeros
    /// around.
    pub(crate) fn tiled(self, tiling: Tiling) -> Self {
        Self { tiling, ..self }
    }

    /// The same for devices on which one large product takes less time than three: queries, keys and values of
    /// self-attentions are made by one.
    pub(crate) fn packing(self, packs: bool) -> Self {
        Self { packs, ..self }
    }

    /// Whether it is [`Self::packing`].
    pub(crate) fn packs(&self) -> bool {
        self.packs
    }

    /// A value given from outside as f32.
    pub fn input(&mut self, name: &str, shape: Shape) -> Tensor {
        self.input_as(name, shape, Element::F32)
    }

    /// The same of which many runs in a row are given the same numbers: what is computed from such inputs alone is computed
    /// when one of them changes.
    pub fn lasting_input(&mut self, name: &str, shape: Shape) -> Tensor {
        let input = self.input(name, shape);
        self.nodes[input.id].op = Op::Input { name: name.into(), lasts: true };
        input
    }

    /// Token ids or places, given from outside.
    pub fn ids(&mut self, name: &str, shape: Shape) -> Tensor {
        self.input_as(name, shape, Element::U32)
    }

    /// `x · weightᵀ + bias`: weight `[out, in]`, `x [.., in] → [.., out]`.
    pub fn linear(&mut self, x: Tensor, weight: &Arc<Weight>, bias: Option<&Arc<Weight>>) -> Tensor {
        let fits = weight.fan_in() == x.shape.channels;
        self.check(fits, weight.name(), || format!("{} for a weight {:?}", x.shape, weight.shape()));
        let epilogue = Epilogue { bias: bias.cloned(), ..Epilogue::default() };
        let shape = x.shape.with_channels(weight.outputs());
        self.push(Op::Linear { weight: weight.clone(), epilogue }, &[x], shape)
    }

    /// `a · gelu(b)` with `[a, b] = x · weightᵀ + bias`: weight `[2 · inner, in] → [.., inner]`.
    pub fn linear_geglu(&mut self, x: Tensor, weight: &Arc<Weight>, bias: &Arc<Weight>) -> Tensor {
        let fits = weight.fan_in() == x.shape.channels && weight.outputs().is_multiple_of(2);
        self.check(fits, weight.name(), || format!("{} for a weight {:?}", x.shape, weight.shape()));
        let activation = Activation::Geglu;
        let epilogue = Epilogue { bias: Some(bias.clone()), activation, ..Epilogue::default() };
        let shape = x.shape.with_channels(weight.outputs() / 2);
        self.push(Op::Linear { weight: weight.clone(), epilogue }, &[x], shape)
    }

    /// 3×3 convolution: weight `[out, in, 3, 3]`.
    pub fn conv3x3(
        &mut self,
        x: Tensor,
        weight: &Arc<Weight>,
        bias: Option<&Arc<Weight>>,
        window: ConvWindow,
    ) -> Tensor {
        let (x, ConvWindow { stride, padding: [rows, columns] }) = self.wrapped(x, window);
        let (height, width) = (rows.steps(x.shape.height, stride), columns.steps(x.shape.width, stride));
        let fits = weight.fan_in() == 9 * x.shape.channels && height.is_some() && width.is_some();
        self.check(fits, weight.name(), || format!("{} for a weight {:?}", x.shape, weight.shape()));
        let epilogue = Epilogue { bias: bias.cloned(), ..Epilogue::default() };
        let (height, width) = (height.unwrap_or(1), width.unwrap_or(1));
        let shape = Shape::image(x.shape.images, height, width, weight.outputs());
        let window = Window { stride, origin: [rows, columns].map(|at| at.before as isize), doubled: false };
        self.push(Op::Conv3x3 { weight: weight.clone(), window, epilogue }, &[x], shape)
    }

    /// Attention over all heads: `q [n, .., heads · head_dim]`, `k` and `v` of one shape.
    pub fn attention(&mut self, q: Tensor, k: Tensor, v: Tensor, heads: usize, causal: bool) -> Tensor {
        let channels = q.shape.channels;
        let fits = k.shape == v.shape
            && k.shape.channels == channels
            && k.shape.images == q.shape.images
            && channels.is_multiple_of(heads);
        self.check(fits, "attention", || format!("{} with keys {}, {heads} heads", q.shape, k.shape));
        self.push(Op::Attention { heads, causal }, &[q, k, v], q.shape)
    }

    /// The same of queries, keys and values that are side by side: `qkv [n, .., 3 · channels] → [n, .., channels]`.
    pub(crate) fn attention_packed(&mut self, qkv: Tensor, heads: usize, causal: bool) -> Tensor {
        let fits = qkv.shape.channels.is_multiple_of(3 * heads);
        self.check(fits, "attention", || format!("{} with {heads} heads", qkv.shape));
        let shape = qkv.shape.with_channels(qkv.shape.channels / 3);
        self.push(Op::Attention { heads, causal }, &[qkv], shape)
    }

    /// Normalised attention guidance of each image; see [`Op::Guide`]. `guidance` is in f32, as inputs are.
    pub(crate) fn guide(&mut self, a: Tensor, b: Tensor, guidance: Tensor) -> Tensor {
        let fits = a.shape == b.shape
            && guidance.shape == Shape::vector(a.shape.images, 3)
            && self.nodes[guidance.id].element == Element::F32;
        self.check(fits, "guide", || format!("{} and {} by {}", a.shape, b.shape, guidance.shape));
        self.push(Op::Guide, &[a, b, guidance], a.shape)
    }

    /// Group norm: each group of channels of each image to mean 0 and deviation 1, then `affine`.
    pub fn group_norm(&mut self, x: Tensor, groups: usize, affine: &Affine) -> Tensor {
        let moments = self.moments(x, groups);
        self.normalise(x, moments, affine)
    }

    /// Mean and variance of each group of channels of each image; see [`Op::Moments`].
    pub(crate) fn moments(&mut self, x: Tensor, groups: usize) -> Tensor {
        let fits = x.shape.channels.is_multiple_of(groups);
        self.check(fits, "moments", || format!("{} in {groups} groups", x.shape));
        let moments = self.push(Op::Moments, &[x], Shape::tokens(x.shape.images, groups, 4));
        self.nodes[moments.id].element = Element::F32;
        moments
    }

    /// `x` by the moments of its groups; see [`Op::Normalise`].
    pub(crate) fn normalise(&mut self, x: Tensor, moments: Tensor, affine: &Affine) -> Tensor {
        let fits = self.nodes[moments.id].element == Element::F32
            && moments.shape == Shape::tokens(x.shape.images, moments.shape.width, 4)
            && x.shape.channels.is_multiple_of(moments.shape.width)
            && affine.scale.len() == x.shape.channels
            && affine.shift.len() == x.shape.channels;
        self.check(fits, affine.scale.name(), || format!("{} with moments {}", x.shape, moments.shape));
        self.push(Op::Normalise { affine: affine.clone(), silu: false }, &[x, moments], x.shape)
    }

    /// Layer norm over the channels.
    pub fn layer_norm(&mut self, x: Tensor, affine: &Affine) -> Tensor {
        let fits = affine.scale.len() == x.shape.channels && affine.shift.len() == x.shape.channels;
        self.check(fits, affine.scale.name(), || format!("{} with {} scales", x.shape, affine.scale.len()));
        self.push(Op::LayerNorm(affine.clone()), &[x], x.shape)
    }

    /// `a + b`, of one shape.
    pub fn add(&mut self, a: Tensor, b: Tensor) -> Tensor {
        self.check(a.shape == b.shape, "add", || format!("{} and {}", a.shape, b.shape));
        self.push(Op::Add, &[a, b], a.shape)
    }

    /// `x + vector`, one vector `[images, 1, 1, channels]` for each image.
    pub fn add_per_image(&mut self, x: Tensor, vector: Tensor) -> Tensor {
        let fits = vector.shape == Shape::vector(x.shape.images, x.shape.channels);
        self.check(fits, "add_per_image", || format!("{} and {}", x.shape, vector.shape));
        self.push(Op::AddPerImage, &[x, vector], x.shape)
    }

    /// `a + factor · b`, of one shape, with the factor that each image has at this place; see [`Op::AddScaled`].
    /// `factors` is in f32, as inputs are.
    pub(crate) fn add_scaled(&mut self, a: Tensor, b: Tensor, factors: Tensor, place: usize) -> Tensor {
        let fits = a.shape == b.shape
            && factors.shape == Shape::vector(a.shape.images, factors.shape.channels)
            && place < factors.shape.channels
            && self.nodes[factors.id].element == Element::F32;
        self.check(fits, "add_scaled", || {
            format!("{} and {} by place {place} of {}", a.shape, b.shape, factors.shape)
        });
        self.push(Op::AddScaled { place }, &[a, b, factors], a.shape)
    }

    /// `x · sigmoid(x)`.
    pub fn silu(&mut self, x: Tensor) -> Tensor {
        self.activate(x, Activation::Silu)
    }

    /// A function of every number, [`Activation::Geglu`] excepted.
    pub(crate) fn activate(&mut self, x: Tensor, activation: Activation) -> Tensor {
        let fits = activation != Activation::Geglu;
        self.check(fits, "activate", || "GEGLU is an epilogue of a product".into());
        self.push(Op::Activate(activation), &[x], x.shape)
    }

    /// `x`, and below 0 its product with a slope for each channel.
    pub(crate) fn prelu(&mut self, x: Tensor, slopes: &Arc<Weight>) -> Tensor {
        let fits = slopes.len() == x.shape.channels;
        self.check(fits, slopes.name(), || format!("{} with {} slopes", x.shape, slopes.len()));
        self.push(Op::Prelu { slopes: slopes.clone() }, &[x], x.shape)
    }

    /// Channels of `a`, then channels of `b`.
    pub(crate) fn concat(&mut self, a: Tensor, b: Tensor) -> Tensor {
        let shape = a.shape.with_channels(a.shape.channels + b.shape.channels);
        let fits = a.shape.with_channels(0) == b.shape.with_channels(0);
        self.check(fits, "concat", || format!("{} and {}", a.shape, b.shape));
        self.push(Op::Concat, &[a, b], shape)
    }

    /// Nearest neighbour to `height × width`.
    pub fn upsample(&mut self, x: Tensor, height: usize, width: usize) -> Tensor {
        let shape = Shape { height, width, ..x.shape };
        self.push(Op::Upsample, &[x], shape)
    }

    /// A border of `by` rows above and below and columns left and right; see [`Op::Pad`].
    pub fn pad(&mut self, x: Tensor, wrap: [bool; 2], by: [usize; 2]) -> Tensor {
        let (height, width) = (x.shape.height + 2 * by[0], x.shape.width + 2 * by[1]);
        self.push(Op::Pad { wrap, by }, &[x], Shape { height, width, ..x.shape })
    }

    /// Some rows of pixels of each image.
    pub(crate) fn rows(&mut self, x: Tensor, rows: Range<usize>) -> Tensor {
        let fits = rows.start < rows.end && rows.end <= x.shape.height;
        self.check(fits, "rows", || format!("{} has no rows {rows:?}", x.shape));
        let shape = Shape { height: rows.len(), ..x.shape };
        self.push(Op::Rows(rows), &[x], shape)
    }

    /// The same numbers in the graph's element type: no product takes it into its epilogue.
    pub fn convert(&mut self, x: Tensor) -> Tensor {
        self.push(Op::Convert, &[x], x.shape)
    }

    /// The same numbers in the graph's element type where they are not: for what many products read.
    pub(crate) fn in_own_element(&mut self, x: Tensor) -> Tensor {
        if self.nodes[x.id].element == self.element { x } else { self.convert(x) }
    }

    /// Token embedding plus position embedding: `ids [n, 1, tokens, 1] → [n, 1, tokens, channels]`.
    pub(crate) fn embed(&mut self, ids: Tensor, table: &Arc<Weight>, positions: &Arc<Weight>) -> Tensor {
        let fits = table.fan_in() == positions.fan_in() && positions.outputs() >= ids.shape.pixels();
        self.check(fits, table.name(), || format!("{} positions for {}", positions.outputs(), ids.shape));
        let (table, positions) = (table.clone(), positions.clone());
        let shape = ids.shape.with_channels(table.fan_in());
        self.push(Op::Embed { table, positions }, &[ids], shape)
    }

    /// One token of each image: `x [n, .., c]`, `index [n, 1, 1, 1] → [n, 1, 1, c]`.
    pub fn take_token(&mut self, x: Tensor, index: Tensor) -> Tensor {
        let fits = index.shape == Shape::vector(x.shape.images, 1);
        self.check(fits, "take_token", || format!("{} at {}", x.shape, index.shape));
        self.push(Op::TakeToken, &[x, index], Shape::vector(x.shape.images, x.shape.channels))
    }

    /// Three channels in [−1, 1] to packed RGBA8; see [`Op::Picture`].
    pub fn picture(&mut self, x: Tensor) -> Tensor {
        self.check(x.shape.channels == 3, "picture", || format!("{} has no three channels", x.shape));
        let picture = self.push(Op::Picture, &[x], x.shape.with_channels(1));
        self.nodes[picture.id].element = Element::U32;
        picture
    }

    /// The graph that computes `outputs`: what they do not need is dropped, epilogues are fused,
    /// and outputs are stored in f32.
    ///
    /// # Errors
    /// [`Error::Graph`], the first shape that did not fit.
    pub fn finish(self, outputs: &[Tensor]) -> Result<Graph> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut graph = Graph { nodes: self.nodes, outputs: outputs.iter().map(|t| t.id).collect() };
        for &output in &graph.outputs {
            let element = &mut graph.nodes[output].element;
            if *element == Element::F16 {
                *element = Element::F32;
            }
        }
        let mut graph = fuse::fuse(graph);
        bounds::find(&mut graph);
        Ok(graph)
    }

    /// `x` with the border of its opposite sides, along the axes of the tiling on which there would be zeros on both
    /// sides, and the window of a convolution over that.
    fn wrapped(&mut self, x: Tensor, mut window: ConvWindow) -> (Tensor, ConvWindow) {
        let mut wrap = [self.tiling.y, self.tiling.x];
        for (wrap, padding) in wrap.iter_mut().zip(&mut window.padding) {
            *wrap &= *padding == Padding::AROUND;
            if *wrap {
                *padding = Padding::NONE;
            }
        }
        if wrap == [false; 2] { (x, window) } else { (self.pad(x, wrap, wrap.map(usize::from)), window) }
    }

    fn input_as(&mut self, name: &str, shape: Shape, element: Element) -> Tensor {
        let input = self.push(Op::Input { name: name.into(), lasts: false }, &[], shape);
        self.nodes[input.id].element = element;
        self.nodes[input.id].label = name.into();
        input
    }

    fn push(&mut self, op: Op, inputs: &[Tensor], shape: Shape) -> Tensor {
        let id = self.nodes.len();
        let label = match (op.weight_name(), inputs.first()) {
            (Some(name), _) => name.trim_end_matches(".weight").to_owned(),
            (None, Some(x)) => format!("{} of {}", op.name(), innermost(&self.nodes[x.id].label)),
            (None, None) => op.name().to_owned(),
        };
        let inputs = inputs.iter().map(|t| t.id).collect();
        self.nodes.push(Node { op, inputs, shape, element: self.element, bound: None, label });
        Tensor { id, shape }
    }

    fn check(&mut self, fits: bool, node: &str, what: impl FnOnce() -> String) {
        if !fits && self.error.is_none() {
            self.error = Some(Error::Graph { node: node.to_owned(), what: what() });
        }
    }
}

/// `add of silu of x` says no more than `add of x`: keeps labels short.
fn innermost(label: &str) -> &str {
    label.rsplit(" of ").next().unwrap_or(label)
}
