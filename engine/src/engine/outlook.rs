//! What can be said of a request before anything is computed, and while the engine draws something else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DrawPlan;
use super::loras::KnownLoras;
use super::plan::{name, whole_name};
use super::prompts::{Prompts, Reading};
use crate::backend::CancelToken;
use crate::message::{Message, Setting};
use crate::prompt::Prompt;
use crate::request::Request;
use crate::schedule::SchedulerConfig;
use crate::settings::{Clues, Settings};
use crate::tokens::Tokenizer;
use crate::vae::no_encoder;
use crate::weights::{Checkpoint, LoraFile, Part};
use crate::{Error, Result};

/// What is known of a model without its weights. Clones are cheap.
#[derive(Clone)]
pub struct Outlook {
    /// Picture pixels of a side that the model was trained at.
    pub(super) own_size: usize,
    /// Picture pixels that one latent covers each way.
    pub(super) grain: usize,
    /// Channels that the UNet is given beside the latents: an inpainting model's.
    pub(super) beside: usize,
    /// Why pictures cannot be encoded, where they cannot.
    no_encoder: Option<String>,
    /// Notes on the model's files.
    notes: Vec<Message>,
    /// How it wants to be drawn.
    clues: Clues,
    /// Settings of requests that leave them open, instead of the model's own.
    defaults: Request,
    tokenizers: Arc<[Tokenizer; 2]>,
    /// Where the LoRAs are that prompts ask for.
    lora_folder: Option<PathBuf>,
    known_loras: KnownLoras,
    /// What of the model a record names beside it: its LoRAs with their weights, and a VAE of its own.
    loras: Vec<(String, f32)>,
    vae: Option<String>,
}

impl Outlook {
    /// `defaults` are settings of requests that leave them open; `side` what the model was trained at, in pixels,
    /// and `grain` the pixels that one latent covers.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        defaults: Request,
        tokenizers: Arc<[Tokenizer; 2]>,
        side: usize,
        grain: usize,
    ) -> Result<Self> {
        let clues = Clues::of(checkpoint, SchedulerConfig::load(checkpoint)?);
        let settings = Settings::choose(&clues, &defaults, &Request::default())?;
        Ok(Self {
            own_size: settings.side.unwrap_or(side),
            grain,
            beside: 0,
            no_encoder: None,
            notes: checkpoint.warnings().iter().cloned().map(Message::from).collect(),
            clues,
            defaults,
            tokenizers,
            lora_folder: None,
            known_loras: KnownLoras::new(checkpoint.changeable()?),
            loras: checkpoint
                .loras()
                .iter()
                .map(|lora| (name(lora.adapter().path()), lora.weight()))
                .collect(),
            vae: checkpoint.laid(Part::Vae).map(whole_name),
        })
    }

    /// The same with a folder of LoRAs that prompts may ask for.
    pub(super) fn with_lora_folder(self, lora_folder: Option<PathBuf>) -> Self {
        Self { lora_folder, ..self }
    }

    /// The same of a UNet that is given so many channels beside the latents, and a VAE that cannot encode pictures for
    /// this reason.
    pub(super) fn beside(self, beside: usize, no_encoder: Option<&str>) -> Self {
        Self { beside, no_encoder: no_encoder.map(str::to_owned), ..self }
    }

    /// An error unless what a request begins from can be drawn over in so many steps; what is to be said of it.
    pub(super) fn check_init(&self, request: &Request, steps: usize) -> Result<Option<Message>> {
        let is_inpainting = self.beside > 0;
        if let Some(why) = self.no_encoder.as_ref().filter(|_| is_inpainting || request.init.is_some()) {
            return Err(Error::Request(no_encoder(why)));
        }
        let Some(init) = &request.init else {
            let what = "this is an inpainting model: it is made to draw parts of a picture anew; see ";
            return Ok(is_inpainting.then(|| Message::from(what).setting(Setting::Init)));
        };
        init.check_steps(steps)?;
        let is_lost = init.denoising_strength >= 1.0 && !init.is_partial();
        let what = " 1 draws everything anew: hardly anything of the picture is left";
        Ok(is_lost.then(|| Message::of(Setting::Strength).text(what)))
    }

    /// How the model is drawn where requests leave it open, with what its operator should know of that.
    ///
    /// # Errors
    /// As [`Outlook::plan`].
    pub fn usual(&self) -> Result<Settings> {
        let warned = Settings::choose(&self.clues, &Request::default(), &self.defaults)?;
        let warnings = warned.warnings.into_iter().chain(self.notes.iter().cloned()).collect();
        Ok(Settings { warnings, ..self.settings(&Request::default())? })
    }

    /// Everything that a request leaves open, decided, with all that its caller should know.
    ///
    /// # Errors
    /// [`crate::Error::Request`].
    pub fn plan(&self, request: &Request) -> Result<DrawPlan> {
        self.plan_while(request, &CancelToken::default())
    }

    /// The same, as long as nobody cancels it.
    pub(super) fn plan_while(&self, request: &Request, cancel: &CancelToken) -> Result<DrawPlan> {
        DrawPlan::new(request, self, cancel)
    }

    /// How many pictures of this size are drawn side by side at the most: as many as have together no more latents than
    /// one of the model's own size. Larger batches gain nothing, for there the device is at work all the time.
    #[must_use]
    pub fn batch(&self, (width, height): (usize, usize)) -> usize {
        (self.own_size * self.own_size / (width * height).max(1)).max(1)
    }

    /// How many tokens are read of a prompt where its request leaves that open.
    #[must_use]
    pub fn tokens_read(&self) -> usize {
        self.reading(&Request::default()).tokens()
    }

    /// How many tokens a text has; one more than are read of a prompt where it has more.
    #[must_use]
    pub fn tokens(&self, text: &str) -> usize {
        self.tokenizers[0].count(text, self.tokens_read())
    }

    /// The names of the LoRAs for this model that prompts may ask for, as they are at this moment. Of a file that was not
    /// seen before the header is read.
    #[must_use]
    pub fn lora_names(&self) -> Vec<String> {
        self.known_loras.names(self.lora_folder.as_deref())
    }

    pub(super) fn settings(&self, request: &Request) -> Result<Settings> {
        Settings::choose(&self.clues, &self.defaults, request)
    }

    /// The LoRAs that a prompt asks for, with what is to be said of those that are not there.
    ///
    /// # Errors
    /// One of them cannot be drawn with; [`Error::Cancelled`].
    pub(super) fn asked_loras(
        &self,
        request: &Request,
        cancel: &CancelToken,
    ) -> Result<(Vec<LoraFile>, Vec<Message>)> {
        let tags = Prompt::read(&request.prompt, self.reading(request).syntax);
        let tags = [tags.loras(), &request.loras].concat();
        let (files, mut warnings) = self.known_loras.find(self.lora_folder.as_deref(), &tags);
        warnings.extend(self.known_loras.warnings(&files, cancel)?);
        Ok((files, warnings))
    }

    /// Settings of the model under these LoRAs.
    pub(super) fn settings_under(&self, loras: &[LoraFile], request: &Request) -> Result<Settings> {
        let paths = loras.iter().filter(|lora| lora.unet != 0.0).map(|lora| lora.path.as_path());
        Settings::choose(&self.clues.clone().under(paths), &self.defaults, request)
    }

    /// The model's LoRAs by name, as a record tells them, and its VAE.
    pub(super) fn named_parts(&self) -> (Vec<(String, f32)>, Option<String>) {
        (self.loras.clone(), self.vae.clone())
    }

    fn reading(&self, request: &Request) -> Reading {
        let defaults = &self.defaults;
        Reading::new(
            request.prompt_syntax.or(defaults.prompt_syntax),
            request.long_prompts.or(defaults.long_prompts),
        )
    }

    /// Notes on the model's files, whatever is drawn with them.
    pub(super) fn notes(&self) -> &[Message] {
        &self.notes
    }

    pub(super) fn file(&self) -> &Path {
        &self.clues.path
    }

    /// Both prompts of a request, read, with what is to be said of them.
    pub(super) fn prompts(&self, request: &Request, settings: &Settings) -> (Prompts, Vec<Message>) {
        let reading = self.reading(request);
        let negative = request.negative_prompt.as_deref().unwrap_or_default();
        let is_empty = negative.trim().is_empty();
        let is_read = settings.guided() || settings.attention_guidance().is_some() && !is_empty;
        let read = is_read.then_some(negative);
        let (prompts, mut warnings) =
            Prompts::read(reading, &self.tokenizers, (&request.prompt, request.weight), read);
        if !is_read && !is_empty {
            let what = " has no effect: guidance and attention guidance are both off";
            warnings.push(Message::of(Setting::Negative).text(what));
        }
        (prompts, warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Model;
    use crate::prompt::{LongPrompts, PromptSyntax};
    use crate::request::{Guidance, Nag};

    fn demo() -> Outlook {
        let checkpoint = Checkpoint::embedded_demo().unwrap();
        Model::load(&checkpoint, Request::default()).unwrap().outlook
    }

    fn told(request: &Request) -> Vec<String> {
        demo().plan(request).unwrap().warnings.iter().map(|told| told.named(|s| format!("`{s:?}`"))).collect()
    }

    #[test]
    fn prompts_that_are_cut_are_told_before_anything_is_drawn() {
        let of = |prompt: String, long_prompts| {
            let negative_prompt = Some(prompt.clone());
            let guidance = Some(Guidance::Exactly(5.0));
            let request = Request { guidance, negative_prompt, long_prompts, ..Request::new(prompt) };
            let told = told(&request);
            ["`Prompt` is longer than ", "`Negative` is longer than "].map(|start| {
                let found = told.iter().find_map(|told| told.strip_prefix(start)).unwrap_or_default();
                found.split(';').next().unwrap_or_default().to_owned()
            })
        };
        let long = "a red circle ".repeat(40);
        assert_eq!(of(long.clone(), Some(LongPrompts::Cut)), ["75 tokens", "75 tokens"]);
        assert_eq!(of(long.clone(), None), ["", ""]);
        assert_eq!(of(long.repeat(11), None), ["1200 tokens", "1200 tokens"]);
    }

    #[test]
    fn prompts_of_guidance_have_equally_many_chunks() {
        let long = "a red circle ".repeat(40);
        let chunks = |prompt: &str, negative: &str, syntax, guidance| {
            let request = Request {
                guidance: Some(Guidance::Exactly(guidance)),
                negative_prompt: Some(negative.into()),
                prompt_syntax: Some(syntax),
                ..Request::new(prompt)
            };
            let Prompts { prompt, negative, .. } = demo().plan(&request).unwrap().prompts;
            (prompt.pairs.len(), negative.map(|negative| negative.pairs.len()))
        };
        use PromptSyntax::{A1111, Plain};
        assert_eq!(chunks(&long, "a BREAK b BREAK c", A1111, 5.0), (3, Some(3)));
        assert_eq!(chunks(&long, "", A1111, 5.0), (2, Some(2)));
        assert_eq!(chunks(&long, "", A1111, 1.0), (2, None));
        assert_eq!(chunks(&long, "a BREAK b BREAK c", Plain, 5.0), (1, Some(1)));
    }

    #[test]
    fn what_is_odd_about_prompts_is_told_of_those_that_are_read() {
        let request = |guidance, syntax| Request {
            guidance: Some(Guidance::Exactly(guidance)),
            negative_prompt: Some("[ugly|bad], <lora:x:1>".into()),
            prompt_syntax: Some(syntax),
            ..Request::new("a (red:9) circle")
        };
        let of = |request| -> Vec<String> {
            let is_about = |told: &&String| told.contains("` has ") || told.contains(" asks for ");
            told(&request)
                .iter()
                .filter(is_about)
                .map(|told| told.split([':', ',']).next().unwrap().into())
                .collect()
        };
        assert_eq!(
            of(request(5.0, PromptSyntax::A1111)),
            ["`Prompt` has `red`", "`Negative` has `[ugly|bad]`", "`Negative` asks for the LoRA `x`"]
        );
        // Without guidance attention reads it.
        assert_eq!(of(request(1.0, PromptSyntax::A1111)), of(request(5.0, PromptSyntax::A1111)));
        assert_eq!(of(request(5.0, PromptSyntax::Plain)), [""; 0]);
    }

    #[test]
    fn a_negative_prompt_that_nothing_reads_is_told_unless_it_is_empty() {
        let of = |negative: &str, scale| {
            let nag = Nag { scale, ..Nag::default() };
            told(&Request { negative_prompt: Some(negative.into()), nag, ..Request::new("a cat") })
        };
        let unread = "`Negative` has no effect: guidance and attention guidance are both off";
        assert_eq!(of("a dog", Some(1.0)), [unread]);
        assert_eq!(of("a dog", None), [""; 0]);
        assert_eq!(of(" ", Some(1.0)), [""; 0]);
    }

    #[test]
    fn tokens_are_counted_up_to_one_more_than_are_read() {
        let outlook = demo();
        assert_eq!((outlook.tokens(""), outlook.tokens("a red circle,")), (0, 4));
        assert_eq!(
            (outlook.tokens(&"red ".repeat(75)), outlook.tokens(&"red ".repeat(9000))),
            (75, outlook.tokens_read() + 1)
        );
        assert_eq!(outlook.tokens_read(), 1200);
    }
}
