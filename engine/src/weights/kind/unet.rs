//! Which UNet a file holds, by the shapes of a few tensors: SDXL's relatives have its names.

use crate::weights::archive::Archive;
use crate::weights::configs::Configs;
use crate::weights::names::{Dialect, Layout, NameTable};
use crate::weights::network::{Describe, NetworkSpec};
use crate::weights::part::Part;

use super::of_family;

/// A network that lacks more than one in so many tensors is another one, not a damaged one.
pub(super) const ANOTHER: usize = 20;

/// The numbers by which UNets are told apart.
struct Measures {
    /// Of the latents, and whatever is given beside them.
    in_channels: Option<usize>,
    /// After the first convolution.
    first: Option<usize>,
    /// Of the text.
    context: Option<usize>,
    /// Of the pooled text and the picture's size together.
    added: Option<usize>,
}

impl Archive {
    /// What the UNet behind this layout is, as the rest of a sentence; `None` if it fits one of the
    /// configurations.
    pub(super) fn other_unet(
        &self,
        layout: &Layout,
        configs: &[&Configs],
        describe: Describe,
    ) -> Option<String> {
        let found = self.measures(layout);
        let Some((configs, network)) = self.reading(layout, configs, describe) else { return found.family() };
        if found.context == Some(2048) && found.added == Some(5632) {
            return Some(of_family("Kolors"));
        }
        let [wanted, latents] =
            ["in_channels", "out_channels"].map(|field| number(configs, field).unwrap_or(0));
        let read = found.in_channels.filter(|read| !is_inpainting(*read, latents));
        if let Some(what) = read.and_then(|read| other_channels(read, wanted)) {
            return Some(what);
        }
        if self.under(layout, "cond_proj.weight").is_some() {
            return Some(
                "is a UNet that takes the guidance as an input (a latent consistency model), which Fulmen \
                 does not do yet; give one without, or a checkpoint that such a LoRA was merged into"
                    .into(),
            );
        }
        self.smaller_unet(layout, &network)
    }

    /// The first configurations whose UNet reads the text that the one behind this layout reads.
    pub(super) fn reading<'a>(
        &self,
        layout: &Layout,
        configs: &[&'a Configs],
        describe: Describe,
    ) -> Option<(&'a Configs, NetworkSpec)> {
        let context = self.measures(layout).context;
        let reads = |configs: &&Configs| {
            context.is_none_or(|context| number(configs, "cross_attention_dim") == Some(context))
        };
        // What is wrong with a configuration is said where it is used.
        let described = |configs| Some((configs, describe(configs, Part::Unet).ok()?));
        configs.iter().copied().filter(reads).find_map(described)
    }

    /// What the UNet behind this layout is, where it is not SDXL's, by its measures alone.
    pub(super) fn foreign_unet(&self, layout: &Layout) -> Option<String> {
        /// Channels of SDXL's latents and text.
        const SDXL: (usize, usize) = (4, 2048);
        let found = self.measures(layout);
        let is_one = |found: &usize| !is_inpainting(*found, SDXL.0);
        let other = || other_channels(found.in_channels.filter(is_one)?, SDXL.0);
        let known = || [768, 1024, 1280].contains(&found.context?).then(|| found.family()).flatten();
        known().or_else(other)
    }

    /// Fits the configuration of a UNet to the one here, where that came without: those for inpainting read other
    /// channels, and nothing else tells them apart.
    pub(crate) fn adapt(&self, layout: &Layout, configs: &mut Configs) {
        let (found, latents) = (self.measures(layout).in_channels, number(configs, "out_channels"));
        if let (Some(found), Some(latents)) = (found, latents)
            && (found == latents || is_inpainting(found, latents))
        {
            configs.take_unet_channels(found);
        }
    }

    /// Channels of the text that the UNet behind this layout reads.
    pub(crate) fn text_channels(&self, layout: &Layout) -> Option<usize> {
        self.measures(layout).context
    }

    fn measures(&self, layout: &Layout) -> Measures {
        let [conv_in, added] = match layout.dialect {
            Dialect::Original => ["input_blocks.0.0.weight", "label_emb.0.0.weight"],
            Dialect::Diffusers | Dialect::Numbered => ["conv_in.weight", "add_embedding.linear_1.weight"],
        };
        let extent = |shape: Option<&[usize]>, i: usize| shape.and_then(|shape| shape.get(i)).copied();
        let named = |name: &str| self.tensors.get(&format!("{}{name}", layout.prefix));
        let conv_in = named(conv_in).map(|tensor| &tensor.shape[..]);
        Measures {
            in_channels: extent(conv_in, 1),
            first: extent(conv_in, 0),
            context: extent(self.under(layout, "attn2.to_k.weight"), 1),
            added: extent(named(added).map(|tensor| &tensor.shape[..]), 1),
        }
    }

    /// The shape of the UNet's first tensor whose name ends so.
    fn under(&self, layout: &Layout, end: &str) -> Option<&[usize]> {
        let keys = self.tensors.keys();
        let keys = keys.filter(|key| key.starts_with(&layout.prefix) && key.ends_with(end));
        keys.min().map(|key| &self.tensors[key].shape[..])
    }

    /// A UNet of SDXL's kind with blocks left out.
    fn smaller_unet(&self, layout: &Layout, network: &NetworkSpec) -> Option<String> {
        let names = NameTable::new(Part::Unet, layout.clone(), &network.levels);
        let list = &network.tensors;
        let is_here =
            |name: &str| names.places(name).iter().any(|place| self.tensors.contains_key(&place.key));
        let missing: Vec<_> = list.iter().filter(|spec| !is_here(&spec.name)).collect();
        let first = missing.first().filter(|_| missing.len() > list.len() / ANOTHER)?;
        Some(format!(
            "is a different network from SDXL's: its UNet lacks {} of {} tensors, `{}` the first, as the smaller \
             models made from SDXL do (SSD-1B, Segmind Vega, KOALA); give a model of SDXL's own size",
            missing.len(),
            list.len(),
            names.usual_place(&first.name).key
        ))
    }
}

/// A number of the UNet's configuration.
fn number(configs: &Configs, field: &str) -> Option<usize> {
    configs.value(Part::Unet).ok()?[field].as_u64()?.try_into().ok()
}

impl Measures {
    /// The family of a UNet that reads another text than SDXL's.
    fn family(&self) -> Option<String> {
        Some(match (self.context?, self.first) {
            (768, _) => of_family("Stable Diffusion 1"),
            (1024, _) => of_family("Stable Diffusion 2"),
            (1280, Some(384)) => of_family("the SDXL refiner"),
            (context, _) => format!(
                "is a UNet of another family: its text has {context} channels; Fulmen draws with SDXL \
                 (2048) and models made from it"
            ),
        })
    }
}

/// Whether a UNet that reads so many channels is given latents of so many, a mask, and a masked picture's latents.
pub(crate) const fn is_inpainting(found: usize, latents: usize) -> bool {
    found == latents.saturating_mul(2).saturating_add(1)
}

/// What a UNet is that reads other channels than those that it can be given; `None` if it does not.
pub(crate) fn other_channels(found: usize, wanted: usize) -> Option<String> {
    if found == wanted {
        return None;
    }
    let what = match found {
        8 => "is a model for editing pictures: its UNet reads 8 channels (latents, and the picture to edit)"
            .into(),
        _ => format!("has a UNet that reads {found} channels"),
    };
    Some(format!(
        "{what}; Fulmen draws with those that read {wanted}, and with inpainting models, which read 9"
    ))
}
