//! Where a folder's files come from: a disk, or this very binary.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::file::{self, Mapped};
use crate::error::Result;

/// A folder of named files. Names have `/` between their parts.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// On a disk.
    Folder(PathBuf),
    /// In the binary: a name for messages, then names and bytes.
    Embedded(&'static str, &'static [(&'static str, &'static [u8])]),
}

impl Source {
    /// The folder, for messages.
    pub(crate) fn root(&self) -> &Path {
        match self {
            Self::Folder(root) => root,
            Self::Embedded(root, _) => Path::new(root),
        }
    }

    /// A file of it, for messages.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// A file of weights, in memory if it is at most `small`; `None` if there is no such file.
    pub(crate) fn weights(&self, name: &str, small: u64) -> Result<Option<Mapped>> {
        match self {
            Self::Folder(root) => file::weights(&root.join(name), small),
            Self::Embedded(..) => Ok(self.embedded(name).map(Mapped::fixed)),
        }
    }

    /// A small file's bytes, at most `limit`; `None` if there is no such file.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Bytes>> {
        match self {
            Self::Folder(root) => file::read(&root.join(name), limit),
            Self::Embedded(..) => Ok(self.embedded(name)),
        }
    }

    /// The names of the files in a folder of it, sorted.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>> {
        match self {
            Self::Folder(root) => file::list(&root.join(folder)),
            Self::Embedded(_, files) => {
                let inside = |name: &'static str| name.strip_prefix(folder)?.strip_prefix('/');
                Ok(files.iter().filter_map(|(name, _)| inside(name)).map(str::to_owned).collect())
            }
        }
    }

    fn embedded(&self, name: &str) -> Option<Bytes> {
        let Self::Embedded(_, files) = self else { return None };
        files.iter().find(|(known, _)| *known == name).map(|(_, bytes)| Bytes::from_static(bytes))
    }
}

/// One file of `models/demo`.
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../models/demo/", $name)))
    };
}

/// CLIP's vocabulary: each token and its number.
pub(crate) static VOCAB: &[u8] = include_bytes!("../../../models/demo/tokenizer/vocab.json");
/// CLIP's merges: which pairs become one token, most frequent first.
pub(crate) static MERGES: &[u8] = include_bytes!("../../../models/demo/tokenizer/merges.txt");
/// The first tokenizer's settings.
pub(crate) static TOKENIZER: &[u8] = include_bytes!("../../../models/demo/tokenizer/tokenizer_config.json");
/// The second tokenizer's settings: it pads with another token.
pub(crate) static TOKENIZER_2: &[u8] =
    include_bytes!("../../../models/demo/tokenizer_2/tokenizer_config.json");

/// The tokenizers share one vocabulary, so it is here once.
static FILES: &[(&str, &[u8])] = &[
    file!("model_index.json"),
    file!("scheduler/scheduler_config.json"),
    file!("text_encoder/config.json"),
    file!("text_encoder/model.safetensors"),
    file!("text_encoder_2/config.json"),
    file!("text_encoder_2/model.safetensors"),
    file!("unet/config.json"),
    file!("unet/diffusion_pytorch_model.safetensors"),
    file!("vae/config.json"),
    file!("vae/diffusion_pytorch_model.safetensors"),
    ("tokenizer/vocab.json", VOCAB),
    ("tokenizer/merges.txt", MERGES),
    ("tokenizer/tokenizer_config.json", TOKENIZER),
    ("tokenizer_2/vocab.json", VOCAB),
    ("tokenizer_2/merges.txt", MERGES),
    ("tokenizer_2/tokenizer_config.json", TOKENIZER_2),
];

/// The demo model's folder.
pub(crate) fn demo() -> Source {
    Source::Embedded("the embedded demo model", FILES)
}
