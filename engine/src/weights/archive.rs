//! The tensors of one part's file, or of all its shards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;

use super::about::About;
use super::file::{self, GoOn, Mapped, bad_file};
use super::foreign;
use super::gguf;
use super::header;
use super::part::Part;
use super::source::Source;
use super::stored::{Contents, StoredTensor};
use super::torch;
use crate::error::{Error, Result};
use crate::quote;

/// The largest published models have a few dozen shards.
const MAX_SHARDS: usize = 1000;

/// Named tensors, mapped.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    /// The file, or the index of its shards.
    pub(crate) origin: PathBuf,
    pub(crate) tensors: HashMap<String, StoredTensor>,
    /// Every file.
    pub(crate) files: Vec<(PathBuf, Mapped)>,
    /// What they say of themselves.
    pub(crate) about: About,
    /// What the user should know of them.
    pub(crate) warnings: Vec<String>,
}

/// `*.safetensors.index.json`: which shard has which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// What finds the tensors in a file.
type Reader = fn(&Path, &Bytes) -> Result<Contents>;

impl Archive {
    /// One file on a disk.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_by(path, file::SMALL, contents, &|| Ok(()))
    }

    /// The same, as long as nobody stops it.
    pub(crate) fn open_while(path: &Path, go_on: GoOn<'_>) -> Result<Self> {
        Self::open_by(path, file::SMALL, contents, go_on)
    }

    /// The same of a file of which no more than its header is read, however small it is.
    pub(crate) fn open_unread(path: &Path) -> Result<Self> {
        Self::open_by(path, 0, contents, &|| Ok(()))
    }

    /// The same, also a file of PyTorch's, whose pickle is read as data: networks beside a model are published in them.
    pub(crate) fn open_network(path: &Path) -> Result<Self> {
        let reader: Reader = |path, bytes| match torch::is_one(bytes) {
            true => torch::contents(path, bytes).map_err(|what| bad_file(path, what)),
            false => contents(path, bytes),
        };
        Self::open_by(path, file::SMALL, reader, &|| Ok(()))
    }

    /// Whether a file is PyTorch's.
    pub(crate) fn is_pytorchs(path: &Path) -> Result<bool> {
        Ok(file::weights(path, file::SMALL)?.is_some_and(|mapped| torch::is_one(&mapped.bytes)))
    }

    /// It is read into memory if it has at most `small` bytes.
    fn open_by(path: &Path, small: u64, reader: Reader, go_on: GoOn<'_>) -> Result<Self> {
        let missing = || Error::Read { file: path.into(), source: std::io::ErrorKind::NotFound.into() };
        let mut archive = Self { origin: path.to_path_buf(), ..Self::default() };
        archive.add(path, file::weights_while(path, small, go_on)?.ok_or_else(missing)?, reader)?;
        Ok(archive)
    }

    /// A part's file or shards in a folder of the source; `None` if it has none.
    pub(crate) fn find(source: &Source, folder: &str, part: Part) -> Result<Option<Self>> {
        Self::find_named(source, folder, part.weights_stem())
    }

    /// The same of files that are called `stem`.
    pub(crate) fn find_named(source: &Source, folder: &str, stem: &str) -> Result<Option<Self>> {
        // Full precision first; `fp16` files are the same weights, rounded.
        let names = ["", ".fp16", ".bf16"].map(|variant| {
            [
                format!("{stem}{variant}.safetensors"),
                format!("{stem}{variant}.safetensors.index.json"),
                // diffusers and transformers put the variant here, some releases there.
                format!("{stem}.safetensors.index{variant}.json"),
            ]
        });
        for name in names.iter().flatten() {
            if let Some(archive) = Self::read(source, folder, name)? {
                return Ok(Some(archive));
            }
        }
        let present = source.list(folder)?;
        match present.iter().filter(|name| name.ends_with(".safetensors")).collect::<Vec<_>>()[..] {
            [only] => Self::read(source, folder, only),
            _ => Ok(None),
        }
    }

    fn read(source: &Source, folder: &str, name: &str) -> Result<Option<Self>> {
        let name = within(folder, name);
        let mut archive = Self { origin: source.path(&name), ..Self::default() };
        if name.ends_with(".json") {
            let Some(index) = source.read(&name, file::INDEX)? else { return Ok(None) };
            archive.add_shards(source, folder, &index)?;
        } else {
            let Some(mapped) = source.weights(&name, file::SMALL)? else { return Ok(None) };
            archive.add(&source.path(&name), mapped, contents)?;
        }
        Ok(Some(archive))
    }

    fn add(&mut self, path: &Path, mapped: Mapped, reader: Reader) -> Result<()> {
        let contents = reader(path, &mapped.bytes);
        if !mapped.is_unchanged() {
            return Err(file::changed(path));
        }
        let Contents { tensors, rest, about } = contents?;
        self.about.join(about);
        if rest > 0 {
            self.warnings.push(format!(
                "{} has {rest} bytes after its last tensor, which are not read",
                path.display()
            ));
        }
        for (key, tensor) in tensors {
            if let Some(twice) = self.tensors.insert(unwrapped(key), tensor) {
                let (twice, in_file) = (quote::quoted(&twice.key), twice.file.display());
                let what = format!("has tensor `{twice}`, which is also in {in_file}");
                return Err(bad_file(path, what));
            }
        }
        self.files.push((path.to_path_buf(), mapped));
        Ok(())
    }

    fn add_shards(&mut self, source: &Source, folder: &str, index: &[u8]) -> Result<()> {
        let origin = self.origin.clone();
        let index: Index = serde_json::from_slice(index)
            .map_err(|e| bad_file(&origin, foreign::instead_of(index, "is not an index of shards", &e)))?;
        let shards: BTreeSet<&String> = index.weight_map.values().collect();
        if shards.len() > MAX_SHARDS {
            return Err(bad_file(&origin, format!("names {} shards; that is not a model", shards.len())));
        }
        for shard in shards {
            // An index must not lead out of its folder.
            if shard.contains(['/', '\\', ':']) || shard == ".." || shard.chars().any(char::is_control) {
                return Err(bad_file(&origin, "names a shard that is not a plain file name"));
            }
            let name = within(folder, shard);
            // Shards may be many, and small ones together as large as a model: none is copied.
            let Some(mapped) = source.weights(&name, 0)? else {
                let what = format!("needs the shard `{shard}`, which is not there; fetch it");
                return Err(bad_file(&origin, what));
            };
            self.add(&source.path(&name), mapped, contents)?;
        }
        let absent = index.weight_map.keys().find(|key| !self.tensors.contains_key(*key));
        absent.map_or(Ok(()), |key| {
            let key = quote::quoted(key);
            Err(bad_file(
                &origin,
                format!("names the tensor `{key}`, which none of its shards has; fetch them again"),
            ))
        })
    }
}

/// What a safetensors or GGUF file holds.
pub(super) fn contents(file: &Path, bytes: &Bytes) -> Result<Contents> {
    let is_gguf = bytes.starts_with(gguf::MAGIC);
    let contents = if is_gguf { gguf::contents(file, bytes) } else { header::contents(file, bytes) };
    contents.map_err(|what| bad_file(file, what))
}

/// A tensor's name without those of the modules that compilers and trainers wrap networks in.
fn unwrapped(key: String) -> String {
    const WRAPPERS: [&str; 3] = ["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."];
    WRAPPERS
        .iter()
        .fold(key, |key, wrapper| if key.contains(wrapper) { key.replace(wrapper, "") } else { key })
}

/// A file's name in a folder of a source, or at its root.
fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Why a part has no weights, as a sentence.
pub(crate) fn why_absent(source: &Source, folder: &str, part: Part) -> Result<String> {
    let present = source.list(folder)?;
    let absent = || format!("has no {}.safetensors; {}", part.weights_stem(), part.remedy());
    Ok(only_pickled(&present).unwrap_or_else(absent))
}

/// Whether a file is PyTorch's, by its name.
pub(crate) fn is_pickled(name: &str) -> bool {
    [".bin", ".ckpt", ".pt", ".pth"].iter().any(|end| name.ends_with(end))
}

/// That one of these files is a pickle.
pub(crate) fn only_pickled(names: &[String]) -> Option<String> {
    let name = quote::quoted(names.iter().find(|name| is_pickled(name))?);
    Some(format!(
        "has its weights only as `{name}`, a PyTorch pickle, which can run code when it is opened; fetch the \
         safetensors files"
    ))
}
