//! A tiny VAE's decoder, whose weights are a function of their names (tests/fixtures/README.md), and its file.

use std::fs;
use std::path::Path;

use fulmen_engine::synth;
use half::f16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A name, a shape, and numbers.
pub(crate) type Tensor = (String, Vec<usize>, Vec<f16>);

/// All layers under diffusers' names: number, inputs, outputs, and whether there is a bias.
fn layers() -> Vec<(String, [usize; 4], bool)> {
    let conv = |name: String, inputs, outputs, bias| (name, [outputs, inputs, 3, 3], bias);
    let mut layers = vec![conv("0".into(), 4, 64, true), conv("18".into(), 64, 3, true)];
    layers.extend([6, 11, 16].map(|number| conv(number.to_string(), 64, 64, false)));
    for block in [2, 3, 4, 7, 8, 9, 12, 13, 14, 17] {
        layers.extend([0, 2, 4].map(|part| conv(format!("{block}.conv.{part}"), 64, 64, true)));
    }
    layers
}

/// All tensors under diffusers' names.
pub(crate) fn seeded() -> Vec<Tensor> {
    let mut tensors = vec![];
    for (layer, shape, bias) in layers() {
        for (part, shape) in [("weight", shape.to_vec()), ("bias", vec![shape[0]])] {
            if part == "weight" || bias {
                let name = format!("decoder.layers.{layer}.{part}");
                let values = synth::values(&format!("vae.{name}"), &shape);
                tensors.push((name, shape, values));
            }
        }
    }
    tensors
}

/// Writes a file, in a folder that need not be there yet.
pub(crate) fn write(path: &Path, tensors: &[Tensor]) {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(.., values)| values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (name.as_str(), TensorView::new(Dtype::F16, shape.clone(), bytes).expect("a tensor"))
    });
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, safetensors::serialize(views, None).expect("a file")).expect("written");
}
