//! What a path that was given as a model leads to: a file, a folder, the hub's cache, or nothing.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::file::{self, bad_file};
use super::hub::{self, Repository};
use crate::error::{Error, Result};
use crate::quote;

/// Where a model lies.
#[derive(Debug)]
pub(crate) enum Location {
    File(PathBuf),
    Folder(PathBuf),
}

/// Looks at what is there. A folder of the hub's cache leads to the snapshot in it, and so does the name of a repository
/// where there is nothing of that name.
pub(crate) fn find(path: &Path) -> Result<Location> {
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => {
            Ok(Location::Folder(hub::snapshot(path)?.unwrap_or_else(|| path.to_path_buf())))
        }
        Ok(_) => Ok(Location::File(path.to_path_buf())),
        Err(source) if source.kind() == io::ErrorKind::NotFound => match cached(path)? {
            Some(cached) if cached.is_dir() => Ok(Location::Folder(cached)),
            Some(cached) => Ok(Location::File(cached)),
            None => Err(absent(path, source)),
        },
        Err(source) => Err(Error::Read { file: path.to_path_buf(), source }),
    }
}

/// The one file of weights that a path leads to: itself, or the only one in a folder.
pub(crate) fn file_of_weights(path: &Path) -> Result<PathBuf> {
    let folder = match find(path)? {
        Location::File(file) => return Ok(file),
        Location::Folder(folder) => folder,
    };
    let mut names = file::list(&folder)?;
    names.retain(|name| name.ends_with(".safetensors") || name.ends_with(".gguf"));
    match &names[..] {
        [only] => Ok(folder.join(only)),
        [] => Err(bad_file(path, "is a folder without a .safetensors file; give a file")),
        several => {
            Err(bad_file(path, format!("has several files of weights; give one of {}", quote::list(several))))
        }
    }
}

/// Where the hub's cache has the repository of this name.
fn cached(path: &Path) -> Result<Option<PathBuf>> {
    let repository = path.to_str().and_then(Repository::named);
    repository.map_or(Ok(None), |repository| repository.cached())
}

/// The path whose last part says what a model is: above the names that every model's files have.
pub(crate) fn named(path: &Path) -> &Path {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own = name(path);
    let is_general = own == "unet" || own == "snapshots" || own.starts_with("diffusion_pytorch_model");
    match path.parent().filter(|parent| parent.file_name().is_some()) {
        Some(parent) if is_general || name(parent) == "snapshots" => named(parent),
        _ => path,
    }
}

/// A path from the root on, without `.` and `..`. Its last part is no link that is followed: users name links for what
/// they lead to, and files of the hub's cache lead to ones without names.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    let whole = match (path.file_name(), path.parent()) {
        (None, _) => fs::canonicalize(path).ok(),
        (Some(name), Some(parent)) if goes_up => fs::canonicalize(parent).ok().map(|to| to.join(name)),
        _ => None,
    };
    whole.or_else(|| std::path::absolute(path).ok()).unwrap_or_else(|| path.to_path_buf())
}

/// Why there is nothing: names of the hub and addresses are often given where a path is wanted.
fn absent(path: &Path, source: io::Error) -> Error {
    let text = path.to_string_lossy();
    if fs::symlink_metadata(path).is_ok() {
        return bad_file(path, "is a link to a file that is not there; fetch the model again");
    }
    if text.contains("://") || text.starts_with("https:/") || text.starts_with("http:/") {
        return bad_file(
            path,
            "is an address; Fulmen downloads nothing: fetch the model, and give its file or folder",
        );
    }
    match Repository::named(&text).filter(|repository| !Path::new(repository.owner).exists()) {
        Some(Repository { owner, name, .. }) => bad_file(
            path,
            format!(
                "is not here, nor in the hub's cache, and Fulmen downloads nothing; if it is a name of the hub, fetch \
                 it first: hf download {owner}/{name}"
            ),
        ),
        None => Error::Read { file: path.to_path_buf(), source },
    }
}

/// Why a folder is no model, and which of the things in it could be.
pub(crate) fn why_no_model(folder: &Path) -> Result<String> {
    let names = file::list(folder)?;
    let with = |end: &str| names.iter().filter(|name| name.ends_with(end)).cloned().collect::<Vec<_>>();
    let is_whole = |folder: &Path| folder.join("model_index.json").is_file();
    if names.is_empty() {
        return Ok("is an empty folder, with no model_index.json in it; fetch the model again".into());
    }
    if let Some(whole) = folder.parent().filter(|parent| is_whole(parent)) {
        return Ok(format!("is one part of the model in {}; give that folder", whole.display()));
    }
    if names.iter().any(|name| name == "config.json") {
        return Ok("has no model_index.json: it is one part of a model; give a whole model with --model, \
                   and lay this over it with --unet if it is a UNet"
            .into());
    }
    let caches: Vec<String> = names.iter().filter(|name| name.starts_with("models--")).cloned().collect();
    if !caches.is_empty() {
        return Ok(format!("is the hub's cache; give one of {}", quote::list(&caches)));
    }
    let folders: Vec<String> = names.iter().filter(|name| is_whole(&folder.join(name))).cloned().collect();
    if !folders.is_empty() {
        return Ok(format!(
            "has no model_index.json, but models in it; give one of {}",
            quote::list(&folders)
        ));
    }
    let files = [with(".safetensors"), with(".gguf")].concat();
    if !files.is_empty() {
        return Ok(format!(
            "has no model_index.json, but files of weights; give one of {}",
            quote::list(&files)
        ));
    }
    let pickles: Vec<String> = [".ckpt", ".bin", ".pt", ".pth"].iter().flat_map(|end| with(end)).collect();
    Ok(match &pickles[..] {
        [] => "has no model_index.json; give a diffusers folder, or a .safetensors file".into(),
        some => format!(
            "has its weights only as {}, a PyTorch pickle, which can run code when it is opened; fetch the \
             safetensors files",
            quote::list(some)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_to_names_without_following_the_last_link() {
        let here = std::env::current_dir().unwrap();
        for path in [".", "./", "src/.."] {
            assert_eq!(resolved(Path::new(path)), here.canonicalize().unwrap(), "{path}");
        }
        assert_eq!(resolved(Path::new("x.safetensors")), here.join("x.safetensors"));
        assert_eq!(resolved(Path::new("src/../x")), here.canonicalize().unwrap().join("x"));
        #[cfg(unix)]
        {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            fs::create_dir(root.join("in")).unwrap();
            fs::write(root.join("blob"), "").unwrap();
            std::os::unix::fs::symlink(root.join("blob"), root.join("Lightning")).unwrap();
            assert_eq!(resolved(&root.join("in/../Lightning")), root.join("Lightning"));
        }
    }
}
