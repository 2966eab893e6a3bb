//! The words in a model's name: in any order, joined or apart, in any case.

use std::path::Path;

/// Names that the files and folders of all models have.
const GENERAL: [&str; 14] = [
    "bf",
    "checkpoint",
    "diffusion",
    "ema",
    "f",
    "fp",
    "main",
    "model",
    "non",
    "pruned",
    "pytorch",
    "safetensors",
    "snapshots",
    "unet",
];

/// Folders that are looked through for a name that says something.
const FOLDERS: usize = 4;

/// A name in words, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// As it was written.
    pub(super) name: String,
    pub(super) words: Vec<String>,
}

impl Words {
    /// `RealVisXL_V4.0_Lightning` to real, vis, xl, v, 4, 0, lightning.
    pub(super) fn of(name: &str) -> Self {
        Self::split(name, begins)
    }

    /// Both readings: `XLTurbo` is two words, but so would be `LIGHTNINGv2` read in the same way: lightnin, gv.
    pub(super) fn readings(&self) -> [Self; 2] {
        [self.clone(), Self::split(&self.name, |before, c, _| begins_word(before, c))]
    }

    fn split(name: &str, begins: fn(Option<char>, char, Option<char>) -> bool) -> Self {
        let letters: Vec<char> = name.chars().collect();
        let (mut words, mut word) = (vec![], String::new());
        for (at, &c) in letters.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied();
            if begins(before, c, letters.get(at + 1).copied()) && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
            }
        }
        words.extend(Some(word).filter(|word| !word.is_empty()));
        Self { name: name.to_owned(), words }
    }

    /// Of a model's file or folder, or of the folder above where that is called as in every model.
    pub(super) fn of_path(path: &Path) -> Self {
        Self::telling(path).map_or_else(|| Self::of(""), |(words, _)| words)
    }

    /// Of the folder in which that lies. Hidden folders and temporary ones are not named for models.
    pub(super) fn of_folder(path: &Path) -> Self {
        let folder = Self::telling(path).and_then(|(_, path)| path.parent()).map(Self::of_path);
        folder.filter(|words| !words.name.starts_with('.')).unwrap_or_else(|| Self::of(""))
    }

    /// The first name on the way up that says something, and the path that ends in it.
    fn telling(path: &Path) -> Option<(Self, &Path)> {
        let named = path.ancestors().filter_map(|path| Some((path.file_name()?.to_str()?, path)));
        let of = |name: &str| Self::of(owned(name.strip_suffix(".safetensors").unwrap_or(name)));
        let mut read = named.take(FOLDERS).map(|(name, path)| (of(name), path));
        read.find(|(words, _)| !words.is_general())
    }

    fn is_general(&self) -> bool {
        // A commit, as folders of the hub's cache are called.
        let is_commit = self.name.len() >= 40 && self.name.chars().all(|c| c.is_ascii_hexdigit());
        is_commit || self.words.iter().all(|word| is_number(word) || GENERAL.contains(&word.as_str()))
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|other| other == word)
    }

    /// Whether these words stand one after the other.
    pub(super) fn have(&self, row: &[&str]) -> bool {
        self.words.windows(row.len()).any(|words| words == row)
    }

    /// All that stands behind the first place where a word holds `part`, without gaps: `LightningMcQueen` has `mcqueen`
    /// behind it in however many words.
    pub(super) fn behind(&self, part: &str) -> Option<String> {
        let at = self.words.iter().position(|word| word.contains(part))?;
        let (_, rest) = self.words[at].split_once(part)?;
        Some(rest.to_owned() + &self.words[at + 1..].concat())
    }

    /// The number of steps that the name states: `4step`, `8 Steps`, `4-8steps` (the greater), `steps_6`,
    /// `8steplightning`.
    pub(super) fn steps(&self) -> Option<usize> {
        let is_step = |word: &String| word.starts_with("step") && !word.starts_with("stepp");
        let at = self.words.iter().position(is_step)?;
        let number = |at: Option<usize>| self.words.get(at?)?.parse().ok();
        let stated: Option<usize> = number(at.checked_sub(1)).or_else(|| number(Some(at + 1)));
        stated.filter(|steps| (1..=64).contains(steps))
    }

    /// The number of steps that stands right behind a word that ends so: `lightning8`, `LCM-8`. `Lightning_4.0` and
    /// `turbo-4k` count something else.
    pub(super) fn steps_behind(&self, end: &str) -> Option<usize> {
        let at = self.words.iter().position(|word| word.ends_with(end))?;
        let steps = self.words.get(at + 1)?.parse().ok()?;
        let counts = |word: &String| is_number(word) || ["k", "x", "b"].contains(&word.as_str());
        let is_other = self.words.get(at + 2).is_some_and(counts);
        ([1, 2, 4, 6, 8, 16].contains(&steps) && !is_other).then_some(steps)
    }

    /// The number of steps in a part of the name that is nothing else: `albedobaseXL_v3Mini_8s`.
    pub(super) fn short_steps(&self) -> Option<usize> {
        self.name.split(|c: char| !c.is_alphanumeric()).find_map(|part| {
            let steps = part.strip_suffix(['s', 'S'])?.parse().ok()?;
            [1, 2, 4, 6, 8].contains(&steps).then_some(steps)
        })
    }
}

/// Whether a word begins at `c`.
fn begins(before: Option<char>, c: char, after: Option<char>) -> bool {
    // XLTurbo, where the last capital belongs to the next word.
    let is_last = before.is_some_and(char::is_uppercase) && after.is_some_and(char::is_lowercase);
    begins_word(before, c) || c.is_uppercase() && is_last
}

/// Whether a word begins at `c` however many capitals stand before it: realVis, v4.
fn begins_word(before: Option<char>, c: char) -> bool {
    let Some(before) = before else { return false };
    let kind = |c: char| (c.is_alphabetic(), c.is_numeric());
    kind(before) != kind(c) || c.is_uppercase() && before.is_lowercase()
}

/// `models--someone--name`, as the hub's cache calls its folders, without the owner.
fn owned(name: &str) -> &str {
    name.strip_prefix("models--").and_then(|name| name.split_once("--")).map_or(name, |(_, name)| name)
}

pub(super) fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words_however_they_are_written() {
        let cases = [
            ("RealVisXL_V4.0_Lightning", "real vis xl v 4 0 lightning"),
            ("juggernautXL_v9Rdphoto2Lightning", "juggernaut xl v 9 rdphoto 2 lightning"),
            ("realvisxlV40_v40LightningBakedvae", "realvisxl v 40 v 40 lightning bakedvae"),
            ("dreamshaperXL_lightningDPMSDE", "dreamshaper xl lightning dpmsde"),
            ("SDXL Lightning 8 steps", "sdxl lightning 8 steps"),
            ("noobaiXLNAIXL_vPred10Version", "noobai xlnaixl v pred 10 version"),
            ("4SHyper", "4 s hyper"),
            ("Молния", "молния"),
            ("…", ""),
        ];
        for (name, words) in cases {
            assert_eq!(Words::of(name).words.join(" "), words, "{name}");
        }
    }

    #[test]
    fn capitals_before_small_letters_are_also_read_as_one_word() {
        let cases = [
            ("RealVisXL_LIGHTNINGv2", "real vis xl lightningv 2"),
            ("modelTURBOv3", "model turbov 3"),
            ("XLTurbo", "xlturbo"),
        ];
        for (name, words) in cases {
            assert_eq!(Words::of(name).readings()[1].words.join(" "), words, "{name}");
        }
    }

    #[test]
    fn names_that_every_model_has_lead_to_the_folder_above() {
        let cases = [
            ("lcm-sdxl/diffusion_pytorch_model.fp16.safetensors", "lcm-sdxl"),
            ("Hyper/unet/diffusion_pytorch_model.safetensors", "Hyper"),
            ("hub/models--Lightning-AI--base/snapshots/0123456789abcdef0123456789abcdef01234567", "base"),
            ("models/sd_xl_base_1.0.safetensors", "sd_xl_base_1.0"),
            ("models/turbo/", "turbo"),
            ("turbo/one/model.safetensors", "one"),
            ("model.safetensors", ""),
            ("/", ""),
            ("..", ""),
        ];
        for (path, name) in cases {
            assert_eq!(Words::of_path(Path::new(path)).name, name, "{path}");
        }
    }

    #[test]
    fn numbers_of_steps_are_found_on_either_side_of_the_word() {
        let cases = [
            ("sdxl_lightning_4step", Some(4)),
            ("8Step", Some(8)),
            ("4-steps", Some(4)),
            ("SDXL Lightning 8 steps", Some(8)),
            ("Hyper-SDXL-1step-Unet", Some(1)),
            ("Hyper-SDXL-1stepUnet", Some(1)),
            ("turbo 4-8steps", Some(8)),
            ("lcm_steps_6", Some(6)),
            ("8steplightning", Some(8)),
            ("8STEPLIGHTNING", Some(8)),
            ("realvisXL8steplightning", Some(8)),
            ("lightning_0step", None),
            ("lightning_step_4000", None),
            ("stepping_2", None),
            ("RealVisXL_V4.0_Lightning", None),
        ];
        for (name, steps) in cases {
            assert_eq!(Words::of(name).steps(), steps, "{name}");
        }
    }
}
