//! Whether a file has a part that a model can take from it.

use super::of_family;
use super::unet::ANOTHER;
use crate::error::Result;
use crate::quote;
use crate::weights::archive::Archive;
use crate::weights::configs::Configs;
use crate::weights::names::{Layout, NameTable};
use crate::weights::network::{Describe, NetworkSpec};
use crate::weights::part::Part;
use crate::weights::tensors::matrix;

const FIRST: &str = "is the first text encoder; give it with --text-encoder";
const SECOND: &str = "is the second text encoder; give it with --text-encoder-2";

impl Archive {
    /// Where a part stands in it, and which of these configurations it fits; an error if there is none, or
    /// it fits none of them.
    pub(crate) fn expect_part<'a>(
        &self,
        part: Part,
        [own, other]: [&'a Configs; 2],
        describe: Describe,
    ) -> Result<(Layout, &'a Configs)> {
        let configs = &[own, other];
        let whole = self.layout(Part::TextEncoder2).is_some() && self.layout(Part::Unet).is_some();
        if let Some(what) = self.packed() {
            return Err(self.not_sdxl(&what));
        }
        if !whole && let Some(what) = self.other_model() {
            return Err(self.not_sdxl(&what));
        }
        let alone = || self.own_layout(part).filter(|_| part != Part::Unet);
        let Some(layout) = self.layout(part).or_else(alone) else {
            return Err(self.not_sdxl(&self.lacks(part, configs, describe)));
        };
        let fitting = match part {
            Part::Unet => match self.other_unet(&layout, configs, describe) {
                Some(other) => Err(other),
                None => Ok(self.reading(&layout, configs, describe).map(|(configs, _)| configs)),
            },
            _ => self.fitting(part, &layout, configs, describe),
        };
        let fitting = fitting.map_err(|what| self.not_sdxl(&what))?;
        // What is wrong with a configuration is said where it is used.
        Ok((layout, fitting.unwrap_or(own)))
    }

    /// The parts in it; none where it is something else. Where it is one text encoder alone, its prefix need not tell
    /// which.
    pub(crate) fn parts_alone(&self) -> Vec<Part> {
        if self.other_model().is_some() {
            return Vec::new();
        }
        let mut here: Vec<Part> =
            Part::WITH_WEIGHTS.into_iter().filter(|part| self.layout(*part).is_some()).collect();
        if here.is_empty() {
            let is_it = |part: &Part| {
                self.own_layout(*part).is_some_and(|layout| self.of_another(*part, &layout).is_none())
            };
            here.extend([Part::TextEncoder2, Part::TextEncoder].into_iter().find(is_it));
        }
        here
    }

    /// What there is in place of a part.
    fn lacks(&self, part: Part, configs: &[&Configs], describe: Describe) -> String {
        if part == Part::TextEncoder && self.own_layout(Part::TextEncoder2).is_some() {
            return SECOND.into();
        }
        let here = self.nouns();
        match &here[..] {
            [_, .., _] => format!(
                "holds {}, but not {}; give a file or folder that has it",
                here.join(" and "),
                part.noun()
            ),
            _ => {
                // No flag takes a UNet that is not SDXL's.
                let unet = || self.other_unet(&self.layout(Part::Unet)?, configs, describe);
                self.other_part().or_else(unet).unwrap_or_else(|| self.in_parts())
            }
        }
    }

    /// That its VAE is of another family.
    pub(super) fn foreign_vae(&self) -> Option<String> {
        self.of_another(Part::Vae, &self.layout(Part::Vae)?)
    }

    /// Which text encoder it is that it has alone, where its width tells.
    pub(super) fn text_encoder(&self) -> Option<String> {
        let width = |part| {
            let layout = self.own_layout(part)?;
            let names = NameTable::new(part, layout, &[]);
            let places = names.places("text_model.embeddings.token_embedding.weight");
            places.iter().find_map(|place| self.tensors.get(&place.key))?.shape.get(1).copied()
        };
        let alone = |part: Part| {
            let (noun, flag) = (part.noun(), part.flag().unwrap_or_default());
            Some(format!("is {noun} alone; give it with {flag}, over a whole model"))
        };
        match width(Part::TextEncoder2).or_else(|| width(Part::TextEncoder))? {
            768 => alone(Part::TextEncoder),
            1280 => alone(Part::TextEncoder2),
            1024 => Some(of_family("Stable Diffusion 2")),
            _ => None,
        }
    }

    /// The first configurations whose network is the one behind this layout.
    fn fitting<'a>(
        &self,
        part: Part,
        layout: &Layout,
        configs: &[&'a Configs],
        describe: Describe,
    ) -> Result<Option<&'a Configs>, String> {
        let mut why = None;
        for configs in configs {
            let Ok(network) = describe(configs, part) else { continue };
            match self.misfit(part, layout, &network) {
                None => return Ok(Some(configs)),
                misfit => why = why.or(misfit),
            }
        }
        why.map_or(Ok(None), |why| Err(self.of_another(part, layout).unwrap_or(why)))
    }

    /// What a VAE or text encoder is that has other extents.
    fn of_another(&self, part: Part, layout: &Layout) -> Option<String> {
        let name = match part {
            Part::Vae if self.is_tiny_vae(layout) => "decoder.layers.0.weight",
            Part::Vae => "decoder.conv_in.weight",
            _ => "text_model.embeddings.token_embedding.weight",
        };
        let places = NameTable::new(part, layout.clone(), &[]).places(name);
        let stored = places.iter().find_map(|place| self.tensors.get(&place.key))?;
        match (part, *stored.shape.get(1)?) {
            (Part::Vae, 4) => None,
            (Part::Vae, latents) => Some(format!(
                "is a VAE of another family: its latents have {latents} channels, SDXL's have 4"
            )),
            (Part::TextEncoder, 1280) => Some(SECOND.into()),
            (Part::TextEncoder2, 768) => Some(FIRST.into()),
            (_, 1024) => Some(of_family("Stable Diffusion 2")),
            _ => None,
        }
    }

    /// What of a network is not here, or has another shape.
    fn misfit(&self, part: Part, layout: &Layout, network: &NetworkSpec) -> Option<String> {
        let names = NameTable::new(part, layout.clone(), &network.levels);
        let (mut missing, mut needed) = (0, 0);
        for spec in network.tensors.iter().filter(|spec| !spec.optional) {
            needed += 1;
            let places = names.places(&spec.name).into_iter();
            let mut found = places.filter_map(|place| Some((self.tensors.get(&place.key)?, place.view)));
            let Some((stored, view)) = found.next() else {
                missing += 1;
                continue;
            };
            let wanted = view.whole_shape(&spec.shape);
            if stored.numbers.is_ok() && matrix(&stored.shape) != matrix(&wanted) {
                let (key, found) = (quote::quoted(&stored.key), &stored.shape);
                return Some(format!(
                    "has a tensor `{key}` of shape {found:?}, where {} that fits this model has {wanted:?}",
                    part.noun()
                ));
            }
        }
        (missing > needed / ANOTHER)
            .then(|| format!("lacks {missing} of the {needed} tensors of {}", part.noun()))
    }
}
