//! What a file says of itself beside its weights: marks, and its maker's words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Tensors without numbers, or with one, that say how a model wants to be drawn.
pub(crate) const MARKS: [&str; 6] =
    ["v_pred", "ztsnr", "edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min"];

/// Longest text that is kept; recipes of merges can be long.
const LONGEST: usize = 16 << 10;

/// Most texts that are kept.
const MOST: usize = 64;

/// Longest settings and graphs that are looked through, for the few words in them that are kept.
const LONGEST_JSON: usize = 1 << 20;

/// Settings of OneTrainer that say how a model is drawn.
const TRAINED: [&str; 2] = ["force_v_prediction", "rescale_noise_scheduler_to_zero_terminal_snr"];

/// What a file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    marks: BTreeSet<&'static str>,
    texts: BTreeMap<String, String>,
}

impl About {
    /// Whether the file has this mark.
    pub(crate) fn has(&self, mark: &str) -> bool {
        self.marks.contains(mark)
    }

    /// What the file's header says under this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The same with one mark more.
    #[cfg(test)]
    pub(crate) fn marked(mut self, name: &str) -> Self {
        self.mark(name);
        self
    }

    /// The same with one text more, unless it is too long.
    #[cfg(test)]
    pub(crate) fn saying(mut self, name: &str, text: &str) -> Self {
        self.say(name.into(), text.into());
        self
    }

    pub(crate) fn mark(&mut self, name: &str) {
        self.marks.extend(mark(name));
    }

    /// What another part of the same model says, too.
    pub(crate) fn join(&mut self, other: Self) {
        self.marks.extend(other.marks);
        other.texts.into_iter().for_each(|(name, text)| self.keep(name, text));
    }

    pub(crate) fn say(&mut self, name: String, text: String) {
        match (name.as_str(), json(&name, &text)) {
            ("prompt", graph) => {
                let names = graph.map(|graph| models(&graph)).filter(|names| !names.is_empty());
                names.into_iter().for_each(|names| self.keep(name.clone(), names));
            }
            ("ot_config", settings) => {
                let settings = settings.unwrap_or_default();
                let said = |key| Some((format!("ot_config.{key}"), settings[key].as_bool()?.to_string()));
                TRAINED.into_iter().filter_map(said).for_each(|(name, text)| self.keep(name, text));
            }
            // Alpha stands there, of each layer if need be.
            ("lora_adapter_metadata", _) if text.len() <= LONGEST_JSON => _ = self.texts.insert(name, text),
            _ if is_telling(&name) => self.keep(name, text),
            _ => (),
        }
    }

    fn keep(&mut self, name: String, text: String) {
        if text.len() <= LONGEST && self.texts.len() < MOST {
            self.texts.insert(name, text);
        }
    }
}

/// Settings of OneTrainer, or a graph of ComfyUI.
fn json(name: &str, text: &str) -> Option<Value> {
    let is_json = ["prompt", "ot_config"].contains(&name) && text.len() <= LONGEST_JSON;
    is_json.then(|| serde_json::from_str(text).ok())?
}

/// The files that ComfyUI's nodes loaded to make a model.
fn models(graph: &Value) -> String {
    let inputs = ["ckpt_name", "unet_name", "lora_name"];
    let nodes = graph.as_object().into_iter().flat_map(|nodes| nodes.values());
    let names = nodes.flat_map(|node| inputs.iter().filter_map(|input| node["inputs"][*input].as_str()));
    names.collect::<Vec<_>>().join(", ")
}

/// Names under which trainers and mergers write; of the rest, which may be megabytes, nothing is kept.
fn is_telling(name: &str) -> bool {
    ["title", "name", "v_pred", "ztsnr", "zsnr"].contains(&name)
        || ["modelspec.", "ss_", "sd_merge_", "prediction_type"].iter().any(|start| name.starts_with(start))
}

/// The mark that a tensor of this name is, whatever stands before it.
pub(crate) fn mark(key: &str) -> Option<&'static str> {
    MARKS
        .into_iter()
        .find(|mark| key.strip_suffix(mark).is_some_and(|before| before.is_empty() || before.ends_with('.')))
}
