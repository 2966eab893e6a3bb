//! Reference outputs made with diffusers: tensors by name, from a committed safetensors file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// The tensors of one reference run.
pub(crate) struct Golden {
    name: String,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    /// Reads all tensors as f32; ids are small integers and lose nothing.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).expect("a golden file");
        let decode = |dtype: Dtype, word: [u8; 4]| match dtype {
            Dtype::F32 => f32::from_le_bytes(word),
            Dtype::I32 => i32::from_le_bytes(word) as f32,
            other => panic!("a golden of {other:?}"),
        };
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let words = view.data().as_chunks::<4>().0;
            let values = match view.dtype() {
                Dtype::U8 => view.data().iter().copied().map(f32::from).collect(),
                dtype => words.iter().map(|word| decode(dtype, *word)).collect(),
            };
            (name, (view.shape().to_vec(), values))
        });
        Self { name: path.display().to_string(), tensors: tensors.collect() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The values of a tensor, in the order of the file.
    pub(crate) fn values(&self, name: &str) -> &[f32] {
        &self.tensor(name).1
    }

    pub(crate) fn shape(&self, name: &str) -> &[usize] {
        &self.tensor(name).0
    }

    /// Token ids.
    pub(crate) fn ids(&self, name: &str) -> Vec<u32> {
        self.values(name).iter().map(|&id| id as u32).collect()
    }

    /// Panics unless `got` is within `tolerance` of the tensor, relative to its greatest value.
    pub(crate) fn check(&self, name: &str, got: &[f32], tolerance: f32, what: &str) {
        let wanted = self.values(name);
        assert_eq!(got.len(), wanted.len(), "{what}: {name} of {}", self.name);
        let scale = wanted.iter().fold(f32::MIN_POSITIVE, |max, v| max.max(v.abs()));
        let error = got.iter().zip(wanted).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max) / scale;
        assert!(error <= tolerance, "{what}: {name} of {} is off by {error:.2e} of its range", self.name);
    }

    fn tensor(&self, name: &str) -> &(Vec<usize>, Vec<f32>) {
        self.tensors.get(name).unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }
}

/// A file or folder beside this crate's manifest.
pub(crate) fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
