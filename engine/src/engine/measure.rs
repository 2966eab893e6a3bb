//! The stages of a picture one by one, with made-up values: for benchmarks.

use std::sync::Arc;
use std::time::Instant;

use super::decode::Purpose;
use super::programs::Compiled;
use super::{Engine, MemoryOptions, Model, Precision};
use crate::Result;
use crate::backend::{Backend, CancelToken, HostTensor, Peak, Profiled};
use crate::graph::{Element, Graph, Node, Op};
use crate::noise::TorchRng;
use crate::request::Request;
use crate::synth;
use crate::unet::{Attachments, UNetInputs};
use crate::weights::Configs;

/// A network's call, as often as a picture asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Both text encoders, once.
    Text,
    /// The UNet, at every step.
    Unet,
    /// The VAE's decoder, once.
    Vae,
}

impl Stage {
    /// In the order of a picture.
    pub const ALL: [Self; 3] = [Self::Text, Self::Unet, Self::Vae];
}

/// A stage that can be run by itself.
pub struct StageRun<'a> {
    compiled: &'a mut Compiled,
    inputs: Vec<(String, HostTensor)>,
    flops: u64,
}

impl StageRun<'_> {
    /// Multiplications and additions of one run after another.
    #[must_use]
    pub fn flops(&self) -> u64 {
        self.flops
    }

    /// Runs it; the seconds that it took.
    ///
    /// # Errors
    /// Those of the device, or [`crate::Error::Cancelled`].
    pub fn run(&mut self, cancel: &CancelToken) -> Result<f64> {
        let start = Instant::now();
        drop(self.compiled.program().run(&named(&self.inputs), cancel)?);
        Ok(start.elapsed().as_secs_f64())
    }

    /// Runs it with a clock at every kernel.
    ///
    /// # Errors
    /// As [`StageRun::run`].
    pub fn profile(&mut self, cancel: &CancelToken) -> Result<Profiled> {
        self.compiled.program().profile(&named(&self.inputs), cancel)
    }
}

fn named(inputs: &[(String, HostTensor)]) -> Vec<(&str, &HostTensor)> {
    inputs.iter().map(|(name, input)| (&**name, input)).collect()
}

impl Engine {
    /// An engine with a synthetic model of these configurations in memory, on a backend that is open already.
    ///
    /// # Errors
    /// As [`synth::in_memory`].
    pub fn synthetic(backend: Arc<dyn Backend>, configs: &Configs, precision: Precision) -> Result<Self> {
        let model = Model::load(&synth::in_memory(configs)?, Request::default())?;
        Ok(Self::new(Arc::new(model), backend, precision))
    }

    /// The same with other limits for the device's memory.
    #[must_use]
    pub fn with_memory(self, memory: MemoryOptions) -> Self {
        Self { memory, ..self }
    }

    /// Measures what the device does at best.
    ///
    /// # Errors
    /// Those of the device.
    pub fn peak(&self) -> Result<Peak> {
        self.backend.peak()
    }

    /// Bytes of the device's memory that were allocated at the peak, where the device counts them.
    #[must_use]
    pub fn allocated(&self) -> Option<u64> {
        self.backend.allocated()
    }

    /// A stage of what `request` asks for, compiled as it was when such a picture was drawn last.
    ///
    /// # Errors
    /// [`crate::Error::Request`], or those of memory and of the device.
    pub fn stage(&mut self, stage: Stage, request: &Request) -> Result<StageRun<'_>> {
        let plan = self.plan(request)?;
        let frame = plan.frame(self.model.vae.latents());
        let compiled = match stage {
            Stage::Text => self.text()?,
            Stage::Unet => self.unet(&plan.unet_inputs(frame, 1), &plan.nets)?,
            Stage::Vae => self.decoder(Purpose::Picture, frame)?,
        };
        let inputs = made_up(compiled.graph());
        let graph = compiled.graph();
        let flops = graph.flops_again();
        Ok(StageRun { compiled, inputs, flops })
    }
}

impl Engine {
    /// The graphs of the UNet and of the VAE's decoder as they are compiled for what `request` asks for, in strips or not:
    /// for tuning.
    ///
    /// # Errors
    /// [`crate::Error::Request`].
    pub fn graphs(&self, request: &Request) -> Result<Vec<Graph>> {
        let plan = self.plan(request)?;
        let frame = plan.frame(self.model.vae.latents());
        let inputs = UNetInputs { packs: !self.is_on_host(), ..plan.unet_inputs(frame, 1) };
        let nothing = Attachments::default();
        let unet = self.model.unet.graph_with(&inputs, &nothing, self.element)?;
        let vae = self.model.vae.graph(frame.shape, frame.tiling, self.element, false)?;
        Ok(vec![unet, vae])
    }
}

/// Values for every input of a graph: the first tokens there are, and numbers as noise has them.
fn made_up(graph: &Graph) -> Vec<(String, HostTensor)> {
    let mut rng = TorchRng::seed(1);
    let mut input = |node: &Node| {
        let Op::Input { name, .. } = &node.op else { return None };
        let (shape, count) = (node.shape, node.shape.len());
        let tensor = match node.element {
            Element::U32 => HostTensor::u32(shape, vec![0; count]),
            Element::F16 | Element::F32 => {
                let numbers = rng.uniforms(count).into_iter().map(|u| 12f32.sqrt() * (u - 0.5));
                HostTensor::f32(shape, numbers.collect())
            }
        };
        Some((name.clone(), tensor))
    };
    graph.nodes().iter().filter_map(&mut input).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Clock;
    use crate::cpu::CpuBackend;
    use crate::weights::Checkpoint;

    #[test]
    fn a_model_in_memory_draws_and_its_stages_run_by_themselves() {
        let demo = Checkpoint::embedded_demo().expect("it is part of the binary");
        let backend = Arc::new(CpuBackend::new());
        let mut engine =
            Engine::synthetic(backend, demo.configs(), Precision::F32).expect("it fits into memory");
        let size = Some(64);
        let request =
            Request { width: size, height: size, steps: Some(2), seed: Some(1), ..Request::new("a") };
        let picture = engine.draw(&request).expect("it draws");
        assert!(picture.rgb.iter().any(|channel| *channel != picture.rgb[0]), "one colour");
        for stage in Stage::ALL {
            let mut run = engine.stage(stage, &request).expect("it was drawn");
            let (flops, never) = (run.flops(), CancelToken::default());
            assert!(run.run(&never).expect("it runs") > 0.0, "{stage:?}");
            let profiled = run.profile(&never).expect("it runs");
            let numbers = profiled.outputs.iter().flat_map(|output| match &output.values {
                crate::backend::Values::F32(numbers) => &numbers[..],
                crate::backend::Values::U32(_) => &[],
            });
            assert!(numbers.clone().all(|number| number.is_finite()), "{stage:?}");
            assert_eq!(profiled.clock, Clock::Host);
            // In strips some of it is done twice.
            let counted: u64 = profiled.kernels.iter().map(|run| run.flops).sum();
            assert_eq!(counted, flops, "{stage:?}");
        }
    }
}
