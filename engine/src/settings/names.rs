//! The words of a name that people gave to a model: in any order, glued or apart, in any case.

use std::path::Path;

/// Names that every model's files and folders have.
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
        let names = path.ancestors().filter_map(|path| path.file_name()?.to_str()).take(FOLDERS);
        let of = |name: &str| Self::of(owned(name.strip_suffix(".safetensors").unwrap_or(name)));
        names.map(of).find(|words| !words.is_general()).unwrap_or_else(|| Self::of(""))
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

    /// What stands behind the first place where a word holds `part`: in the word itself, or the next word.
    pub(super) fn behind(&self, part: &str) -> Option<&str> {
        let mut words = self.words.iter();
        let word = words.find(|word| word.contains(part))?;
        let rest = word.split_once(part).map_or("", |(_, rest)| rest);
        Some(if rest.is_empty() { words.next().map_or("", String::as_str) } else { rest })
    }

    /// The number of steps that the name states: `4step`, `8 Steps`, `4-8steps` (the greater), `steps_6`.
    pub(super) fn steps(&self) -> Option<usize> {
        let is_step =
            |word: &String| word == "step" || word.starts_with("steps") || word.starts_with("stepu");
        let at = self.words.iter().position(is_step)?;
        let number = |at: Option<usize>| self.words.get(at?)?.parse().ok();
        let stated: Option<usize> = number(at.checked_sub(1)).or_else(|| number(Some(at + 1)));
        stated.filter(|steps| (1..=64).contains(steps))
    }
}

/// Whether a word begins at `c`.
fn begins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let kind = |c: char| (c.is_alphabetic(), c.is_numeric());
    if kind(before) != kind(c) {
        return true;
    }
    // realVis; XLTurbo, where the last capital belongs to the next word.
    let lower = |c: Option<char>| c.is_some_and(char::is_lowercase);
    c.is_uppercase() && (lower(Some(before)) || before.is_uppercase() && lower(after))
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
