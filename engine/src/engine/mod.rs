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
mod fitting;
mod guided;
mod image_prompts;
mod instead;
mod kept;
mod layout;
mod loras;
mod measure;
mod model;
mod needs;
mod outlook;
mod plan;
mod precision;
mod predict;
mod prediction;
mod preparing;
mod programs;
mod prompts;
mod second_pass;
mod stages;
mod transparent;
mod upscale;
mod vae;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use device::Opened;
pub use device::{Device, GivenKernels, MeasuredKernels, TrustMatrixUnits};
pub use draw::{OnEnd, Order};
pub use fitting::{Fit, MemoryOptions, MemoryPlan};
pub use measure::{Stage, StageRun};
pub use model::{Model, WeightFormat};
pub use outlook::Outlook;
pub use plan::DrawPlan;
pub use precision::Precision;
pub use prompts::Prompts;
pub use upscale::Enlarger;
pub use vae::VaeStrips;
pub use watch::{DrawStage, Drawn, Event, OnTrace, Seconds, TraceRow, Watch};

use self::decode::Purpose;
use self::image_prompts::ImageNets;
use self::kept::Kept;
use self::programs::{Network, ProgramKey, Programs};
use self::vae::VaeCut;
use crate::backend::{Backend, CancelToken};
use crate::controlnet::GuideNet;
use crate::graph::Element;
use crate::layer_diffuse::{LayerDiffuseFiles, TransparentDecoder};
use crate::message::Message;
use crate::picture::Picture;
use crate::request::Request;
use crate::weights::{Checkpoint, Lora, LoraFile, Part};
use crate::{Error, Result};

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
    /// What may be taken of a device's memory.
    pub memory: MemoryOptions,
    /// Whether a single request is drawn. Then what the CPU keeps of the UNet for its next call goes before the last picture
    /// is decoded, and the two do not add up.
    pub once: bool,
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
    memory: MemoryOptions,
    once: bool,
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
        let Options { memory, once, .. } = *options;
        Ok(Self { loading, vae_cut, memory, once, ..Self::new(model, backend, precision) })
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
            memory: MemoryOptions::default(),
            once: false,
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
        self.plan_while(request, &CancelToken::default())
    }

    /// The same, as long as nobody cancels it: LoRAs that are asked for the first time are read through.
    ///
    /// # Errors
    /// Those of [`Engine::plan`]; [`Error::Cancelled`].
    pub fn plan_while(&self, request: &Request, cancel: &CancelToken) -> Result<DrawPlan> {
        let mut plan = self.base.outlook.plan_while(request, cancel)?;
        plan.warnings.extend(self.warning.clone());
        plan.warnings.extend(self.base.outlook.notes().iter().cloned());
        Ok(plan)
    }

    /// Changes the model by the LoRAs that a prompt asks for, and no others. One that is cancelled leaves it as it was.
    fn apply(&mut self, asked: &[LoraFile], cancel: &CancelToken) -> Result<()> {
        if self.asked_loras == asked {
            return Ok(());
        }
        let is_asked =
            |file: &Path| !LayerDiffuseFiles::is_change(file) && asked.iter().any(|lora| lora.path == file);
        let model = match asked {
            [] => self.base.clone(),
            asked => Arc::new(self.base.with_loras(asked, cancel).map_err(|error| match error {
                Error::File { ref file, ref what } if is_asked(file) => {
                    Error::Request(loras::asked(file, what))
                }
                error => error,
            })?),
        };
        (self.model, self.asked_loras) = (model, asked.to_vec());
        Ok(())
    }

    /// The key of a program for one of the model's networks.
    fn key(&self, network: Network) -> ProgramKey {
        ProgramKey { model: self.model.id(), network }
    }

    /// Whether the UNet's weights go after its last call. On a GPU all of a picture's networks are planned to fit beside each
    /// other.
    fn lets_unet_go(&self) -> bool {
        self.once && self.is_on_host()
    }

    /// Whether the device keeps values in this machine's own memory.
    #[must_use]
    pub fn is_on_host(&self) -> bool {
        self.backend.is_host()
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
