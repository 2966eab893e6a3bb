//! The cache in which the Hugging Face hub's own tools keep what they fetched: a folder `models--owner--name` for each
//! repository, with its files in snapshots, one of which `refs/main` names.

use std::path::{Component, Path, PathBuf};

use super::file::{self, bad_file};
use crate::error::Result;
use crate::quote;

/// A repository by the name that the hub has for it, and perhaps a file or folder in it: `owner/name/unet`.
pub(super) struct Repository<'a> {
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
    rest: &'a str,
}

impl<'a> Repository<'a> {
    /// The repository that a path reads like; `None` for all other paths.
    pub(super) fn named(path: &'a str) -> Option<Self> {
        let (owner, rest) = path.split_once('/')?;
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |part: &str| {
            let may = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(may) && part.len() <= 96
        };
        let is_file = [".safetensors", ".ckpt", ".gguf", ".pt", ".bin"].iter().any(|end| name.ends_with(end));
        // Nothing leads out of the repository.
        let is_inside = Path::new(rest).components().all(|part| matches!(part, Component::Normal(_)));
        (is_name(owner) && is_name(name) && !is_file && is_inside).then_some(Self { owner, name, rest })
    }

    /// Where the cache has it; `None` if it was not fetched.
    pub(super) fn cached(&self) -> Result<Option<PathBuf>> {
        let folder = root().map(|root| root.join(format!("models--{}--{}", self.owner, self.name)));
        let Some(folder) = folder.filter(|folder| folder.join("snapshots").is_dir()) else { return Ok(None) };
        let Some(snapshot) = snapshot(&folder)? else { return Ok(None) };
        let Self { owner, name, rest } = self;
        match snapshot.join(rest) {
            _ if rest.is_empty() => Ok(Some(snapshot)),
            path if path.exists() => Ok(Some(path)),
            _ => {
                let has = quote::list(&file::list(&snapshot)?);
                let what =
                    format!("has no `{rest}`, only {has}; fetch it: hf download {owner}/{name} {rest}");
                Err(bad_file(&folder, what))
            }
        }
    }
}

/// Where those tools keep their files.
fn root() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || Some(std::env::home_dir()?.join(".cache"));
    variable("HF_HUB_CACHE")
        .or_else(|| variable("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| Some(variable("HF_HOME")?.join("hub")))
        .or_else(|| Some(variable("XDG_CACHE_HOME").or_else(home)?.join("huggingface/hub")))
}

/// The snapshot in a folder of the cache; `None` for other folders.
pub(super) fn snapshot(path: &Path) -> Result<Option<PathBuf>> {
    let is_cache = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("models--") && path.join("snapshots").is_dir()
    };
    let cache = match path.parent() {
        _ if is_cache(path) => path,
        Some(parent) if path.ends_with("snapshots") && is_cache(parent) => parent,
        _ => return Ok(None),
    };
    let snapshots = cache.join("snapshots");
    // A commit's name has forty letters.
    let main = file::read(&cache.join("refs/main"), 256).ok().flatten();
    let main = main.and_then(|name| Some(std::str::from_utf8(&name).ok()?.trim().to_owned()));
    let is_plain = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if let Some(main) = main.filter(is_plain).map(|name| snapshots.join(name)).filter(|path| path.is_dir()) {
        return Ok(Some(main));
    }
    let names = file::list(&snapshots)?;
    match &names[..] {
        [only] => Ok(Some(snapshots.join(only))),
        [] => Err(bad_file(
            path,
            "is a folder of the hub's cache with no snapshot in it; the download did not finish, fetch the model again",
        )),
        several => {
            let what = format!(
                "is a folder of the hub's cache with several snapshots; give one of {}",
                quote::list(several)
            );
            Err(bad_file(&snapshots, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories_are_told_from_other_paths() {
        let read = |path| {
            Repository::named(path)
                .map(|Repository { owner, name, rest }| [owner, name, rest].map(str::to_owned))
        };
        let is = |parts: [&str; 3]| Some(parts.map(str::to_owned));
        assert_eq!(read("stabilityai/sdxl-turbo"), is(["stabilityai", "sdxl-turbo", ""]));
        assert_eq!(read("A/b.c_1/unet/x.safetensors"), is(["A", "b.c_1", "unet/x.safetensors"]));
        for path in [
            "",
            "a",
            "/a/b",
            "a//b",
            "../b",
            "a/..",
            "a/b/../c",
            "a/b.safetensors",
            "~/a",
            "a b/c",
            "a/b//../x",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
