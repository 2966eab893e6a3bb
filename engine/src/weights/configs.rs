//! The configuration of every part.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::file::{self, bad_file};
use super::foreign;
use super::part::Part;
use super::source::Source;
use crate::error::Result;
use crate::quote;

/// Members of a configuration among which a fault is looked for; published ones have about sixty.
const MOST_MEMBERS: usize = 200;

/// The configurations of a pipeline, as JSON.
#[derive(Debug, Clone)]
pub struct Configs {
    source: Source,
    /// In the order of [`Part::ALL`].
    values: Vec<Option<Config>>,
}

/// One configuration, and the file that it came from.
#[derive(Debug, Clone)]
struct Config {
    file: PathBuf,
    value: Value,
}

/// What stability.ai published with SDXL base 1.0, for files that carry no configuration.
static SDXL_BASE: &[(&str, &[u8])] = &[
    ("unet/config.json", include_bytes!("configs/unet.json")),
    ("vae/config.json", include_bytes!("configs/vae.json")),
    ("text_encoder/config.json", include_bytes!("configs/text_encoder.json")),
    ("text_encoder_2/config.json", include_bytes!("configs/text_encoder_2.json")),
    ("scheduler/scheduler_config.json", include_bytes!("configs/scheduler.json")),
    ("model_index.json", include_bytes!("configs/model_index.json")),
];

impl Configs {
    /// The class of TAESD and TAESDXL.
    pub(crate) const TINY_VAE: &str = "AutoencoderTiny";

    /// Those of SDXL base 1.0.
    ///
    /// # Errors
    /// None that a user could meet: the files are part of the binary.
    pub fn sdxl_base() -> Result<Self> {
        Self::read(Source::Embedded("the built-in SDXL base", SDXL_BASE))
    }

    /// Those of a diffusers folder; weights need not lie in it.
    ///
    /// # Errors
    /// A file that is not JSON, or cannot be read.
    pub fn folder(path: &Path) -> Result<Self> {
        Self::read(Source::Folder(path.to_path_buf()))
    }

    pub(crate) fn read(source: Source) -> Result<Self> {
        let value = |part: &Part| Config::read(&source, part.config_file());
        let values = Part::ALL.iter().map(value).collect::<Result<_>>()?;
        Ok(Self { source, values })
    }

    /// Takes one part's configuration from a file of another folder, if it is there.
    pub(crate) fn take(&mut self, part: Part, source: &Source, name: &str) -> Result<()> {
        if let Some(config) = Config::read(source, name)? {
            self.values[part as usize] = Some(config);
        }
        Ok(())
    }

    /// Where a part's configuration lies, for messages.
    pub(crate) fn file(&self, part: Part) -> PathBuf {
        let config = self.values[part as usize].as_ref();
        config.map_or_else(|| self.source.path(part.config_file()), |config| config.file.clone())
    }

    /// Whether a part has one.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.values[part as usize].is_some()
    }

    /// A part's configuration as JSON.
    pub(crate) fn value(&self, part: Part) -> Result<&Value> {
        let config = self.values[part as usize].as_ref().map(|config| &config.value);
        config.ok_or_else(|| bad_file(self.source.root(), lacks(part)))
    }

    /// A part's configuration, read into `T`.
    pub(crate) fn get<T: DeserializeOwned>(&self, part: Part) -> Result<T> {
        let value = self.value(part)?;
        T::deserialize(value).map_err(|e| bad_file(&self.file(part), misfit::<T>(value, &e.to_string())))
    }

    /// The same, where it says nothing that `check` does not allow.
    pub(crate) fn checked<T: DeserializeOwned>(
        &self,
        part: Part,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Result<T> {
        let config = self.get(part)?;
        check(&config).map_err(|what| bad_file(&self.file(part), what))?;
        Ok(config)
    }

    /// Takes TAESDXL's for the VAE, which is its class's default. `file` has the weights, and no configuration.
    pub(crate) fn take_tiny_vae(&mut self, file: &Path) {
        let value = json!({ "_class_name": Self::TINY_VAE });
        self.values[Part::Vae as usize] = Some(Config { file: file.to_path_buf(), value });
    }

    /// Has the UNet read so many channels.
    pub(crate) fn take_unet_channels(&mut self, channels: usize) {
        if let Some(config) = &mut self.values[Part::Unet as usize] {
            config.value["in_channels"] = channels.into();
        }
    }

    /// Leaves a part without a configuration.
    pub(crate) fn forget(&mut self, part: Part) {
        self.values[part as usize] = None;
    }

    /// Takes one part's configuration from another set.
    pub(crate) fn replace(&mut self, part: Part, other: &Self) {
        self.values[part as usize].clone_from(&other.values[part as usize]);
    }
}

/// JSON as Python writes it: also with numbers that JSON does not have (a scheduler of diffusers' has `-Infinity`),
/// which are read as null. What Windows' editors put before a text is passed over.
pub(crate) fn python_json(bytes: &[u8]) -> serde_json::Result<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).or_else(|error| match without_infinities(bytes) {
        Some(plain) => serde_json::from_slice(&plain),
        None => Err(error),
    })
}

/// Infinities and NaN outside of strings as null; `None` where there are none.
fn without_infinities(bytes: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let (mut plain, mut found, mut quoted, mut at) = (Vec::with_capacity(bytes.len()), false, false, 0);
    while at < bytes.len() {
        if !quoted && let Some(word) = WORDS.iter().find(|word| bytes[at..].starts_with(word)) {
            plain.extend_from_slice(b"null");
            at += word.len();
            found = true;
            continue;
        }
        if quoted && bytes[at] == b'\\' {
            plain.extend(&bytes[at..(at + 2).min(bytes.len())]);
            at += 2;
            continue;
        }
        quoted ^= bytes[at] == b'"';
        plain.push(bytes[at]);
        at += 1;
    }
    found.then_some(plain)
}

impl Config {
    /// `None` where there is no such file.
    fn read(source: &Source, name: &str) -> Result<Option<Self>> {
        let file = source.path(name);
        let Some(bytes) = source.read(name, file::CONFIG)? else { return Ok(None) };
        let value: Value = python_json(&bytes)
            .map_err(|e| bad_file(&file, foreign::instead_of(&bytes, "is not valid JSON", &e)))?;
        if !value.is_object() {
            return Err(bad_file(&file, "is not a JSON object"));
        }
        match foreign::site_answer(&value) {
            Some(what) => Err(bad_file(&file, what)),
            None => Ok(Some(Self { file, value })),
        }
    }
}

/// That a folder has no such configuration.
pub(crate) fn lacks(part: Part) -> String {
    format!("has no {}, which every SDXL model in diffusers' form has; {}", part.config_file(), part.remedy())
}

/// What does not fit, with the member's name, which the reader of JSON does not tell: it is the one
/// without which it would have said something else.
fn misfit<T: DeserializeOwned>(value: &Value, said: &str) -> String {
    let whole = value.as_object().filter(|whole| whole.len() <= MOST_MEMBERS);
    let is_one = |key: &&String| {
        let mut rest = whole.cloned().unwrap_or_default();
        rest.remove(*key);
        T::deserialize(Value::Object(rest)).map_or_else(|e| e.to_string() != said, |_| true)
    };
    let said = said.replace("usize", "a whole number").replace("f32", "a number");
    match whole.and_then(|whole| whole.keys().find(is_one)) {
        Some(key) => format!("`{}`: {said}", quote::quoted(key)),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_only_python_writes_are_read_as_null() {
        let read = |text: &str| python_json(text.as_bytes()).map(|value| value.to_string()).ok();
        assert_eq!(
            read(r#"{"a": -Infinity, "b": [NaN, Infinity]}"#).unwrap(),
            r#"{"a":null,"b":[null,null]}"#
        );
        assert_eq!(read("\u{feff}{\"a\": NaN}").unwrap(), r#"{"a":null}"#);
        let quoted = r#"{"a":"-Infinity \\","b":"\"NaN"}"#;
        assert_eq!(read(quoted).unwrap(), quoted);
        for wrong in ["{-Infinity}", "NaNs", r#"{"a": "NaN"#, r#"{"a": NaN, "\"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
