//! Pictures as prompts: which pictures, by which adapter, how strongly.

use std::path::PathBuf;
use std::sync::Arc;

use super::refuse;
use crate::Result;
use crate::message::Setting;
use crate::picture::Picture;

/// Most adapters of one request.
const MOST_PROMPTS: usize = 8;
/// Most pictures of one adapter.
const MOST_PICTURES: usize = 16;
/// Largest scale: at 1 pictures count as much as they were trained to.
const MOST_SCALE: f32 = 10.0;

/// Pictures that a picture is to be like, by an IP-Adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagePrompt {
    /// The adapter's file.
    pub file: PathBuf,
    /// The encoder of pictures that it was made for: a file, or a folder of transformers'.
    pub encoder: PathBuf,
    /// What to look at. Several count together as one.
    pub pictures: Vec<Arc<Picture>>,
    /// How much they count beside the prompt: 1 is as the adapter was trained, 0 is not at all.
    pub scale: f32,
}

/// An error unless pictures can be prompts so.
pub(super) fn validate(prompts: &[ImagePrompt]) -> Result<()> {
    if prompts.len() > MOST_PROMPTS {
        return refuse(Setting::ImagePrompts, format!(" names more than {MOST_PROMPTS} adapters"));
    }
    for ImagePrompt { file, pictures, scale, .. } in prompts {
        let name = file.display();
        if !(-MOST_SCALE..=MOST_SCALE).contains(scale) {
            let what = format!(" {name} cannot count {scale} times; use 0 to 1, for instance 0.6");
            return refuse(Setting::ImagePrompts, what);
        }
        if pictures.is_empty() || pictures.len() > MOST_PICTURES {
            let what = format!(" {name} has {} pictures; give 1 to {MOST_PICTURES}", pictures.len());
            return refuse(Setting::ImagePrompts, what);
        }
    }
    Ok(())
}
