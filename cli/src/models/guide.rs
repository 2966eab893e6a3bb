//! `fulmen models inspect` of a ControlNet or T2I-Adapter: what it is, and which model it fits.

use std::collections::BTreeSet;

use fulmen_engine::controlnet::GuideAbout;
use serde::Serialize;

use crate::console;

/// A net that guides, in short.
#[derive(Debug, Serialize)]
struct About<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'static str>,
    /// Kinds of pictures that it tells apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<usize>,
    bytes: u64,
    tensors: usize,
    parameters: usize,
    formats: &'a BTreeSet<String>,
    /// The model that it fits.
    fits: &'a str,
    unused: &'a [String],
}

pub(super) fn say(about: &GuideAbout, json: bool) {
    let GuideAbout { kind, size, kinds, bytes, tensors, unused, fits } = about;
    if json {
        console::json(&About {
            kind,
            size: *size,
            kinds: *kinds,
            bytes: *bytes,
            tensors: tensors.tensors,
            parameters: tensors.parameters,
            formats: &tensors.formats,
            fits,
            unused,
        });
        return;
    }
    let size = size.map(|size| format!(", {size} size")).unwrap_or_default();
    let kinds = kinds.map(|kinds| format!(", for {kinds} kinds of pictures")).unwrap_or_default();
    console::out(&format!("{kind}{size}{kinds}, {:.1} MiB", *bytes as f64 / f64::from(1 << 20)));
    let formats: Vec<&str> = tensors.formats.iter().map(String::as_str).collect();
    console::out(&format!(
        "  {:.1} M parameters in {} tensors of {}",
        tensors.parameters as f64 / 1e6,
        tensors.tensors,
        formats.join(" and ")
    ));
    console::out(&format!("  it fits {fits}; give it with --control, over a model"));
    if let Some(first) = unused.first() {
        console::out(&format!("{} tensors are not used, `{first}` among them", unused.len()));
    }
}
