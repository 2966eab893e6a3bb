//! Which kernels are compiled: those of the table of cases, which has every operation in every precision, and those
//! of SDXL's layers, whose inner loops are looked at.

use std::sync::Arc;

use fulmen_engine::cases;
use fulmen_engine::gpu::{Core, KernelVariant, kernel_variants};
use fulmen_engine::graph::{Affine, ConvWindow, Element, Graph, Recorder, Shape, Tensor};
use fulmen_engine::weights::Weight;
use half::f16;

/// A kernel, and what it is for.
pub(crate) struct Variant {
    pub kernel: KernelVariant,
    /// `f16 2×8×5, residual` of a case, or the layer of SDXL.
    pub label: String,
    /// Whether it is one of SDXL's.
    pub sdxl: bool,
}

/// Of which operations there are kernels for matrix units. These have many sizes: where compiling takes long, SDXL's layers
/// are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matrices {
    None,
    OfSdxl,
    OfAll,
}

/// Each variant once; SDXL's first. `lanes` are those of a subgroup.
pub(crate) fn all(lanes: u32, matrices: Matrices) -> Result<Vec<Variant>, String> {
    let mut all: Vec<Variant> = Vec::new();
    let layers = layers()?.into_iter().map(|(label, graph)| (label.to_owned(), graph, true));
    let cases = cases::all().map(|case| (case.variant, case.graph, false));
    for (label, graph, sdxl) in layers.chain(cases) {
        let has_matrices = matrices == Matrices::OfAll || matrices == Matrices::OfSdxl && sdxl;
        let cooperative = has_matrices.then_some(Core::Cooperative);
        for core in [Core::Tiled, Core::Subgroup].into_iter().chain(cooperative) {
            let kernels = kernel_variants(&graph, core, Some(lanes)).map_err(|error| error.to_string())?;
            for kernel in kernels {
                if !all.iter().any(|known| known.kernel == kernel) {
                    all.push(Variant { kernel, label: label.clone(), sdxl });
                }
            }
        }
    }
    Ok(all)
}

/// Layers of SDXL in halves, as checkpoints have them, those that may be quantised, and those of its VAE in f32. Sizes do not
/// change a kernel.
fn layers() -> Result<Vec<(&'static str, Arc<Graph>)>, String> {
    let (tokens, pixels) = (Shape::tokens(1, 64, 64), Shape { images: 1, height: 8, width: 8, channels: 64 });
    let affine = || Affine { scale: weight(&[64]), shift: weight(&[64]), epsilon: 1e-5 };
    let layers = [
        (
            "product, bias, residual",
            graph(tokens, |graph, x| {
                let y = graph.linear(x, &weight(&[64, 64]), Some(&weight(&[64])));
                graph.add(x, y)
            })?,
        ),
        (
            "product, GEGLU",
            graph(tokens, |graph, x| graph.linear_geglu(x, &weight(&[128, 64]), &weight(&[128])))?,
        ),
        (
            "convolution, bias, residual",
            graph(pixels, |graph, x| {
                let y = graph.conv3x3(x, &weight(&[64, 64, 3, 3]), Some(&weight(&[64])), ConvWindow::SAME);
                graph.add(x, y)
            })?,
        ),
        ("product, eight bits", graph(tokens, |graph, x| graph.linear(x, &eight_bits(&[64, 64]), None))?),
        ("product, four bits", graph(tokens, |graph, x| graph.linear(x, &four_bits(&[64, 64]), None))?),
        (
            "convolution, eight bits",
            graph(pixels, |graph, x| graph.conv3x3(x, &eight_bits(&[64, 64, 3, 3]), None, ConvWindow::SAME))?,
        ),
        ("attention", graph(tokens, |graph, x| graph.attention(x, x, x, 1, false))?),
        (
            "group norm, SiLU",
            graph(pixels, |graph, x| {
                let y = graph.group_norm(x, 32, &affine());
                graph.silu(y)
            })?,
        ),
        (
            "convolution of f32 that is normalised",
            graph_of(Element::F32, pixels, |graph, x| {
                let y = graph.group_norm(x, 32, &affine());
                graph.conv3x3(y, &weight(&[64, 64, 3, 3]), None, ConvWindow::SAME)
            })?,
        ),
        ("layer norm", graph(tokens, |graph, x| graph.layer_norm(x, &affine()))?),
    ];
    Ok(layers.into())
}

/// A layer in halves.
fn graph(shape: Shape, record: impl Fn(&mut Recorder, Tensor) -> Tensor) -> Result<Arc<Graph>, String> {
    graph_of(Element::F16, shape, record)
}

/// A layer between conversions: values that enter or leave a graph have 32 bits.
fn graph_of(
    element: Element,
    shape: Shape,
    record: impl Fn(&mut Recorder, Tensor) -> Tensor,
) -> Result<Arc<Graph>, String> {
    let mut graph = Recorder::new(element);
    let x = graph.input("x", shape);
    let x = graph.convert(x);
    let y = record(&mut graph, x);
    let y = graph.convert(y);
    graph.finish(&[y]).map(Arc::new).map_err(|error| error.to_string())
}

fn weight(shape: &[usize]) -> Arc<Weight> {
    Arc::new(zeros(shape))
}

fn zeros(shape: &[usize]) -> Weight {
    let zeros = vec![f16::ZERO; shape.iter().product()];
    Weight::from_f16("weight", shape.to_vec(), &zeros)
}

/// As `--weights q8` keeps a weight.
fn eight_bits(shape: &[usize]) -> Arc<Weight> {
    Arc::new(zeros(shape).quantised().expect("its channels are whole blocks"))
}

/// The same of a weight that has four bits in its file.
fn four_bits(shape: &[usize]) -> Arc<Weight> {
    Arc::new(zeros(shape).as_q4_1().quantised().expect("its channels are whole blocks"))
}
