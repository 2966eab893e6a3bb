//! The compiled graphs of a model on its device, one for each size that was drawn lately.

use std::mem::discriminant;
use std::sync::Arc;

use super::fitting::MemoryPlan;
use super::layout::Frame;
use super::watch::{TraceRow, Watch};
use crate::backend::{Backend, DeviceNeed, Holding, HostTensor, MemoryNeed, Program, Values};
use crate::graph::{Graph, Shape, Tiling};
use crate::strips::{Height, StripProgram};
use crate::unet::UNetInputs;
use crate::{Error, Result};

/// Programs that are kept: those of a few picture sizes, with the decoders of their previews.
const KEPT: usize = 16;

/// What a program was compiled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgramKey {
    /// The model's, which LoRAs make another one.
    pub(super) model: u64,
    pub(super) network: Network,
}

/// A network of the model, and the extents of what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Network {
    /// A chunk of a prompt has one size only.
    Text,
    Unet(UNetInputs),
    /// In strips of so many rows of latents, or whole.
    Vae(Frame, Option<usize>),
    /// The same, with colours before they are rounded.
    Colours(Frame, Option<usize>),
    /// That of previews alone.
    PreviewVae(Frame, Option<usize>),
    /// The VAE's encoder, by the extents of the picture that it is given.
    Encoder(Frame, Option<usize>),
    /// An encoder of pictures with what makes tokens of what it sees, by what they were opened as.
    ImageTokens {
        adapter: u64,
        encoder: u64,
    },
    /// Keys and values of pictures' tokens.
    ImageKeys {
        adapter: u64,
        tokens: Shape,
    },
    /// The opacity of a picture's pixels, from latents of this shape.
    Opacity {
        decoder: u64,
        latents: Shape,
    },
    /// A part of a net that guides.
    Guide(GuidePart),
}

/// A part of a net that is run by itself, and the extents of what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuidePart {
    pub(super) net: u64,
    pub(super) part: Part,
    pub(super) shape: Shape,
    pub(super) tiling: Tiling,
}

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A ControlNet's hint net.
    Hint,
    /// What a union adds for a kind of pictures.
    Types,
    /// A union's transformer.
    Fuser,
    /// An adapter's blocks of the whole resolution.
    First,
    /// Those of half of it.
    Rest,
}

impl ProgramKey {
    /// That of a network which is no part of the model, and so the same whatever changes that.
    pub(super) fn beside(network: Network) -> Self {
        Self { model: u64::MAX, network }
    }
}

impl Network {
    /// How its weights are held.
    fn holding(&self, plan: &MemoryPlan) -> Holding {
        match self {
            Self::Unet(_) => plan.unet,
            // Small, and in strips read again and again.
            Self::Vae(..) | Self::Colours(..) | Self::PreviewVae(..) | Self::Encoder(..) => Holding::Held,
            _ => plan.text,
        }
    }

    /// Whether both are of the same weights.
    fn shares_weights(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
    }
}

/// Programs by what they were compiled for, the one that was used last at the end.
pub(super) struct Programs {
    backend: Arc<dyn Backend>,
    compiled: Vec<(ProgramKey, Compiled)>,
    /// What is needed for the pictures that are drawn now.
    planned: Vec<ProgramKey>,
    /// Whether the UNet keeps weights for its next call where there is memory for them.
    pub(super) runs_unet_often: bool,
}

impl Programs {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, compiled: vec![], planned: vec![], runs_unet_often: true }
    }

    /// The program for `key`, compiled from what `record` records where there is none yet.
    pub(super) fn get(
        &mut self,
        key: &ProgramKey,
        record: impl Fn() -> Result<Graph>,
    ) -> Result<&mut Compiled> {
        self.get_made(key, None, record)
    }

    /// The same in strips of so many rows of its smallest value; whole where there are none.
    pub(super) fn get_made(
        &mut self,
        key: &ProgramKey,
        rows: Option<usize>,
        record: impl Fn() -> Result<Graph>,
    ) -> Result<&mut Compiled> {
        let known = self.compiled.iter().position(|(known, _)| known == key);
        let used = match known {
            Some(place) => self.compiled.remove(place),
            None => {
                let mut compiled = Compiled::made(self.backend.as_ref(), record()?, rows)?;
                if self.runs_unet_often && matches!(key.network, Network::Unet(_)) {
                    compiled.program.run_often();
                }
                (key.clone(), compiled)
            }
        };
        self.compiled.push(used);
        if !self.planned.contains(key) {
            self.planned.push(key.clone());
        }
        if self.backend.is_host() {
            self.drop_replaced();
        }
        let extra = self.compiled.len().saturating_sub(KEPT);
        self.compiled.drain(..extra);
        let (_, program) = self.compiled.last_mut().ok_or_else(|| never("no program was kept"))?;
        Ok(program)
    }

    /// Forgets what was planned: what is asked for from now on is a plan.
    pub(super) fn begin(&mut self) {
        self.planned.clear();
    }

    /// What the planned programs take of a device's memory.
    pub(super) fn device_need(&self, plan: &MemoryPlan) -> DeviceNeed {
        let planned = self.compiled.iter().filter(|(key, _)| self.planned.contains(key));
        let needs = planned.map(|(key, one)| one.program.device_need(key.network.holding(plan)));
        needs.fold(DeviceNeed::default(), |all, one| all.and(&one))
    }

    /// Bytes that these programs have on a device beside the buffers that all share.
    pub(super) fn held(&self) -> u64 {
        let loaded = self.compiled.iter().filter(|(_, one)| one.program.is_loaded());
        let needs = loaded.map(|(_, one)| one.program.own_need());
        let all = needs.fold(DeviceNeed::default(), |all, one| all.and(&one));
        all.weight_bytes() + all.own
    }

    /// Brings what is planned to its device. What is not goes where both do not fit into `room`.
    ///
    /// Programs of one network share weights, so those of another model go only after the new ones stand.
    pub(super) fn settle(&mut self, plan: &MemoryPlan, room: Option<u64>) -> Result<()> {
        if self.backend.is_host() {
            return Ok(());
        }
        let need = self.device_need(plan);
        let others =
            self.compiled.iter().filter(|(key, one)| one.program.is_loaded() && !self.planned.contains(key));
        let all = others.map(|(_, one)| one.program.own_need()).fold(need.clone(), |all, one| all.and(&one));
        if room.is_some_and(|room| all.weight_bytes() + need.buffer_bytes() > room) {
            self.unload_others();
        }
        for (key, one) in self.compiled.iter_mut().filter(|(key, _)| self.planned.contains(key)) {
            one.program.hold(key.network.holding(plan));
        }
        self.backend.reserve(&need.buffers)?;
        if let Err(Error::Memory { .. }) = self.load() {
            self.unload_others();
            self.load()?;
        }
        self.drop_replaced();
        Ok(())
    }

    fn load(&mut self) -> Result<()> {
        let mut planned = self.compiled.iter_mut().filter(|(key, _)| self.planned.contains(key));
        planned.try_for_each(|(_, one)| one.program.load())
    }

    /// Gives back what programs have on the device that are not planned.
    fn unload_others(&mut self) {
        let others = self.compiled.iter_mut().filter(|(key, _)| !self.planned.contains(key));
        others.for_each(|(_, one)| one.program.unload());
    }

    /// Lets the UNet go, with what it keeps.
    pub(super) fn drop_unet(&mut self) {
        self.compiled.retain(|(key, _)| !matches!(key.network, Network::Unet(_)));
    }

    /// Programs of the same networks of models that are not planned go.
    fn drop_replaced(&mut self) {
        let is_new = |known: &ProgramKey| {
            let mut alike =
                self.planned.iter().filter(|key| key.network.shares_weights(&known.network)).peekable();
            alike.peek().is_none() || alike.any(|key| key.model == known.model)
        };
        self.compiled.retain(|(known, _)| is_new(known));
    }
}

/// An error that would be a mistake of this crate.
pub(super) fn never(what: &str) -> Error {
    Error::Graph { node: "engine".into(), what: what.into() }
}

/// A graph with the program that a backend made of it, run plainly or under the microscope.
pub(super) struct Compiled {
    graph: Arc<Graph>,
    program: Box<dyn Program>,
}

impl Compiled {
    pub(super) fn new(backend: &dyn Backend, graph: Graph) -> Result<Self> {
        Self::made(backend, graph, None)
    }

    fn made(backend: &dyn Backend, graph: Graph, rows: Option<usize>) -> Result<Self> {
        let graph = Arc::new(graph);
        let program = match rows {
            None => backend.compile(graph.clone())?,
            Some(rows) => Box::new(StripProgram::compile(backend, graph.clone(), Height::Largest(rows))?),
        };
        Ok(Self { program, graph })
    }

    /// Whether its graph has an input of this name.
    pub(super) fn takes(&self, input: &str) -> bool {
        self.graph.input(input).is_some()
    }

    pub(super) fn memory(&self) -> MemoryNeed {
        self.program.memory()
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(super) fn program(&mut self) -> &mut dyn Program {
        self.program.as_mut()
    }

    /// Runs the graph. With a trace every value passes by on its way, and the outputs are caught
    /// among them.
    pub(super) fn run(
        &mut self,
        name: &str,
        inputs: &[(&str, &HostTensor)],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<HostTensor>> {
        let Some(trace) = watch.trace.as_mut() else {
            return self.program.run(inputs, &watch.cancel);
        };
        let cancel = &watch.cancel;
        let graph = &self.graph;
        let mut outputs = vec![None; graph.outputs().len()];
        self.program.trace(inputs, &mut |node, value| {
            cancel.check()?;
            if let Values::F32(values) = &value.values {
                trace(&TraceRow::new(name, node, value.shape, values))?;
            }
            if let Some(place) = graph.outputs().iter().position(|&id| std::ptr::eq(graph.node(id), node)) {
                outputs[place] = Some(value.clone());
            }
            Ok(())
        })?;
        outputs
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| never("a trace did not pass by all outputs"))
    }

    /// The label of the first node whose value is not finite, for an error that says where.
    pub(super) fn first_not_finite(&mut self, inputs: &[(&str, &HostTensor)]) -> Result<String> {
        let mut found = None;
        let result = self.program.trace(inputs, &mut |node, value| match &value.values {
            Values::F32(values) if values.iter().any(|v| !v.is_finite()) => {
                found = Some(node.label.clone());
                Err(Error::Cancelled)
            }
            _ => Ok(()),
        });
        match (found, result) {
            (Some(layer), _) => Ok(layer),
            (None, result) => result.map(|()| "a layer that a second run could not find".into()),
        }
    }
}
