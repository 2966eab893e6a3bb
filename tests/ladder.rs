//! A model against a reference run of diffusers, rung by rung: each rung starts from the reference's
//! own values, so that it fails alone and names the part.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Graph, Shape, Tiling};
use fulmen_engine::noise::{Noise, Rng};
use fulmen_engine::sampler::{self, Call};
use fulmen_engine::schedule::{Prediction, SamplerName, Schedule, SchedulerConfig, Solver};
use fulmen_engine::text::TextEncoders;
use fulmen_engine::tokens::Tokenizer;
use fulmen_engine::unet::{UNet, UNetConfig, UNetInputs, sinusoid};
use fulmen_engine::vae::{VaeConfig, VaeDecoder};
use fulmen_engine::weights::{Checkpoint, Part};

use super::golden::Golden;

/// In f32, relative to a tensor's range: latents, embeddings and predictions alike.
const TOLERANCE: f32 = 1e-4;

/// One reference run: what was asked, and what diffusers made of it.
pub(crate) struct Case {
    pub(crate) prompt: String,
    pub(crate) negative_prompt: Option<String>,
    pub(crate) steps: usize,
    pub(crate) guidance: f32,
    /// diffusers' own picture, where there is one.
    pub(crate) picture: PathBuf,
    pub(crate) golden: Golden,
}

impl Case {
    /// From an entry of cases.json or a case.json, and the tensors beside it.
    pub(crate) fn read(entry: &serde_json::Value, tensors: &Path) -> Self {
        Self {
            prompt: entry["prompt"].as_str().expect("a prompt").to_owned(),
            negative_prompt: entry["negative_prompt"].as_str().map(str::to_owned),
            steps: entry["steps"].as_u64().expect("steps") as usize,
            guidance: entry["guidance"].as_f64().expect("guidance") as f32,
            picture: tensors.with_extension("png"),
            golden: Golden::read(tensors),
        }
    }

    fn guided(&self) -> bool {
        self.guidance > 1.0
    }
}

/// All rungs of one case on one backend.
pub(crate) fn climb(checkpoint: &Checkpoint, case: &Case, backend: &Arc<dyn Backend>) {
    let rung = Rung { checkpoint, case, backend };
    rung.tokens();
    rung.embeddings();
    rung.predictions();
    rung.latents();
    rung.picture();
}

struct Rung<'a> {
    checkpoint: &'a Checkpoint,
    case: &'a Case,
    backend: &'a Arc<dyn Backend>,
}

impl Rung<'_> {
    fn run(&self, graph: Graph, inputs: &[(&str, &HostTensor)]) -> Vec<HostTensor> {
        let mut program = self.backend.compile(graph.into()).expect("it compiles");
        program.run(inputs, &CancelToken::default()).expect("it runs")
    }

    fn tokens(&self) {
        let tokenizers = Tokenizer::load(self.checkpoint).expect("two vocabularies");
        let negative = self.case.negative_prompt.as_deref();
        for (prefix, prompt) in [("", Some(self.case.prompt.as_str())), ("negative_", negative)] {
            let Some(prompt) = prompt else { continue };
            for (tokenizer, suffix) in tokenizers.iter().zip(["", "_2"]) {
                let name = format!("{prefix}input_ids{suffix}");
                assert_eq!(tokenizer.encode(prompt).ids.to_vec(), self.case.golden.ids(&name), "{name}");
            }
        }
    }

    fn embeddings(&self) {
        let text = TextEncoders::load(self.checkpoint).expect("text encoders");
        for prefix in ["", "negative_"] {
            if !self.case.golden.has(&format!("{prefix}input_ids")) {
                continue;
            }
            let ids = |name: &str| {
                let ids = self.case.golden.ids(&format!("{prefix}{name}"));
                HostTensor::u32(Shape::tokens(1, ids.len(), 1), ids)
            };
            let (first, second) = (ids("input_ids"), ids("input_ids_2"));
            let end = second.as_u32().iter().position(|&id| id == 49407).expect("an end") as u32;
            let end = HostTensor::u32(Shape::vector(1, 1), vec![end]);
            let inputs = [("ids_1", &first), ("ids_2", &second), ("end", &end)];
            let outputs = self.run(text.graph(Element::F32).expect("shapes fit"), &inputs);
            self.check(&format!("{prefix}prompt_embeds"), outputs[0].as_f32());
            self.check(&format!("{prefix}pooled_prompt_embeds"), outputs[1].as_f32());
        }
    }

    /// Every prediction of the UNet, each asked from the reference's latents before that step.
    fn predictions(&self) {
        let config: UNetConfig = self.checkpoint.config(Part::Unet).expect("a configuration");
        let unet = UNet::load(&self.checkpoint.weights(Part::Unet).expect("a UNet"), config.clone());
        let (schedule, _) = self.schedule();
        let noise = self.nhwc("noise");
        let images = noise.shape.images;
        let copies = if self.case.guided() { 2 } else { 1 };
        let shape = Shape { images: images * copies, ..noise.shape };
        let context = self.conditioning("prompt_embeds", copies, images);
        let pooled = self.conditioning("pooled_prompt_embeds", copies, images);
        let tokens = context.len() / shape.images / config.cross_attention_dim;
        let size = sinusoid(&self.case.golden.values("time_ids")[..6], config.addition_time_embed_dim);
        let added = pooled.chunks(config.pooled_channels()).flat_map(|p| [p, &size].concat()).collect();
        let inner = config.projection_class_embeddings_input_dim;
        let (context, added) = (
            HostTensor::f32(Shape::tokens(shape.images, tokens, config.cross_attention_dim), context),
            HostTensor::f32(Shape::vector(shape.images, inner), added),
        );
        let graph =
            unet.expect("a UNet").graph(&UNetInputs::new(shape, tokens), Element::F32).expect("shapes fit");
        let mut program = self.backend.compile(graph.into()).expect("it compiles");
        for (done, &timestep) in schedule.timesteps.iter().enumerate() {
            let before = match done {
                0 => sampler::first_latents(noise.as_f32(), &schedule),
                done => self.nhwc(&format!("latents_{done}")).as_f32().to_vec(),
            };
            let scaled = sampler::model_input(&before, schedule.sigmas[done]);
            let latents = HostTensor::f32(shape, scaled.repeat(copies));
            let channels = config.block_out_channels[0];
            let time = sinusoid(&vec![timestep; shape.images], channels);
            let time = HostTensor::f32(Shape::vector(shape.images, channels), time);
            let inputs = [("latents", &latents), ("time", &time), ("context", &context), ("added", &added)];
            let outputs = program.run(&inputs, &CancelToken::default()).expect("it runs");
            self.check(&format!("eps_{}", done + 1), &to_nchw(&outputs[0]));
        }
    }

    /// The sampler alone: the reference's predictions to the reference's latents.
    fn latents(&self) {
        let golden = &self.case.golden;
        let (schedule, prediction) = self.schedule();
        let mut latents = sampler::first_latents(golden.values("noise"), &schedule);
        let mut sampler = sampler::sampler(Solver::new(SamplerName::Euler), prediction, &schedule, 0);
        while let Some(Call { sigma, .. }) = sampler.next() {
            let step = sampler.done() + 1;
            let predicted = golden.values(&format!("eps_{step}"));
            let predicted = if self.case.guided() {
                let (without, with) = predicted.split_at(predicted.len() / 2);
                sampler::guide(without, with, self.case.guidance)
            } else {
                predicted.to_vec()
            };
            let x0 = sampler::denoised(&latents, &predicted, prediction, sigma);
            sampler.take(&mut latents, &x0, &mut Noise::new(Rng::Torch, 0));
            self.check(&format!("latents_{step}"), &latents);
        }
    }

    /// The decoder alone, from the reference's last latents.
    fn picture(&self) {
        let config: VaeConfig = self.checkpoint.config(Part::Vae).expect("a configuration");
        let scaling = config.scaling_factor;
        let vae = VaeDecoder::load(&self.checkpoint.weights(Part::Vae).expect("a VAE"), config);
        let latents = self.nhwc(&format!("latents_{}", self.case.steps));
        let values = latents.as_f32().iter().map(|v| v / scaling).collect();
        let graph = vae
            .expect("a VAE")
            .graph(latents.shape, Tiling::default(), Element::F32, true)
            .expect("shapes fit");
        let outputs = self.run(graph, &[("latents", &HostTensor::f32(latents.shape, values))]);
        self.check("image", &to_nchw(&outputs[1]));
    }

    fn schedule(&self) -> (Schedule, Prediction) {
        let config = SchedulerConfig::load(self.checkpoint).expect("a scheduler");
        let schedule = Schedule::new(&config, self.case.steps).expect("a schedule");
        self.check("timesteps", &schedule.timesteps);
        self.check("sigmas", &schedule.sigmas);
        (schedule, config.prediction)
    }

    /// A conditioning tensor as diffusers batches it: without the prompt first, then with it, each
    /// for every picture.
    fn conditioning(&self, name: &str, copies: usize, images: usize) -> Vec<f32> {
        let with = self.case.golden.values(name).repeat(images);
        if copies == 1 {
            return with;
        }
        [self.case.golden.values(&format!("negative_{name}")).repeat(images), with].concat()
    }

    /// A tensor `[n, c, h, w]` of the reference with its channels innermost.
    fn nhwc(&self, name: &str) -> HostTensor {
        let &[n, c, h, w] = self.case.golden.shape(name) else { panic!("{name} is no picture") };
        let values = self.case.golden.values(name);
        let places =
            (0..n * h * w).flat_map(|p| (0..c).map(move |channel| (p / (h * w), p % (h * w), channel)));
        let values = places.map(|(image, pixel, channel)| values[(image * c + channel) * h * w + pixel]);
        HostTensor::f32(Shape::image(n, h, w, c), values.collect())
    }

    fn check(&self, name: &str, got: &[f32]) {
        let what = format!("{:?} on {}", self.case.prompt, self.backend.name());
        self.case.golden.check(name, got, TOLERANCE, &what);
    }
}

/// `[n, h, w, c]` with its channels outermost, as torch has them.
fn to_nchw(x: &HostTensor) -> Vec<f32> {
    let Shape { images, channels, .. } = x.shape;
    let pixels = x.shape.pixels();
    let places = (0..images * channels).flat_map(|plane| (0..pixels).map(move |p| (plane, p)));
    let at = |(plane, p): (usize, usize)| {
        x.as_f32()[((plane / channels) * pixels + p) * channels + plane % channels]
    };
    places.map(at).collect()
}
