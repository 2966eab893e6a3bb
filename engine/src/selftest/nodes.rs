//! The demo model on a device, node by node.
//!
//! Every node's value is compared with plain loops over the values that *the device* made of the
//! nodes before it: errors do not add up along the way, and the first node that disagrees is the one
//! to look at.

use std::sync::Arc;

use crate::backend::{Backend, HostTensor};
use crate::cases::{BOUND_F16, BOUND_F32, nmse};
use crate::cpu::reference;
use crate::graph::{Element, Graph, Node, Op, Shape, Tiling};
use crate::noise::TorchRng;
use crate::text::TextEncoders;
use crate::tokens::LENGTH;
use crate::unet::{UNet, UNetInputs};
use crate::vae::VaeDecoder;
use crate::weights::{Checkpoint, Part};
use crate::{Error, Result};

/// Latent pixels of a side: enough for every level of the network, little enough for plain loops.
const LATENT_SIDE: usize = 16;

/// What a device made of one node.
#[derive(Debug, Clone, serde::Serialize)]
pub struct NodeVerdict {
    /// `text`, `unet` or `vae`.
    pub program: &'static str,
    /// Where in the model.
    pub node: String,
    /// The operation.
    pub op: &'static str,
    /// `1×16×16×64`.
    pub shape: String,
    /// How far from right.
    pub nmse: f64,
    /// How far is still right.
    pub tolerance: f64,
    /// Whether it is.
    pub agrees: bool,
}

/// Runs the demo model's three graphs on `backend` and shows each node to `visit`, up to the first
/// that disagrees. Answers whether all agree.
///
/// # Errors
/// Whatever the backend fails with.
pub fn demo_model(
    backend: &dyn Backend,
    element: Element,
    visit: &mut dyn FnMut(&NodeVerdict),
) -> Result<bool> {
    for (program, graph) in graphs(element)? {
        if !compare(backend, program, &Arc::new(graph), visit)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn graphs(element: Element) -> Result<[(&'static str, Graph); 3]> {
    let demo = Checkpoint::embedded_demo()?;
    let text = TextEncoders::load(&demo)?;
    let unet = UNet::load(&demo.weights(Part::Unet)?, demo.config(Part::Unet)?)?;
    let vae = VaeDecoder::load(&demo.weights(Part::Vae)?, demo.config(Part::Vae)?)?;
    let latents = Shape::image(1, LATENT_SIDE, LATENT_SIDE, unet.config().in_channels);
    Ok([
        ("text", text.graph(element)?),
        ("unet", unet.graph(&UNetInputs::new(latents, LENGTH), element)?),
        ("vae", vae.graph(latents, Tiling::default(), element, false)?),
    ])
}

fn compare(
    backend: &dyn Backend,
    program: &'static str,
    graph: &Arc<Graph>,
    visit: &mut dyn FnMut(&NodeVerdict),
) -> Result<bool> {
    let given = inputs(graph);
    let by_name: Vec<(&str, &HostTensor)> = given.iter().map(|(name, tensor)| (&**name, tensor)).collect();
    let mut values: Vec<HostTensor> = Vec::with_capacity(graph.nodes().len());
    let mut agrees = true;
    let traced = backend.compile(graph.clone())?.trace(&by_name, &mut |node, value| {
        if !matches!(node.op, Op::Input { .. }) {
            let verdict = judge(program, node, value, &values);
            agrees = verdict.agrees;
            visit(&verdict);
        }
        values.push(value.clone());
        // There is no other way to leave a trace early.
        if agrees { Ok(()) } else { Err(Error::Cancelled) }
    });
    match traced {
        Err(Error::Cancelled) if !agrees => Ok(false),
        other => other.map(|()| true),
    }
}

fn judge(program: &'static str, node: &Node, value: &HostTensor, values: &[HostTensor]) -> NodeVerdict {
    let inputs: Vec<&HostTensor> = node.inputs.iter().map(|&id| &values[id]).collect();
    let nmse = nmse(value, &reference::evaluate(node, &inputs));
    let tolerance = if node.element == Element::F16 { BOUND_F16 } else { BOUND_F32 };
    NodeVerdict {
        program,
        node: node.label.clone(),
        op: node.op.name(),
        shape: node.shape.to_string(),
        nmse,
        tolerance,
        agrees: nmse <= tolerance,
    }
}

/// Values of N(0, 1) for activations, small numbers for ids and places.
fn inputs(graph: &Graph) -> Vec<(String, HostTensor)> {
    let mut rng = TorchRng::seed(0);
    let input = |node: &Node| {
        let Op::Input { name, .. } = &node.op else { return None };
        let tensor = match node.element {
            Element::U32 => {
                let ids = (0..node.shape.len() as u32).map(|i| 17 * i % 1000).collect();
                HostTensor::u32(node.shape, ids)
            }
            Element::F32 | Element::F16 => HostTensor::f32(node.shape, rng.normals(node.shape.len())),
        };
        Some((name.clone(), tensor))
    };
    graph.nodes().iter().filter_map(input).collect()
}
