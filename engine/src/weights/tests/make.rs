//! Files for tests.

use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

use crate::networks::inventory;
use crate::synth::{self, SynthLayout};
use crate::weights::{Checkpoint, Configs, Part};

/// A tensor of a file: name, type, shape, bytes.
pub(super) type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// A safetensors file as the format's own writer makes it.
pub(super) fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut views = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        views.push((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    }
    safetensors::serialize(views, None).unwrap()
}

/// The tensors of a file, by name.
pub(super) fn tensors_of(path: &Path) -> Vec<Tensor> {
    let bytes = fs::read(path).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    let tensor =
        |(key, s): (&str, TensorView)| (key.to_owned(), s.dtype(), s.shape().to_vec(), s.data().to_vec());
    stored.iter().map(tensor).collect()
}

/// Writes a file again under other names; `None` leaves a tensor out.
pub(super) fn rename(from: &Path, to: &Path, name: impl Fn(&str) -> Option<String>) {
    let renamed = |(key, dtype, shape, bytes): Tensor| Some((name(&key)?, dtype, shape, bytes));
    let tensors: Vec<Tensor> = tensors_of(from).into_iter().filter_map(renamed).collect();
    fs::write(to, safetensors(&tensors)).unwrap();
}

/// Configurations of a tiny model.
pub(super) fn tiny(case: &str) -> Configs {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/goldens");
    Configs::folder(&goldens.join(case)).unwrap()
}

/// A synthetic model of a tiny configuration, written to a folder of its own.
pub(super) fn synthetic(configs: &Configs, layout: SynthLayout) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    synth::write(configs, &out, layout, &|_| Ok(())).unwrap();
    (folder, out)
}

/// All tensors of a part as a model sees them, in the order of the network: canonical names, shapes,
/// numbers as halves.
pub(super) fn canonical(checkpoint: &Checkpoint, part: Part) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let weights = checkpoint.weights(part).unwrap();
    let list = inventory(checkpoint.configs(), part).unwrap();
    let tensor = |spec: &crate::weights::TensorSpec| {
        let tensor = weights.tensor(&spec.name, &spec.shape).unwrap();
        let mut halves = vec![f16::ZERO; tensor.len()];
        tensor.read_halves(0, &mut halves);
        let bytes = halves.into_iter().flat_map(f16::to_le_bytes).collect();
        (tensor.name().to_owned(), tensor.shape().to_vec(), bytes)
    };
    list.iter().map(tensor).collect()
}

/// Fails unless both checkpoints hold the same model.
pub(super) fn assert_same(left: &Checkpoint, right: &Checkpoint) {
    for part in Part::WITH_WEIGHTS {
        assert_same_part(left, right, part);
    }
}

/// Fails unless a part is the same in both.
pub(super) fn assert_same_part(left: &Checkpoint, right: &Checkpoint, part: Part) {
    for (a, b) in canonical(left, part).iter().zip(canonical(right, part)) {
        assert_eq!((&a.0, &a.1), (&b.0, &b.1));
        assert!(a.2 == b.2, "{} has other values", a.0);
    }
}
