//! `fulmen models inspect` of a LoRA: what it is, and what it changes.

use std::collections::BTreeMap;

use fulmen_engine::layer_diffuse::LayerDiffuseFiles;
use fulmen_engine::settings::{Clues, Settings};
use fulmen_engine::weights::Adapter;
use fulmen_engine::{Error, Request};
use serde::Serialize;

use crate::console;

/// A LoRA in short.
#[derive(Debug, Serialize)]
struct About {
    /// `LoRA`, `LoHa`, `DoRA` …
    kind: &'static str,
    /// Whose names its layers have.
    names: &'static str,
    modules: usize,
    /// The least and the greatest.
    ranks: Option<(usize, usize)>,
    /// Modules of each part of the model.
    parts: BTreeMap<&'static str, usize>,
    /// For which other family it is, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'static str>,
    /// Whether it is what LayerDiffuse changes a UNet by.
    layer_diffuse: bool,
    /// How a model is drawn under it, where it says so, and by which sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    drawn: Option<String>,
}

pub(super) fn say(adapter: &Adapter, json: bool) -> Result<(), Error> {
    let about = About {
        kind: adapter.kind(),
        names: adapter.dialect(),
        modules: adapter.modules(),
        ranks: adapter.ranks(),
        parts: adapter.parts().into_iter().map(|(part, count)| (part.name(), count)).collect(),
        family: adapter.other_family(),
        layer_diffuse: LayerDiffuseFiles::is_change(adapter.path()),
        drawn: drawn(adapter)?,
    };
    if json {
        console::json(&about);
    } else {
        print(&about);
    }
    Ok(())
}

/// What it changes of how models are drawn that say nothing themselves.
fn drawn(adapter: &Adapter) -> Result<Option<String>, Error> {
    let line = |clues: Clues| Ok(Settings::choose(&clues, &Request::default(), &Request::default())?.line());
    let loras = vec![(adapter.path().to_owned(), adapter.about().clone())];
    let (under, without) = (line(Clues { loras, ..Clues::default() })?, line(Clues::default())?);
    Ok((under != without).then_some(under))
}

fn print(about: &About) {
    let About { kind, names, modules, ranks, parts, family, layer_diffuse, drawn } = about;
    let ranks = match ranks {
        Some((least, most)) if least == most => format!(" of rank {least}"),
        Some((least, most)) => format!(" of ranks {least} to {most}"),
        None => String::new(),
    };
    console::out(&format!("{kind}{ranks}, {modules} modules with the names of {names}"));
    for (part, count) in parts {
        console::out(&format!("  {part:<15} {count} modules"));
    }
    drawn.iter().for_each(|line| console::out(&format!("  a model is drawn in {line}")));
    match family {
        Some(family) => console::out(&format!("  for another family, {family}; Fulmen draws with SDXL")),
        None if *layer_diffuse => console::out(
            "  LayerDiffuse's; give its folder, with the decoder in it, with --transparent and --layer-diffuse",
        ),
        None => console::out("  give it with --lora, over a model"),
    }
}
