//! Pictures as prompts: adapters and encoders, opened once, and what the UNet's cross-attentions read of pictures.

use std::sync::Arc;

use super::kept::Kept;
use super::programs::{Compiled, Network, ProgramKey};
use super::{DrawPlan, Engine, Watch};
use crate::Result;
use crate::backend::{HostTensor, MemoryNeed};
use crate::graph::Shape;
use crate::ip_adapter::{CrossAttention, IpAdapter, VisionEncoder, patches};
use crate::layers::{Attention, image_inputs};
use crate::picture::Picture;
use crate::request::ImagePrompt;

/// What was opened for image prompts.
#[derive(Default)]
pub(super) struct ImageNets {
    adapters: Kept<IpAdapter>,
    encoders: Kept<VisionEncoder>,
}

/// What an image prompt is drawn with.
#[derive(Clone)]
struct Nets {
    adapter: (u64, Arc<IpAdapter>),
    encoder: (u64, Arc<VisionEncoder>),
}

/// An input of the UNet's that is the same at every step: keys or values, `[copies, tokens, channels]`.
pub(super) struct ImageInput {
    pub(super) name: String,
    pub(super) tokens: usize,
    pub(super) channels: usize,
    pub(super) numbers: Vec<f32>,
}

impl Engine {
    /// Opens what a plan's image prompts name, and takes note of how many tokens each is read as.
    pub(super) fn open_image_prompts(&mut self, plan: &mut DrawPlan) -> Result<()> {
        let mut tokens = vec![];
        for prompt in &plan.image_prompts {
            let Nets { adapter: (_, adapter), encoder: (_, encoder) } = self.nets(prompt)?;
            adapter.check(&encoder)?;
            tokens.push(adapter.tokens() * prompt.pictures.len());
        }
        plan.image_tokens = tokens;
        Ok(())
    }

    /// The memory of what makes tokens of a plan's pictures, and of them keys and values.
    pub(super) fn image_prompt_needs(&mut self, plan: &DrawPlan) -> Result<Vec<MemoryNeed>> {
        let mut needs = vec![];
        for prompt in &plan.image_prompts {
            let nets = self.nets(prompt)?;
            needs.push(self.image_tokens(&nets)?.memory());
            needs.push(self.image_keys(&nets, plan.copies(), prompt.pictures.len())?.memory());
        }
        Ok(needs)
    }

    /// Bytes of all keys and values of a plan's pictures, for one picture that is drawn, twice: kept, and given.
    pub(super) fn image_prompt_bytes(&self, plan: &DrawPlan) -> u64 {
        let channels: usize = self.model.unet.cross_attentions().map(Attention::channels).sum();
        let tokens: usize = plan.image_tokens.iter().sum();
        (tokens * channels * 2 * plan.copies() * size_of::<f32>() * 2) as u64
    }

    /// Keys and values of a plan's pictures for every cross-attention: of no pictures, where guidance draws without the
    /// prompt, and of them.
    pub(super) fn see(&mut self, plan: &DrawPlan, watch: &mut Watch<'_>) -> Result<Vec<ImageInput>> {
        let mut inputs = vec![];
        for (at, prompt) in plan.image_prompts.iter().enumerate() {
            let nets = self.nets(prompt)?;
            let pictures = prompt.pictures.len();
            let mut tokens = vec![];
            if plan.copies() > 1 {
                tokens.extend(self.tokens_of_nothing(&nets, watch)?.repeat(pictures));
            }
            for picture in &prompt.pictures {
                tokens.extend(self.tokens_of(&nets, Some(picture), watch)?);
            }
            inputs.extend(self.keys_and_values(at, prompt, &tokens, plan, watch)?);
            nets.adapter.1.file().unchanged()?;
            nets.encoder.1.file().unchanged()?;
            nets.adapter.1.file().release();
            nets.encoder.1.file().release();
        }
        Ok(inputs)
    }

    fn nets(&mut self, prompt: &ImagePrompt) -> Result<Nets> {
        let unet = &self.base.unet;
        let ImageNets { adapters, encoders } = &mut self.image_nets;
        let is_whole = |net: &IpAdapter| net.file().unchanged().is_ok();
        let adapter = adapters.get(&prompt.file, is_whole, || {
            let attention =
                |a: &Attention| CrossAttention { name: a.name().to_owned(), channels: a.channels() };
            let attentions: Vec<_> = unet.cross_attentions().map(attention).collect();
            IpAdapter::open(&prompt.file, &attentions, unet.config().cross_attention_dim)
        })?;
        let is_whole = |net: &VisionEncoder| net.file().unchanged().is_ok();
        let encoder = encoders.get(&prompt.encoder, is_whole, || VisionEncoder::open(&prompt.encoder))?;
        Ok(Nets { adapter, encoder })
    }

    fn tokens_of_nothing(&mut self, nets: &Nets, watch: &mut Watch<'_>) -> Result<Vec<f32>> {
        match nets.adapter.1.tokens_of_nothing() {
            Some(tokens) => Ok(tokens.to_vec()),
            None => self.tokens_of(nets, None, watch),
        }
    }

    /// The tokens of a picture; `None`: of zeros in its place.
    fn tokens_of(
        &mut self,
        nets: &Nets,
        picture: Option<&Picture>,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<f32>> {
        let Nets { adapter: (_, adapter), encoder: (_, encoder) } = nets;
        let config = encoder.config();
        let tokens = config.tokens();
        let zeros = || vec![0.0; tokens * config.patch_len()];
        let numbers = picture.map_or_else(zeros, |picture| patches(picture, config));
        let image = |channels| Shape::image(1, tokens, 1, channels);
        let mut inputs = vec![
            ("patches", HostTensor::f32(image(config.patch_len()), numbers)),
            ("positions", HostTensor::f32(image(config.hidden_size), encoder.positions().to_vec())),
            ("first", HostTensor::u32(Shape::vector(1, 1), vec![0])),
        ];
        inputs
            .extend(adapter.constant().map(|(shape, latents)| ("latents", HostTensor::f32(shape, latents))));
        let program = self.image_tokens(nets)?;
        let inputs: Vec<(&str, &HostTensor)> = inputs
            .iter()
            .filter(|(name, _)| program.takes(name))
            .map(|(name, input)| (*name, input))
            .collect();
        let outputs = program.run("image encoder", &inputs, watch)?;
        Ok(outputs[0].as_f32().to_vec())
    }

    /// The inputs of the `at`-th prompt. What attention finds in pictures is as large as their values are, so these are
    /// scaled in its stead.
    fn keys_and_values(
        &mut self,
        at: usize,
        prompt: &ImagePrompt,
        tokens: &[f32],
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<ImageInput>> {
        let nets = self.nets(prompt)?;
        let shape = nets.adapter.1.tokens_shape(plan.copies(), prompt.pictures.len());
        let names = self.model.unet.cross_attentions().map(|attention| image_inputs(attention.name(), at));
        let names: Vec<String> = names.flatten().collect();
        let tokens = HostTensor::f32(shape, tokens.to_vec());
        let program = self.image_keys(&nets, plan.copies(), prompt.pictures.len())?;
        let outputs = program.run("image prompt", &[("tokens", &tokens)], watch)?;
        let one = |(place, (output, name)): (usize, (HostTensor, String))| {
            let factor = if place % 2 == 1 { prompt.scale } else { 1.0 };
            let numbers = output.as_f32().iter().map(|number| number * factor).collect();
            ImageInput { name, tokens: shape.pixels(), channels: output.shape.channels, numbers }
        };
        Ok(outputs.into_iter().zip(names).enumerate().map(one).collect())
    }

    /// What makes tokens of one picture.
    fn image_tokens(&mut self, nets: &Nets) -> Result<&mut Compiled> {
        let Nets { adapter: (adapter, net), encoder: (encoder, vision) } = nets;
        let network = Network::ImageTokens { adapter: *adapter, encoder: *encoder };
        let element = self.element;
        self.programs.get(&ProgramKey::beside(network), || net.token_graph(vision, element))
    }

    /// What makes keys and values of the tokens of so many pictures.
    fn image_keys(&mut self, nets: &Nets, copies: usize, pictures: usize) -> Result<&mut Compiled> {
        let (adapter, net) = &nets.adapter;
        let tokens = net.tokens_shape(copies, pictures);
        let element = self.element;
        let network = Network::ImageKeys { adapter: *adapter, tokens };
        self.programs.get(&ProgramKey::beside(network), || net.graph(tokens, element))
    }
}
