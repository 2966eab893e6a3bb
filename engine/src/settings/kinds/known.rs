//! The words in its name by which a model of each kind is recognised.

use crate::settings::names::{Words, is_number};

pub(super) const HYPER: &str = "hyper";

/// Numbers of steps that only distilled models have in their names.
const FEW_STEPS: usize = 8;

pub(super) fn is_lora(words: &Words) -> bool {
    const PATCHES: [&str; 5] = ["lora", "loras", "locon", "lycoris", "dora"];
    const GLUED: [&str; 7] =
        ["dmdlora", "hyperlora", "lcmlora", "lightninglora", "sdxllora", "turbolora", "xllora"];
    let is_patch = |word: &str| PATCHES.contains(&word) || GLUED.contains(&word);
    // LoRA itself falls into two words.
    words.words.iter().any(|word| is_patch(word))
        || words.words.windows(2).any(|pair| is_patch(&pair.concat()))
}

/// Whether words stand one after the other, apart or glued.
pub(super) fn spelt(words: &Words, row: &[&str]) -> bool {
    words.have(row) || words.words.iter().any(|word| word.contains(&row.concat()))
}

pub(super) fn is_dmd(words: &Words) -> bool {
    label(words, "dmd") || spelt(words, &["distribution", "matching"])
}

pub(super) fn is_tcd(words: &Words) -> bool {
    label(words, "tcd") || spelt(words, &["trajectory", "consistency"])
}

pub(super) fn is_lcm(words: &Words) -> bool {
    label(words, "lcm") || spelt(words, &["latent", "consistency"])
}

pub(super) fn is_pcm(words: &Words) -> bool {
    label(words, "pcm") || spelt(words, &["phased", "consistency"])
}

/// Not a super flow; its own spelling, PeRFlow, falls into pieces.
pub(super) fn is_perflow(words: &Words) -> bool {
    label(words, "perflow") || words.have(&["pe", "rflow"])
}

pub(super) fn is_nitro(words: &Words) -> bool {
    beside(words, "nitro") || spelt(words, &["nitro", "fusion"])
}

/// Whether a word stands by itself, or glued to what all names of SDXL models have.
pub(super) fn label(words: &Words, label: &str) -> bool {
    let glue = ["", "sdxl", "xl", "sd", "v"];
    let is_it = |word: &String| {
        let (before, after) = word.split_once(label)?;
        (glue.contains(&before) && glue.contains(&after)).then_some(())
    };
    words.words.iter().any(|word| is_it(word).is_some())
}

/// Whether a word stands beside SD or SDXL: by itself it says too little.
pub(super) fn beside(words: &Words, word: &str) -> bool {
    let sd = ["sd", "sdxl", "xl"];
    let glued = |other: &String| {
        sd.iter().any(|sd| *other == format!("{word}{sd}") || *other == format!("{sd}{word}"))
    };
    words.words.iter().any(glued) || sd.iter().any(|sd| words.have(&[word, sd]) || words.have(&[sd, word]))
}

pub(super) fn is_lightning(words: &Words) -> bool {
    // Pictures of thunderstorms have models too.
    const WEATHER: [&str; 8] = ["bolt", "storm", "strike", "striking", "rod", "mcqueen", "effect", "style"];
    let behind = words.behind("lightning");
    behind.is_some_and(|behind| !WEATHER.iter().any(|word| behind.starts_with(word)))
}

pub(super) fn is_turbo(words: &Words) -> bool {
    const ENGINES: [&str; 8] = ["charg", "fan", "jet", "prop", "diesel", "shaft", "machin", "engine"];
    words.behind("turbo").is_some_and(|behind| !ENGINES.iter().any(|word| behind.starts_with(word)))
}

/// “Hyper” begins many names; it is this one beside SD, with a number of steps, or as the label at the end.
pub(super) fn is_hyper(words: &Words) -> bool {
    const LABELS: [&str; 20] = [
        "bakedvae", "baked", "beta", "bf", "dpm", "dpmsde", "edition", "f", "final", "fp", "merge", "model",
        "nsfw", "pruned", "sde", "sfw", "v", "vae", "version", "xl",
    ];
    let is_label = |word: &String| is_number(word) || LABELS.contains(&word.as_str());
    let at = words.words.iter().position(|word| word == "hyper");
    let ends = at.is_some_and(|at| at > 0 && words.words[at + 1..].iter().all(is_label));
    let stated = words.steps().or_else(|| beside_kind(words)).or_else(|| words.steps_behind(HYPER)).is_some();
    beside(words, "hyper") || ends || at.is_some() && stated
}

/// `4SHyper`: a number of steps with a mere s.
pub(super) fn beside_kind(words: &Words) -> Option<usize> {
    let at = words.words.iter().position(|word| word == "s")?;
    let steps = words.words.get(at.checked_sub(1)?)?.parse().ok()?;
    let kinds = ["hyper", "lightning", "turbo", "lcm", "tcd", "dmd"];
    let beside = [words.words.get(at + 1), at.checked_sub(2).and_then(|at| words.words.get(at))];
    let beside = beside.into_iter().flatten().any(|word| kinds.contains(&word.as_str()));
    (beside && (1..=FEW_STEPS).contains(&steps)).then_some(steps)
}

/// A name that states a small number of steps, which only few-step models do. Training steps are another matter.
pub(super) fn is_few(words: &Words) -> bool {
    let training = ["epoch", "epochs", "train", "training", "checkpoint", "ckpt", "e"];
    let counts = training.iter().any(|word| words.has(word));
    let steps = words.steps().filter(|steps| *steps <= FEW_STEPS);
    let of_training = words.behind("step").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    !counts && (steps.is_some() && !of_training || words.short_steps().is_some())
}
