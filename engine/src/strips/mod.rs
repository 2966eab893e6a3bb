//! A graph that is run strip by strip, for what it takes whole is more memory than there is: the VAE's.
//!
//! What is made is what the whole graph makes. It is cut where numbers of the whole picture are needed, at the moments of
//! group norms, into *phases* (`phases`). A phase is run for some rows after the other, each with as many rows beside them
//! as its convolutions see (`reach`, `part`). Values that a later phase reads are kept in this machine's memory as *bands*
//! of rows, and a band goes as soon as no strip needs it any more (`bands`, `turns`): while a phase makes a value, the one
//! that it is made from shrinks. The moments of strips are merged to those of the picture in f64.
//!
//! ```text
//! resnet:  x ─┬─ moments │ normalise ─ conv ─ h ─ moments │ normalise ─ conv ─ + ─ moments │ …
//!             └──────────┼───────────────────────────────┼──────────────────┘
//!                  phase │                         phase │                         phase
//! ```

mod bands;
mod heights;
mod part;
mod phases;
mod reach;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::Arc;

use self::bands::Bands;
pub use self::heights::Height;
use self::turns::{Turn, TurnBytes, Turns};
use crate::Result;
use crate::backend::{
    Backend, CancelToken, Clock, DeviceNeed, Holding, HostTensor, MemoryNeed, Profiled, Program,
};
use crate::graph::{Graph, Node, Op};

/// A graph of one image, made ready to be run in strips.
pub struct StripProgram {
    graph: Arc<Graph>,
    turns: Vec<Turn>,
    /// Those of turns, which are few: all strips of a phase are alike but for the first and the last.
    programs: Vec<Box<dyn Program>>,
    memory: MemoryNeed,
}

impl StripProgram {
    /// Plans the strips and compiles their programs.
    ///
    /// # Errors
    /// [`crate::Error::Graph`] where the graph has what cannot be done in strips; as [`Backend::compile`].
    pub fn compile(backend: &dyn Backend, graph: Arc<Graph>, height: Height) -> Result<Self> {
        let Turns { turns, graphs } = Turns::plan(&graph, height)?;
        let compiled = graphs.into_iter().map(|graph| backend.compile(Arc::new(graph)));
        let programs = compiled.collect::<Result<Vec<_>>>()?;
        let memory = need(&turns, &programs, backend.is_host());
        Ok(Self { graph, turns, programs, memory })
    }

    /// Gives every turn's program with its inputs to `run`, which makes its outputs.
    fn each_turn(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        mut run: impl FnMut(&mut dyn Program, &[(&str, &HostTensor)]) -> Result<Vec<HostTensor>>,
    ) -> Result<Vec<HostTensor>> {
        let mut bands = Bands::new(&self.graph, inputs)?;
        for turn in &self.turns {
            let given = turn.reads.iter().map(|read| bands.read(read)).collect::<Result<Vec<_>>>()?;
            let named = turn.reads.iter().zip(&given).map(|(read, given)| (&*read.name, given.as_ref()));
            let made = run(self.programs[turn.program].as_mut(), &named.collect::<Vec<_>>())?;
            drop(given);
            turn.makes.iter().zip(made).for_each(|(make, made)| bands.put(make, made));
            turn.merges.iter().for_each(|&moments| bands.merge(moments));
            turn.drops.iter().for_each(|&band| bands.free(band));
        }
        self.graph.outputs().iter().map(|&output| bands.joined(output)).collect()
    }
}

/// What the turns take at their peak. Bands are in this machine's memory: beside the values of a program that has them
/// there, too.
fn need(turns: &[Turn], programs: &[Box<dyn Program>], is_host: bool) -> MemoryNeed {
    let mut need = MemoryNeed::default();
    let (mut kept, mut phases) = (0, vec![]);
    for turn in turns {
        let one = programs[turn.program].memory();
        let TurnBytes { copied, made, freed } = turn.bytes;
        let host = kept + copied + made;
        if is_host {
            need.activations = need.activations.max(host + one.activations);
        } else {
            need.activations = need.activations.max(one.activations);
            need.picture = need.picture.max(host);
        }
        need.scratch = need.scratch.max(one.scratch);
        // Programs of a phase have the same weights.
        if !phases.contains(&turn.phase) {
            phases.push(turn.phase);
            need.weights += one.weights;
        }
        kept = kept + made - freed;
    }
    need
}

impl Program for StripProgram {
    fn memory(&self) -> MemoryNeed {
        self.memory
    }

    fn device_need(&self, holding: Holding) -> DeviceNeed {
        let needs = self.programs.iter().map(|program| program.device_need(holding));
        needs.fold(DeviceNeed::default(), |all, one| all.and(&one))
    }

    fn own_need(&self) -> DeviceNeed {
        let needs = self.programs.iter().map(|program| program.own_need());
        needs.fold(DeviceNeed::default(), |all, one| all.and(&one))
    }

    fn hold(&mut self, holding: Holding) {
        self.programs.iter_mut().for_each(|program| program.hold(holding));
    }

    fn load(&mut self) -> Result<()> {
        self.programs.iter_mut().try_for_each(|program| program.load())
    }

    fn unload(&mut self) {
        self.programs.iter_mut().for_each(|program| program.unload());
    }

    fn is_loaded(&self) -> bool {
        self.programs.iter().any(|program| program.is_loaded())
    }

    fn run(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Vec<HostTensor>> {
        self.each_turn(inputs, |program, inputs| {
            cancel.check()?;
            program.run(inputs, cancel)
        })
    }

    /// The values of strips pass by, and at last the whole outputs.
    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()> {
        let outputs = self.each_turn(inputs, |program, inputs| traced(program, inputs, visit))?;
        let graph = self.graph.clone();
        graph.outputs().iter().zip(&outputs).try_for_each(|(&id, output)| visit(graph.node(id), output))
    }

    fn profile(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Profiled> {
        let (mut kernels, mut clock) = (vec![], Clock::Host);
        let outputs = self.each_turn(inputs, |program, inputs| {
            let profiled = program.profile(inputs, cancel)?;
            clock = profiled.clock;
            kernels.extend(profiled.kernels);
            Ok(profiled.outputs)
        })?;
        Ok(Profiled { outputs, clock, kernels })
    }
}

/// The outputs of a turn, with its values shown on their way. What is given to a strip was shown where it was made.
fn traced(
    program: &mut dyn Program,
    inputs: &[(&str, &HostTensor)],
    visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
) -> Result<Vec<HostTensor>> {
    program.trace(inputs, &mut |node, value| match node.op {
        Op::Input { .. } => Ok(()),
        _ => visit(node, value),
    })?;
    program.run(inputs, &CancelToken::default())
}
