//! LoRAs that prompts ask for, by the names of files in one folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::message::{Message, Setting};
use crate::prompt::LoraTag;
use crate::quote;
use crate::weights::{Changeable, LoraFile};

/// Files that are looked at; a collection has some thousands.
const MOST: usize = 100_000;

/// Folders within folders.
const DEEPEST: usize = 8;

/// How much of the files that were asked for is in the model, so that each is read through once only. Clones share it.
#[derive(Clone)]
pub(super) struct KnownLoras {
    model: Changeable,
    known: Arc<Mutex<BTreeMap<PathBuf, Known>>>,
}

/// A file as it was when it was looked at.
struct Known {
    modified: Option<SystemTime>,
    /// That some of its modules are not in the model.
    unused: Option<String>,
}

impl KnownLoras {
    pub(super) fn new(model: Changeable) -> Self {
        Self { model, known: Arc::default() }
    }

    /// That some modules of a file are not in the model, naming the first. Of a file that cannot be used at all nothing
    /// is said here: whoever draws with it is told.
    fn unused(&self, file: &Path) -> Option<String> {
        let modified = fs::metadata(file).and_then(|about| about.modified()).ok();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(file) {
            Some(seen) if seen.modified == modified => seen.unused.clone(),
            _ => {
                let unused = self.model.unused(file).ok()?;
                known.insert(file.to_path_buf(), Known { modified, unused: unused.clone() });
                unused
            }
        }
    }

    /// What is to be said of the files that tags ask for.
    pub(super) fn warnings(&self, files: &[LoraFile]) -> Vec<Message> {
        let warning = |file: &LoraFile| {
            let name = file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let what = format!(" asks for the LoRA `{}`: {}", quote::quoted(&name), self.unused(&file.path)?);
            Some(Message::of(Setting::Prompt).text(what))
        };
        files.iter().filter_map(warning).collect()
    }
}

/// The files that tags name, in the tags' order, with what is to be said of those that name none. The folder is read
/// every time: files come and go while a server runs. A tag is only ever compared with names that are there, so none
/// leads out of the folder.
pub(super) fn find(folder: Option<&Path>, tags: &[LoraTag]) -> (Vec<LoraFile>, Vec<Message>) {
    let (mut files, mut warnings) = (vec![], vec![]);
    if tags.is_empty() {
        return (files, warnings);
    }
    let there = folder.map(listing).unwrap_or_default();
    for tag in tags {
        let same = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == tag.name.as_str());
        let alike = |path: &&PathBuf| {
            path.file_stem().is_some_and(|stem| stem.to_string_lossy().eq_ignore_ascii_case(&tag.name))
        };
        match there.iter().find(same).or_else(|| there.iter().find(alike)) {
            Some(path) => {
                let (unet, text_encoders) = (tag.unet, tag.text_encoder);
                files.push(LoraFile { path: path.clone(), unet, text_encoders });
            }
            None => {
                let name = quote::quoted(&tag.name);
                let why = match folder {
                    Some(_) => "which is not in the folder of LoRAs",
                    None => "and no folder of LoRAs was given",
                };
                let what = format!(" asks for the LoRA `{name}`, {why}; its tag is left out");
                warnings.push(Message::of(Setting::Prompt).text(what));
            }
        }
    }
    (files, warnings)
}

/// The names that tags may have, each once, in their order.
pub(super) fn names(folder: Option<&Path>) -> Vec<String> {
    let files = folder.map(listing).unwrap_or_default();
    let stems = files.iter().filter_map(|path| path.file_stem()?.to_str().map(ToOwned::to_owned));
    let mut names: Vec<String> = stems.collect();
    names.sort();
    names.dedup();
    names
}

/// All files of weights in a folder and those below, sorted by name.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if found.len() + folders.len() >= MOST {
                break;
            }
            if path.is_dir() && depth < DEEPEST {
                folders.push((path, depth + 1));
            } else if path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("safetensors")) {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_files_of_the_folder_and_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("loras/styles");
        fs::create_dir_all(&inside).unwrap();
        for file in ["loras/fox.safetensors", "loras/styles/Ink.safetensors", "outside.safetensors"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let names = ["fox", "ink", "../outside", "styles/Ink", "", "absent"];
        let tags = names.map(|name| LoraTag { name: name.into(), text_encoder: 0.5, unet: 0.8 });
        let (files, warnings) = find(Some(&folder.path().join("loras")), &tags);
        let found: Vec<_> = files.iter().map(|file| file.path.file_stem().unwrap()).collect();
        assert_eq!(found, ["fox", "Ink"]);
        assert_eq!((files[0].unet, files[0].text_encoders), (0.8, 0.5));
        assert_eq!(warnings.len(), 4);
        let (files, warnings) = find(None, &tags[..1]);
        assert_eq!(files, []);
        assert!(
            warnings[0].to_string().contains("`fox`, and no folder of LoRAs was given"),
            "{}",
            warnings[0]
        );
    }
}
