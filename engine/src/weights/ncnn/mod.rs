//! ncnn's files: `.param`, a text that lists the layers, and `.bin`, their numbers in that order.
//!
//! They name no tensors: a network is known by its layers, each of which must be what it is in an upscaler of the two
//! kinds that there are here.

mod bin;
mod param;
mod shape;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::about::About;
use super::archive::Archive;
use super::file::{self, Mapped, bad_file};
use crate::error::Result;

pub(super) use param::is_one;

/// The network of a pair of files, under the names that PyTorch's files have.
pub(super) struct NcnnNetwork {
    pub(super) archive: Archive,
    /// What its picture is made smaller by at its end.
    pub(super) reduction: f64,
}

/// The other file's name.
fn sibling(path: &Path, extension: &str) -> PathBuf {
    path.with_extension(extension)
}

/// Whether this is a file of numbers whose list of layers lies beside it.
pub(super) fn has_list(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "bin") && sibling(path, "param").is_file()
}

/// Reads both files, by the name of either.
pub(super) fn open(path: &Path) -> Result<NcnnNetwork> {
    let (param, bin) = (sibling(path, "param"), sibling(path, "bin"));
    let text = file::read(&param, param::LONGEST)?;
    let text =
        text.ok_or_else(|| bad_file(path, "needs the .param file beside it, which is not there; fetch it"))?;
    let list = param::read(&text).map_err(|what| bad_file(&param, what))?;
    let numbers = file::weights(&bin, file::SMALL)?;
    let numbers: Mapped = numbers
        .ok_or_else(|| bad_file(path, "needs the .bin file beside it, which is not there; fetch it"))?;
    let known = shape::recognise(&list).map_err(|what| bad_file(&param, what))?;
    let tensors =
        bin::tensors(&bin, &numbers.bytes, &list, &known.names).map_err(|what| bad_file(&bin, what))?;
    let tensors: HashMap<_, _> = tensors.into_iter().map(|tensor| (tensor.key.clone(), tensor)).collect();
    let (origin, about, warnings) = (path.to_path_buf(), About::default(), vec![]);
    let archive = Archive { origin, tensors, files: vec![(bin, numbers)], about, warnings };
    Ok(NcnnNetwork { archive, reduction: known.reduction })
}
