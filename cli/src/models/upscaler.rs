//! `fulmen models inspect` of an upscaler: what it is, and what it makes of a picture.

use std::collections::BTreeSet;

use fulmen_engine::upscaler::Upscaler;
use serde::Serialize;

use crate::console;

/// An upscaler in short.
#[derive(Debug, Serialize)]
struct About {
    /// `RRDBNet` or `SRVGG`.
    kind: &'static str,
    /// Pixels of a side that it makes of one.
    scale: usize,
    /// What it is meant to enlarge by, which may be less.
    ratio: f64,
    parameters: usize,
    /// As they are stored.
    formats: BTreeSet<String>,
}

pub(super) fn say(upscaler: &Upscaler, json: bool) {
    let (parameters, formats) = upscaler.parameters();
    let about = About {
        kind: upscaler.kind(),
        scale: upscaler.scale(),
        ratio: upscaler.ratio(),
        parameters,
        formats,
    };
    if json {
        return console::json(&about);
    }
    let About { kind, ratio, parameters, formats, .. } = about;
    let formats = formats.into_iter().collect::<Vec<_>>().join(" and ");
    let millions = parameters as f64 / 1e6;
    console::out(&format!(
        "upscaler ({kind}), enlarges {ratio} times, {millions:.1} M parameters of {formats}"
    ));
    console::out("  give it with --upscale, or to `fulmen upscale` with --with");
}
