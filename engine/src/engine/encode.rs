//! Prompt → conditioning: both prompts through the text encoders, size and crop as sinusoids.

use super::image_prompts::ImageInput;
use super::programs::{Compiled, Network};
use super::{DrawPlan, Engine, Watch};
use crate::Result;
use crate::backend::HostTensor;
use crate::graph::Shape;
use crate::request::Request;
use crate::text::{Conditioning, encode_prompt};
use crate::tokens::{Chunks, Tokens};
use crate::unet::sinusoid;

/// What the UNet is given at every step alike, for one picture, made once for all pictures of a request.
pub(super) struct UNetConditioning {
    /// The times that the UNet is asked: without the prompt and with it, or with it alone.
    pub(super) copies: usize,
    /// Of each prompt, in chunks of 77.
    pub(super) tokens: usize,
    /// `[copies, tokens, context channels]`
    pub(super) context: Vec<f32>,
    /// `[copies, pooled + 6 sinusoids]`
    pub(super) added: Vec<f32>,
    /// The negative prompt of attention guidance, where there is one.
    pub(super) negative: Option<NegativePrompt>,
    /// What cross-attentions read of pictures, the same inputs for all that are drawn side by side.
    pub(super) images: Vec<ImageInput>,
}

/// A negative prompt that attention is guided by.
pub(super) struct NegativePrompt {
    /// `[tokens, context channels]`
    pub(super) context: Vec<f32>,
    /// Scale, tau and alpha.
    pub(super) guidance: [f32; Self::GUIDANCE],
}

impl NegativePrompt {
    /// Numbers of attention guidance.
    pub(super) const GUIDANCE: usize = 3;
}

impl Engine {
    /// Both prompts, as guidance needs them.
    pub(super) fn encode(
        &mut self,
        request: &Request,
        plan: &DrawPlan,
        watch: &mut Watch<'_>,
    ) -> Result<UNetConditioning> {
        let with = self.encode_prompt(&plan.prompts.prompt, watch)?;
        let without = match (&plan.prompts.negative, &request.negative_prompt) {
            (None, _) => None,
            (Some(_), None) if self.model.force_zeros => Some(with.zeros_like()),
            (Some(negative), _) => Some(self.encode_prompt(negative, watch)?),
        };
        let nag = plan.attention_guidance().map(|nag| [nag.scale, nag.tau, nag.alpha]);
        let (all, negative) = match (without, nag) {
            (None, _) => (vec![with], None),
            (Some(without), None) => (vec![without, with], None),
            (Some(without), Some(guidance)) => {
                (vec![with], Some(NegativePrompt { context: without.context, guidance }))
            }
        };
        let images = self.see(plan, watch)?;
        let config = self.model.unet.config();
        let [height, width] = [plan.height as f32, plan.width as f32];
        let size = sinusoid(&[height, width, 0.0, 0.0, height, width], config.addition_time_embed_dim);
        Ok(UNetConditioning {
            copies: all.len(),
            tokens: plan.prompts.tokens(),
            context: all.iter().flat_map(|c| c.context.iter().copied()).collect(),
            negative,
            images,
            added: all.iter().flat_map(|c| c.pooled.iter().chain(&size).copied()).collect(),
        })
    }

    fn encode_prompt(&mut self, prompt: &Chunks, watch: &mut Watch<'_>) -> Result<Conditioning> {
        let widths = self.model.text.widths();
        encode_prompt(&prompt.pairs, widths, |chunk| self.encode_chunk(chunk, watch))
    }

    fn encode_chunk(&mut self, [first, second]: &[Tokens; 2], watch: &mut Watch<'_>) -> Result<Conditioning> {
        self.model.check_ids([&first.ids, &second.ids])?;
        let ids = |ids: &[u32]| HostTensor::u32(Shape::tokens(1, ids.len(), 1), ids.to_vec());
        let end = HostTensor::u32(Shape::vector(1, 1), vec![second.end as u32]);
        let inputs = [("ids_1", &ids(&first.ids)), ("ids_2", &ids(&second.ids)), ("end", &end)];
        let outputs = self.text()?.run("text", &inputs, watch)?;
        Ok(Conditioning { context: outputs[0].as_f32().to_vec(), pooled: outputs[1].as_f32().to_vec() })
    }

    /// Both text encoders.
    pub(super) fn text(&mut self) -> Result<&mut Compiled> {
        let (key, text, element) = (self.key(Network::Text), &self.model.text, self.element);
        self.programs.get(&key, || text.graph(element))
    }
}
