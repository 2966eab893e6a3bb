//! The settings of a picture as text, in the form that AUTOMATIC1111 began and most tools read:
//!
//! ```text
//! a red circle
//! Negative prompt: blurry
//! Steps: 4, Sampler: Euler, Schedule type: SGM Uniform, CFG scale: 1, Seed: 1, Size: 128x128, Model: demo, RNG: CPU, Spacing: trailing, Version: Fulmen 0.1.0
//! ```

use std::fmt;
use std::str::FromStr;

use crate::noise::Rng;
use crate::{Error, Result};

const NEGATIVE: &str = "\nNegative prompt: ";

/// Settings that have members of their own.
const NAMED: [&str; 15] = [
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Seed",
    "Size",
    "Model",
    "VAE",
    "RNG",
    "Eta",
    "Spacing",
    "NAG scale",
    "NAG tau",
    "NAG alpha",
    "Version",
];

/// What is needed to draw a picture again.
///
/// Text and back gives the same settings, with two exceptions that lie in the form: a prompt in which a line
/// begins with `Negative prompt: ` is cut there, and LoRAs that the model was opened with become tags of the prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// What was drawn.
    pub prompt: String,
    /// What was not to be drawn.
    pub negative_prompt: Option<String>,
    /// Steps of the sampler.
    pub steps: usize,
    /// The sampler's name.
    pub sampler: String,
    /// What the form's first program calls the schedule; empty where it has none like it.
    pub schedule: String,
    /// Which levels of noise were picked, in this program's own words.
    pub spacing: String,
    /// Classifier-free guidance; 1 is none.
    pub guidance: f32,
    /// Scale, tau and alpha of normalised attention guidance, where a negative prompt was read by it.
    pub nag: Option<[f32; 3]>,
    /// The seed of this picture.
    pub seed: u64,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// The model's name.
    pub model: String,
    /// LoRAs that the model was opened with, and their weights; those of the prompt stand in it.
    pub loras: Vec<(String, f32)>,
    /// The VAE that the model was opened with; empty for its own.
    pub vae: String,
    /// The share of fresh noise in every step, for samplers that use it.
    pub eta: Option<f32>,
    /// Whose noise.
    pub rng: Rng,
    /// Settings that only some pictures have, by name: `Tiling`, `Denoising strength` and so on.
    pub extras: Vec<(String, String)>,
    /// The program and its version.
    pub version: String,
}

impl Parameters {
    /// The setting of a picture that was enlarged after it was drawn, as AUTOMATIC1111 calls it.
    pub(super) const UPSCALED: &str = "Postprocess upscale by";
    const UPSCALER: &str = "Postprocess upscaler";

    /// The same of one that was drawn in two passes.
    pub(crate) const SECOND_PASS: &str = "Hires upscale";

    /// The same of a picture that was then enlarged; of one that was so before, by both and by so much in all.
    #[must_use]
    pub fn enlarged(mut self, ratio: f64, upscaler: &str) -> Self {
        let is_one = |(name, _): &mut (String, String)| [Self::UPSCALED, Self::UPSCALER].contains(&&**name);
        let (mut ratio, mut upscaler) = (ratio, upscaler.to_owned());
        for (name, value) in self.extras.extract_if(.., is_one) {
            match value.parse::<f64>() {
                Ok(before) if name == Self::UPSCALED => ratio *= before,
                _ if name == Self::UPSCALER && value != upscaler => upscaler = format!("{value}, {upscaler}"),
                _ => {}
            }
        }
        self.extras.push((Self::UPSCALED.into(), ratio.to_string()));
        self.extras.push((Self::UPSCALER.into(), upscaler));
        self
    }

    /// Whether the picture has another size than what was drawn of it first.
    pub(crate) fn is_enlarged(&self) -> bool {
        self.extras.iter().any(|(name, _)| name == Self::UPSCALED || name == Self::SECOND_PASS)
    }

    /// This program, as `version` names it.
    pub(crate) fn this_version() -> String {
        format!("Fulmen {}", env!("CARGO_PKG_VERSION"))
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prompt)?;
        for (name, weight) in &self.loras {
            write!(f, " <lora:{name}:{weight}>")?;
        }
        if let Some(negative) = &self.negative_prompt {
            write!(f, "{NEGATIVE}{negative}")?;
        }
        let rng = match self.rng {
            Rng::Torch => "CPU",
            Rng::Philox => "NV",
        };
        write!(f, "\nSteps: {}, Sampler: {}", self.steps, quoted(&self.sampler))?;
        if !self.schedule.is_empty() {
            write!(f, ", Schedule type: {}", quoted(&self.schedule))?;
        }
        write!(f, ", CFG scale: {}, Seed: {}", self.guidance, self.seed)?;
        write!(f, ", Size: {}x{}, Model: {}", self.width, self.height, quoted(&self.model))?;
        if !self.vae.is_empty() {
            write!(f, ", VAE: {}", quoted(&self.vae))?;
        }
        write!(f, ", RNG: {rng}")?;
        if let Some(eta) = self.eta {
            write!(f, ", Eta: {eta}")?;
        }
        if !self.spacing.is_empty() {
            write!(f, ", Spacing: {}", quoted(&self.spacing))?;
        }
        if let Some([scale, tau, alpha]) = self.nag {
            write!(f, ", NAG scale: {scale}, NAG tau: {tau}, NAG alpha: {alpha}")?;
        }
        for (name, value) in &self.extras {
            write!(f, ", {name}: {}", quoted(value))?;
        }
        write!(f, ", Version: {}", quoted(&self.version))
    }
}

impl FromStr for Parameters {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (prompts, settings) = text.trim_end().rsplit_once('\n').ok_or_else(|| missing("Steps"))?;
        let (prompt, negative_prompt) = match prompts.split_once(NEGATIVE) {
            Some((prompt, negative)) => (prompt, Some(negative.to_owned())),
            None => (prompts, None),
        };
        let fields = fields(settings);
        let find = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let word = |name: &str| find(name).unwrap_or_default().to_owned();
        let (width, height) =
            find("Size").and_then(|size| size.split_once('x')).ok_or_else(|| missing("Size"))?;
        Ok(Self {
            prompt: prompt.to_owned(),
            negative_prompt,
            steps: number("Steps", find("Steps"))?,
            sampler: word("Sampler"),
            schedule: word("Schedule type"),
            spacing: word("Spacing"),
            guidance: number("CFG scale", find("CFG scale"))?,
            nag: match ["NAG scale", "NAG tau", "NAG alpha"].map(find) {
                [None, ..] => None,
                [scale, tau, alpha] => {
                    Some([number("NAG scale", scale)?, number("NAG tau", tau)?, number("NAG alpha", alpha)?])
                }
            },
            seed: number("Seed", find("Seed"))?,
            width: number("Size", Some(width))?,
            height: number("Size", Some(height))?,
            model: word("Model"),
            // They are part of the prompt in this form.
            loras: vec![],
            vae: word("VAE"),
            eta: find("Eta").map(|eta| number("Eta", Some(eta))).transpose()?,
            // AUTOMATIC1111 names the generator only where it is not the card's.
            rng: if find("RNG") == Some("CPU") { Rng::Torch } else { Rng::Philox },
            version: word("Version"),
            extras: fields.iter().filter(|(name, _)| !NAMED.contains(&name.as_str())).cloned().collect(),
        })
    }
}

/// A value as it stands, or as a JSON string where commas and the like would break the line.
fn quoted(value: &str) -> String {
    // Trimmed when read, so edges of white space need quotes too.
    let plain = !value.contains([',', ':', '"', '\n', '\r']) && value.trim() == value;
    if plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

/// `key: value` pairs between commas; a value in quotes may hold commas.
fn fields(line: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = line;
    while let Some((key, after)) = rest.split_once(':') {
        let after = after.trim_start();
        let (value, next) = match quoted_value(after) {
            Some((value, end)) => (value, after[end..].split_once(',').map_or("", |(_, next)| next)),
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        fields.push((key.trim().to_owned(), value));
        rest = next;
    }
    fields
}

/// The JSON string that a text begins with, and where it ends.
fn quoted_value(text: &str) -> Option<(String, usize)> {
    let mut strings = serde_json::Deserializer::from_str(text.starts_with('"').then_some(text)?).into_iter();
    let value = strings.next()?.ok()?;
    Some((value, strings.byte_offset()))
}

fn number<T: FromStr>(name: &str, value: Option<&str>) -> Result<T> {
    value.and_then(|value| value.trim().parse().ok()).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Error {
    let what = format!("this text holds no settings of a picture: `{name}` is missing or not a number");
    Error::Request(what.into())
}
