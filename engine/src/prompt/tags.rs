//! LoRA tags: `<lora:name:weight>`, `<lora:name:text-encoder:unet>`, also with `te=` and `unet=`. They are taken out of
//! the text.

use super::note;

/// Tags that are read; more are left out.
const MOST: usize = 64;

const TOO_MANY: &str = "no more than 64 LoRAs are read, so this one is not applied";

/// Bytes of the longest tag.
const LONGEST: usize = 400;

/// Words that a LoRA's tag begins with, whatever its dialect.
const NAMES: [&str; 8] = ["lora", "lyco", "lycoris", "locon", "loha", "lokr", "dora", "oft"];

/// A LoRA that a prompt asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraTag {
    /// Its file's name, without a folder and without `.safetensors`.
    pub name: String,
    /// How much of it the text encoders get.
    pub text_encoder: f32,
    /// How much of it the UNet gets.
    pub unet: f32,
}

/// The text without its LoRA tags, the tags, and what is odd about them.
pub(super) fn take(text: &str) -> (String, Vec<LoraTag>, Option<String>) {
    let (mut rest, mut tags, mut odd) = (String::with_capacity(text.len()), vec![], None);
    let mut at = 0;
    // From one `<` to the next: none of them is looked at twice.
    for (start, _) in text.match_indices('<') {
        let Some((tag, end)) = whole(text, start).filter(|_| start >= at) else { continue };
        rest.push_str(&text[at..start]);
        at = end;
        let what = match read(tag) {
            Ok(tag) if tags.len() < MOST => {
                tags.push(tag);
                continue;
            }
            Ok(_) => TOO_MANY,
            Err(what) => what,
        };
        odd.get_or_insert_with(|| note(&text[start..end], what));
    }
    rest.push_str(&text[at..]);
    (rest, tags, odd)
}

/// What stands behind the name of a LoRA tag that begins here, and where it ends.
fn whole(text: &str, start: usize) -> Option<(&str, usize)> {
    let bytes = &text.as_bytes()[start + 1..];
    let length = bytes.iter().take(LONGEST).position(|byte| matches!(byte, b'>' | b'<'))?;
    let inside = text.get(start + 1..start + 1 + length).filter(|_| bytes[length] == b'>')?;
    let (name, settings) = inside.split_once(':')?;
    let is_lora = NAMES.iter().any(|lora| name.trim().eq_ignore_ascii_case(lora));
    is_lora.then_some((settings, start + length + 2))
}

/// `name`, `name:weight`, `name:text-encoder:unet`, and each weight also by its name.
fn read(settings: &str) -> Result<LoraTag, &'static str> {
    const NO_NUMBER: &str = "its weight is not a number between -100 and 100, so no LoRA is applied";
    let weight = |text: &str| {
        let weight = text.trim().parse::<f32>().ok();
        weight.filter(|weight| weight.abs() <= 100.0).ok_or(NO_NUMBER)
    };
    let mut words = settings.split(':');
    let name = words.next().unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return Err("it names no LoRA");
    }
    let (mut text_encoder, mut unet, mut place) = (None, None, 0);
    for word in words {
        match word.split_once('=') {
            Some(("te", value)) => text_encoder = Some(weight(value)?),
            Some(("unet", value)) => unet = Some(weight(value)?),
            Some(_) => {}
            None if place == 0 => (text_encoder, place) = (Some(weight(word)?), 1),
            None if place == 1 => (unet, place) = (Some(weight(word)?), 2),
            None => place += 1,
        }
    }
    let text_encoder = text_encoder.unwrap_or(1.0);
    Ok(LoraTag { name, text_encoder, unet: unet.unwrap_or(text_encoder) })
}
