//! From a request to a picture.
//!
//! [`Engine::open`] reads a checkpoint and opens a device; [`Engine::generate`] draws. Graphs are
//! compiled once for a picture size and replayed for every step and every picture.

mod beginning;
mod canvas;
mod controls;
mod decode;
mod device;
mod draw;
mod encode;
mod guided;
mod image_prompts;
mod kept;
mod layout;
mod loras;
mod measure;
mod model;
mod outlook;
mod plan;
mod precision;
mod predict;
mod programs;
mod prompts;
mod second_pass;
mod stages;
mod transparent;
mod upscale;
mod vae;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use device::Opened;
pub use device::{Device, TrustMatrixUnits};
pub use draw::{OnEnd, Order};
pub use measure::{Stage, StageRun};
pub use model::{Model, WeightFormat};
pub use outlook::Outlook;
pub use plan::DrawPlan;
pub use precision::Precision;
pub use prompts::Prompts;
pub use upscale::Enlarger;
pub use vae::VaeStrips;
pub use watch::{DrawStage, Drawn, Event, OnTrace, Seconds, TraceRow, Watch};

use self::beginning::kept_bytes;
use self::decode::Purpose;
use self::image_prompts::ImageNets;
use self::kept::Kept;
use self::layout::Frame;
use self::programs::{Network, ProgramKey, Programs};
use self::vae::VaeCut;
use crate::backend::{Backend, CancelToken, MemoryNeed};
use crate::controlnet::GuideNet;
use crate::graph::{Element, Shape};
use crate::init::Sizes;
use crate::layer_diffuse::{LayerDiffuseFiles, TransparentDecoder};
use crate::memory::Memory;
use crate::message::{Message, Setting};
use crate::picture::{self, Picture};
use crate::request::Request;
use crate::weights::{Checkpoint, Lora, LoraFile, Part};
use crate::{Error, Result};

/// Copies of the latents at the most: noise, latents, what the model is given and what it predicts, each in torch's
/// order and in that of graphs.
const LATENTS: usize = 12;

/// What an engine is opened with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A diffusers folder or a single file; `None`: the demo model inside the program.
    pub model: Option<PathBuf>,
    /// Files or folders whose parts replace the model's own.
    pub parts: BTreeMap<Part, PathBuf>,
    /// A file or folder whose VAE decodes previews, in place of that of pictures.
    pub preview_vae: Option<PathBuf>,
    /// LoRAs that change the model, in this order.
    pub loras: Vec<LoraFile>,
    /// Where the LoRAs are that prompts ask for: `<lora:name:0.8>`.
    pub lora_folder: Option<PathBuf>,
    /// Where to draw.
    pub device: Device,
    /// How to store activations; `None`: f16 on a GPU, f32 on the CPU.
    pub precision: Option<Precision>,
    /// How weights are kept.
    pub weights: WeightFormat,
    /// Whether the VAE goes over pictures in strips.
    pub vae_strips: VaeStrips,
    /// Settings of requests that leave them open, instead of the model's own. Prompts, sizes and seeds are not used.
    pub defaults: Request,
}

/// A model on a device.
pub struct Engine {
    /// As it was opened.
    base: Arc<Model>,
    /// The same, changed by the LoRAs that the last prompt asked for.
    model: Arc<Model>,
    asked_loras: Vec<LoraFile>,
    backend: Arc<dyn Backend>,
    precision: Precision,
    element: Element,
    programs: Programs,
    vae_cut: VaeCut,
    image_nets: ImageNets,
    guide_nets: Kept<GuideNet>,
    enlarger: Enlarger,
    transparent_decoders: Kept<TransparentDecoder>,
    /// Seconds of opening and compiling that no picture has accounted for yet.
    loading: f64,
    /// What the user should know of the device.
    warning: Option<Message>,
}

/// Whether [`Engine::open`] could draw with a checkpoint whose numbers were looked through already, as far as that is
/// known without a device.
///
/// # Errors
/// Those of [`Engine::open`] for the same checkpoint.
pub fn check(checkpoint: &Checkpoint) -> Result<()> {
    Model::load(checkpoint, Request::default()).map(drop)
}

impl Engine {
    /// Opens a device and a model.
    ///
    /// # Errors
    /// Whatever is wrong with the device or the files, by name.
    pub fn open(options: &Options) -> Result<Self> {
        let start = Instant::now();
        let Opened { backend, is_gpu, warning } = options.device.choose(options.precision)?;
        let usual = if is_gpu { Precision::F16 } else { Precision::F32 };
        let precision = Some(options.precision.unwrap_or(usual));
        let engine = Self::open_on(backend, &Options { precision, ..options.clone() })?;
        Ok(Self { warning, loading: start.elapsed().as_secs_f64(), ..engine })
    }

    /// The same on a backend that is open already: `options.device` is not looked at, and
    /// activations are f32 if nothing else is asked for.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open_on(backend: Arc<dyn Backend>, options: &Options) -> Result<Self> {
        let start = Instant::now();
        let model = Arc::new(Model::open(options)?);
        let precision = options.precision.unwrap_or(Precision::F32);
        if (precision == Precision::Bf16) != backend.multiplies_bf16() {
            let what = format!(
                "{} was not opened for this precision; all models on a device share it",
                backend.name()
            );
            return Err(Error::Device(what));
        }
        let vae_cut = VaeCut::new(options.vae_strips);
        let loading = start.elapsed().as_secs_f64();
        Ok(Self { loading, vae_cut, ..Self::new(model, backend, precision) })
    }

    /// Opens another model on this engine's device: both take their memory from the same.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open_beside(&self, options: &Options) -> Result<Self> {
        let precision = Some(options.precision.unwrap_or(self.precision));
        let beside = Self::open_on(self.backend.clone(), &Options { precision, ..options.clone() })?;
        Ok(Self { warning: self.warning.clone(), ..beside })
    }

    /// Draws with a model that is open already, and may draw on other devices meanwhile.
    pub(crate) fn new(model: Arc<Model>, backend: Arc<dyn Backend>, precision: Precision) -> Self {
        let programs = Programs::new(backend.clone());
        let enlarger = Enlarger::new(backend.clone(), precision.into());
        let base = model.clone();
        Self {
            base,
            model,
            asked_loras: vec![],
            backend,
            precision,
            element: precision.into(),
            programs,
            vae_cut: VaeCut::default(),
            image_nets: ImageNets::default(),
            guide_nets: Kept::default(),
            enlarger,
            transparent_decoders: Kept::default(),
            loading: 0.0,
            warning: None,
        }
    }

    /// The LoRAs that change the model.
    #[must_use]
    pub fn loras(&self) -> &[Lora] {
        self.base.checkpoint.loras()
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self) -> &str {
        self.backend.name()
    }

    /// How activations are stored and multiplied.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How activations are stored.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// Picture pixels of a side that the model was trained at, and draws where none are asked for.
    #[must_use]
    pub fn own_size(&self) -> usize {
        self.base.outlook.own_size
    }

    /// Picture pixels of a side that a preview has at the most.
    #[must_use]
    pub fn largest_preview(&self) -> usize {
        let vae = self.model.decoding(Purpose::Preview);
        decode::longest_preview(vae) * vae.latents().scale
    }

    /// What can be said of requests while this engine draws.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        self.base.outlook.clone()
    }

    /// Everything that a request leaves open, decided; nothing is computed.
    ///
    /// # Errors
    /// [`crate::Error::Request`].
    pub fn plan(&self, request: &Request) -> Result<DrawPlan> {
        let mut plan = self.base.outlook.plan(request)?;
        plan.warnings.extend(self.warning.clone());
        plan.warnings.extend(self.base.outlook.notes().iter().cloned());
        Ok(plan)
    }

    /// Changes the model by the LoRAs that a prompt asks for, and no others.
    fn apply(&mut self, loras: &[LoraFile]) -> Result<()> {
        if self.asked_loras == loras {
            return Ok(());
        }
        let model = match loras {
            [] => self.base.clone(),
            loras => Arc::new(self.base.with_loras(loras).map_err(|error| match error {
                // Whoever writes prompts knows the file by its name, and need not learn where it lies.
                Error::File { ref file, ref what } if !LayerDiffuseFiles::is_change(file) => {
                    let name = file.file_stem().unwrap_or_default().display();
                    Error::Request(
                        Message::of(Setting::Prompt).text(format!(" asks for the LoRA {name}: {what}")),
                    )
                }
                error => error,
            })?),
        };
        (self.model, self.asked_loras) = (model, loras.to_vec());
        Ok(())
    }

    /// The key of a program for one of the model's networks.
    fn key(&self, network: Network) -> ProgramKey {
        ProgramKey { model: self.model.id(), network }
    }

    /// Compiles what `plan` needs with `batch` pictures side by side and as many previews, and returns the memory that
    /// it will take at its peak.
    fn prepare(&mut self, plan: &DrawPlan, batch: usize, previews: usize) -> Result<MemoryNeed> {
        let start = Instant::now();
        self.apply(&plan.loras)?;
        let frame = plan.frame(self.model.vae.latents());
        let text = self.text()?.memory();
        let mut needs = self.image_prompt_needs(plan)?;
        needs.extend(self.control_needs(plan)?);
        let last = plan.second().map(|second| second.frame(self.model.vae.latents()));
        needs.extend(self.transparency_needs(plan, last.unwrap_or(frame))?);
        let unet = self.unet_need(plan, frame, batch)?;
        let purpose = if last.is_some() { Purpose::Picture } else { plan.purpose() };
        needs.extend([text, unet, self.decoder(purpose, frame)?.memory()]);
        needs.extend(self.encoder_need(plan)?);
        if previews > 0 && self.model.preview_vae.is_some() {
            let previewed = self.previewed(frame);
            needs.push(self.decoder(Purpose::Preview, previewed)?.memory());
        }
        // What is kept between strips on the host of a device.
        let bands = needs.iter().map(|need| need.picture).max().unwrap_or(0);
        let second = self.second_needs(plan)?;
        let enlarged = self.prepare_upscale(plan)?;
        needs.extend(second.iter().copied().chain(enlarged));
        self.loading += start.elapsed().as_secs_f64();
        let need = one_after_the_other(&needs);
        let weights = need.weights + if self.is_on_host() { self.model.lora_bytes() } else { 0 };
        Ok(MemoryNeed {
            picture: (picture_need(Shape { images: batch, ..frame.shape }, plan, plan.sizes())
                + plan.init_bytes())
            .max(self.second_picture_need(plan))
            .max(second.iter().copied().chain(enlarged).map(|need| need.picture).max().unwrap_or(0))
                + batch as u64 * self.image_prompt_bytes(plan)
                + self.control_bytes(plan, frame, batch)
                + Self::transparency_bytes(plan)
                + bands,
            weights,
            ..need
        })
    }

    /// Compiles the UNet with all that stands beside it at any step; the memory of the largest of these programs, which
    /// share their weights.
    fn unet_need(&mut self, plan: &DrawPlan, frame: Frame, batch: usize) -> Result<MemoryNeed> {
        let (mut most, mut largest) = (MemoryNeed::default(), vec![]);
        for set in plan.guided_sets() {
            let inputs = self.guided_inputs(plan, &plan.unet_inputs(frame, batch), &set);
            let need = self.unet(&inputs, &plan.nets)?.memory();
            let peak =
                if need.activations + need.scratch > most.activations + most.scratch { need } else { most };
            let is_larger = need.weights > most.weights;
            most = MemoryNeed { weights: need.weights.max(most.weights), ..peak };
            if is_larger {
                largest = set;
            }
        }
        // Where weights are copied, those of nets that are never beside the others are there, too.
        let others = (0..plan.nets.len()).filter(|place| most.weights > 0 && !largest.contains(place));
        most.weights += others.map(|place| plan.nets[place].bytes()).sum::<u64>();
        Ok(most)
    }

    /// Bytes on the host of the second pass, where there is one.
    fn second_picture_need(&self, plan: &DrawPlan) -> u64 {
        let Some((second, sizes)) = plan.second().zip(plan.second_sizes()) else { return 0 };
        let kept = if plan.is_partial() { plan.init_bytes() + kept_bytes(sizes) } else { 0 };
        picture_need(second.frame(self.model.vae.latents()).shape, plan, sizes) + kept
    }

    /// Whether the device keeps values in this machine's own memory.
    #[must_use]
    pub fn is_on_host(&self) -> bool {
        self.backend.is_host()
    }

    /// Whether this machine has as much memory. What a device has besides is known only when it is asked for it.
    fn check_memory(&self, need: MemoryNeed) -> Result<()> {
        let (need, have) = (need.on_host(self.is_on_host()), Memory::now().free);
        if need <= have {
            return Ok(());
        }
        let device = if self.is_on_host() { "the CPU" } else { "this machine" };
        Err(Error::Memory { device: device.into(), need, have })
    }

    /// Draws one picture, with no one watching.
    ///
    /// # Errors
    /// As [`Engine::generate`].
    pub fn draw(&mut self, request: &Request) -> Result<Picture> {
        let mut picture = None;
        let mut take = |event| {
            if let Event::Picture(drawn) = event {
                picture = Some(drawn.picture);
            }
        };
        let cancel = CancelToken::default();
        let mut watch = Watch { event: &mut take, trace: None, previews: 0, cancel };
        self.generate(&Request { images: 1, ..request.clone() }, &mut watch)?;
        picture.ok_or_else(|| Error::Graph { node: "engine".into(), what: "nothing was drawn".into() })
    }
}

/// Bytes on the host while one picture is made, beside the values of the graphs.
fn picture_need(latents: Shape, plan: &DrawPlan, sizes: Sizes) -> u64 {
    let (latents, pixels) = (latents.len() * size_of::<f32>(), sizes.drawn.0 * sizes.drawn.1);
    let decoded = pixels * (size_of::<u32>() + picture::CHANNELS);
    let (width, height) = sizes.whole;
    (latents * LATENTS + decoded) as u64 + picture::encoding(width, height, plan.has_alpha())
}

/// Programs follow each other: activations and scratch are those of the largest; weights stay, and what one program at a time
/// keeps.
fn one_after_the_other(needs: &[MemoryNeed]) -> MemoryNeed {
    let peak = needs.iter().max_by_key(|need| need.activations + need.scratch);
    let weights = needs.iter().map(|need| need.weights).sum();
    let kept = needs.iter().map(|need| need.kept).max().unwrap_or(0);
    MemoryNeed { weights, kept, ..peak.copied().unwrap_or_default() }
}
