//! Models made on the spot: the names and shapes of the real ones, the values drawn from the names.
//!
//! A full-size SDXL is seven gigabytes that few machines have at hand when a test, a benchmark or a bug
//! report needs them. A synthetic one is the same work for every kernel, and the same bits everywhere:
//! only its pictures mean nothing.

mod aside;
mod guide;
mod initializer;
mod plan;
mod shared;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::weights::{Configs, Part, TokenizerFiles};
use aside::Aside;
pub use aside::partial;
use plan::FilePlan;
use writer::Writer;

pub use guide::{SynthGuide, guide_size, write_guide};
pub use initializer::values;
pub use shared::in_memory;

/// How a model lies on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynthLayout {
    /// A diffusers folder.
    Folder,
    /// One file with the original names.
    SingleFile,
}

/// How far the writing is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthProgress {
    /// Written.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

/// How large a model is, before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthSize {
    /// Tensors in all files.
    pub tensors: usize,
    /// Bytes of the files that hold them.
    pub bytes: u64,
}

/// Told of progress from any thread; an error, such as [`Error::Cancelled`], stops the writing.
pub(crate) type OnProgress<'a> = dyn Fn(SynthProgress) -> Result<()> + Sync + 'a;

/// Writes a model of these configurations to `out`, which must not exist yet.
///
/// It is written beside that place and renamed when it is whole. Memory stays below a few megabytes
/// for each thread, however large the model.
///
/// # Errors
/// `out` exists or cannot be written, a configuration is not of SDXL's kind, or `progress` said stop.
pub fn write(configs: &Configs, out: &Path, layout: SynthLayout, progress: &OnProgress) -> Result<()> {
    let aside = Aside::of(out)?;
    match layout {
        SynthLayout::SingleFile => {
            let plan = FilePlan::single_file(configs)?;
            write_files(&[(aside.path().to_path_buf(), plan)], progress)?;
        }
        SynthLayout::Folder => write_folder(configs, aside.path(), progress)?,
    }
    aside.keep()
}

/// How large that would be.
///
/// # Errors
/// A configuration is not of SDXL's kind.
pub fn size(configs: &Configs, layout: SynthLayout) -> Result<SynthSize> {
    let plans = match layout {
        SynthLayout::SingleFile => vec![FilePlan::single_file(configs)?],
        SynthLayout::Folder => {
            let plan = |part| FilePlan::part(configs, part);
            Part::WITH_WEIGHTS.into_iter().map(plan).collect::<Result<_>>()?
        }
    };
    let tensors = plans.iter().map(|plan| plan.tensors.len()).sum();
    Ok(SynthSize { tensors, bytes: plans.iter().map(FilePlan::size).sum() })
}

fn write_folder(configs: &Configs, folder: &Path, progress: &OnProgress) -> Result<()> {
    make_folder(folder)?;
    for part in Part::ALL {
        put(folder, part.config_file(), format!("{:#}\n", configs.value(part)?).as_bytes())?;
    }
    for (name, encoder) in [("tokenizer", Part::TextEncoder), ("tokenizer_2", Part::TextEncoder2)] {
        let files = TokenizerFiles::clip(encoder);
        put(folder, &format!("{name}/vocab.json"), &files.vocab)?;
        put(folder, &format!("{name}/merges.txt"), &files.merges)?;
        put(folder, &format!("{name}/tokenizer_config.json"), &files.config)?;
    }
    let file = |part: Part| {
        let name = format!("{part}/{}.safetensors", part.weights_stem());
        Ok((folder.join(name), FilePlan::part(configs, part)?))
    };
    let files: Vec<_> = Part::WITH_WEIGHTS.into_iter().map(file).collect::<Result<_>>()?;
    write_files(&files, progress)
}

fn write_files(files: &[(PathBuf, FilePlan)], progress: &OnProgress) -> Result<()> {
    let total = files.iter().map(|(_, plan)| plan.size()).sum();
    let writer = Writer::new(total, progress);
    files.iter().try_for_each(|(path, plan)| writer.write(path, plan))
}

/// A small file of the folder, with the folder that it lies in.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let file = folder.join(name);
    if let Some(parent) = file.parent() {
        make_folder(parent)?;
    }
    fs::write(&file, bytes).map_err(|source| Error::Write { file, source })
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::Write { file: folder.to_path_buf(), source })
}
