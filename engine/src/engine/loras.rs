//! LoRAs that prompts ask for, by the names of files in one folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::backend::CancelToken;
use crate::message::{Message, Setting};
use crate::prompt::LoraTag;
use crate::quote;
use crate::weights::{Changeable, LoraFile};
use crate::{Error, Result};

/// Files that are looked at, and of which something is known; a collection has some thousands.
const MOST: usize = 100_000;

/// Folders within folders.
const DEEPEST: usize = 8;

/// What is known of the files that were listed or asked for, so that each is looked at once only. Clones share it.
#[derive(Clone)]
pub(super) struct KnownLoras {
    model: Changeable,
    /// Whether they are LoRAs for the model, by their headers.
    kinds: Known<bool>,
    /// Of those that were read through: that some of their modules are not in the model, or why they are of no use.
    uses: Known<std::result::Result<Option<String>, Message>>,
}

/// What was found out about files, by path; it counts as long as a file stays as it is.
#[derive(Clone)]
struct Known<T>(Arc<Mutex<HashMap<PathBuf, (Seen, T)>>>);

/// By what a file that has changed is known.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(file: &Path) -> Option<Self> {
        let about = fs::metadata(file).ok()?;
        Some(Self { bytes: about.len(), modified: about.modified().ok() })
    }
}

impl<T: Clone> Known<T> {
    fn of(&self, file: &Path, seen: Option<Seen>) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(file).filter(|(then, _)| Some(*then) == seen).map(|(_, found)| found.clone())
    }

    /// Nothing is locked while a file is looked at: others need not wait for it.
    fn keep(&self, file: &Path, seen: Option<Seen>, found: T) {
        let Some(seen) = seen else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of files that are not there any more, too.
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(file.to_path_buf(), (seen, found));
    }
}

impl KnownLoras {
    pub(super) fn new(model: Changeable) -> Self {
        Self { model, kinds: Known(Arc::default()), uses: Known(Arc::default()) }
    }

    /// Whether a file is a LoRA for the model, as its header tells.
    fn is_lora(&self, file: &Path) -> bool {
        let seen = Seen::of(file);
        self.kinds.of(file, seen).unwrap_or_else(|| {
            let is_lora = self.model.takes(file);
            self.kinds.keep(file, seen, is_lora);
            is_lora
        })
    }

    /// That some modules of a file are not in the model, naming the first.
    fn unused(&self, file: &Path, cancel: &CancelToken) -> Result<Option<String>> {
        let seen = Seen::of(file);
        if let Some(found) = self.uses.of(file, seen) {
            return found.map_err(Error::Request);
        }
        let found = match self.model.unused(file, &|| cancel.check()) {
            Ok(unused) => Ok(unused),
            Err(Error::File { what, .. }) => Err(asked(file, &what)),
            // What is not of the file itself may be over the next time.
            Err(Error::Read { source, .. }) => {
                return Err(Error::Request(asked(file, &format!("cannot be read: {source}"))));
            }
            Err(error) => return Err(error),
        };
        self.uses.keep(file, seen, found.clone());
        found.map_err(Error::Request)
    }

    /// What is to be said of the files that tags ask for.
    ///
    /// # Errors
    /// One of them cannot be drawn with; [`Error::Cancelled`].
    pub(super) fn warnings(&self, files: &[LoraFile], cancel: &CancelToken) -> Result<Vec<Message>> {
        let mut warnings = vec![];
        for file in files {
            let unused = self.unused(&file.path, cancel)?;
            warnings.extend(unused.map(|unused| asked(&file.path, &unused)));
        }
        Ok(warnings)
    }

    /// The files that tags name, in the tags' order, with what is to be said of those that name none. The folder is read
    /// every time: files come and go while a server runs. A tag is only ever compared with names that are there, so none
    /// leads out of the folder.
    pub(super) fn find(&self, folder: Option<&Path>, tags: &[LoraTag]) -> (Vec<LoraFile>, Vec<Message>) {
        let (mut files, mut warnings) = (vec![], vec![]);
        if tags.is_empty() {
            return (files, warnings);
        }
        let there = folder.map(listing).unwrap_or_default();
        for tag in tags {
            match self.named(&tag.name, &there) {
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

    /// The file of this name. Of several, also in folders below, a LoRA goes before what is none, and one whose name has
    /// the same letters before one in which some are small.
    fn named<'a>(&self, name: &str, there: &'a [PathBuf]) -> Option<&'a PathBuf> {
        let alike = |path: &&PathBuf| {
            path.file_stem().is_some_and(|stem| stem.to_string_lossy().eq_ignore_ascii_case(name))
        };
        let mut alike: Vec<&PathBuf> = there.iter().filter(alike).collect();
        alike.sort_by_key(|path| path.file_stem().is_none_or(|stem| stem != name));
        match alike[..] {
            [] => None,
            [only] => Some(only),
            [first, ..] => Some(alike.into_iter().find(|path| self.is_lora(path)).unwrap_or(first)),
        }
    }

    /// The names that tags may have, each once, in their order: those of LoRAs for the model.
    pub(super) fn names(&self, folder: Option<&Path>) -> Vec<String> {
        let files = folder.map(listing).unwrap_or_default();
        let loras = files.iter().filter(|file| self.is_lora(file));
        let mut names: Vec<String> =
            loras.filter_map(|path| path.file_stem()?.to_str().map(ToOwned::to_owned)).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// What is to be said of a file that a prompt asks for, such as why it cannot be drawn with. Whoever writes prompts knows the file by its name, and need not
/// learn where it lies.
pub(super) fn asked(file: &Path, what: &str) -> Message {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Message::of(Setting::Prompt).text(format!(" asks for the LoRA `{}`: {what}", quote::quoted(&name)))
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
    use crate::engine::{Engine, Event, Watch};
    use crate::weights::Checkpoint;
    use crate::{Options, Request};

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
        let known = KnownLoras::new(Checkpoint::embedded_demo().unwrap().changeable().unwrap());
        let (files, warnings) = known.find(Some(&folder.path().join("loras")), &tags);
        let found: Vec<_> = files.iter().map(|file| file.path.file_stem().unwrap()).collect();
        assert_eq!(found, ["fox", "Ink"]);
        assert_eq!((files[0].unet, files[0].text_encoders), (0.8, 0.5));
        assert_eq!(warnings.len(), 4);
        let (files, warnings) = known.find(None, &tags[..1]);
        assert_eq!(files, []);
        assert!(
            warnings[0].to_string().contains("`fox`, and no folder of LoRAs was given"),
            "{}",
            warnings[0]
        );
    }

    /// Draws with the demo model under the LoRA of its companions, named so often; whether it came to loading, and the end.
    fn stopped_at(stop: impl Fn(&Event) -> bool, often: usize) -> (usize, Result<()>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/companions");
        let name = names_in(&folder).remove(0);
        let options = Options { lora_folder: Some(folder), ..cpu() };
        let mut engine = Engine::open(&options).unwrap();
        let tags = format!(" <lora:{name}:0.1>").repeat(often);
        let request =
            Request { width: Some(64), height: Some(64), ..Request::new(format!("a circle{tags}")) };
        let (cancel, mut loaded) = (CancelToken::default(), 0);
        let stopping = cancel.clone();
        let mut event = |event: Event| {
            loaded += usize::from(matches!(event, Event::Lora(_)));
            if stop(&event) {
                stopping.cancel();
            }
        };
        let end =
            engine.generate(&request, &mut Watch { event: &mut event, trace: None, previews: 0, cancel });
        (loaded, end)
    }

    fn cpu() -> Options {
        Options { device: "cpu".parse().unwrap(), ..Options::default() }
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let known = KnownLoras::new(Checkpoint::embedded_demo().unwrap().changeable().unwrap());
        known.names(Some(folder))
    }

    #[test]
    fn loras_that_a_prompt_asks_for_are_not_loaded_once_it_is_cancelled() {
        let (loaded, end) = stopped_at(|_| false, 3);
        assert!(end.is_ok() && loaded == 3, "{end:?}");
        let (loaded, end) = stopped_at(|event| matches!(event, Event::Stage(_)), 3);
        assert!(matches!(end, Err(Error::Cancelled)) && loaded == 0, "{loaded} loaded, {end:?}");
    }
}
