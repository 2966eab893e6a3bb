//! Running a compiled program with a clock at every dispatch.

use super::lowering::Dispatch;
use super::memory::Pool;
use super::program::{GpuProgram, Step};
use super::replay::input_named;
use super::timing::{Launch, Timer};
use crate::Result;
use crate::backend::{CancelToken, HostTensor, KernelRun, Profiled};
use crate::graph::{NodeId, Op};

impl GpuProgram {
    /// Runs every node that is not known from the run before; the outputs, and what each dispatch took.
    pub(super) fn replay_timed(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> Result<Profiled> {
        let shared = self.shared.clone();
        self.await_pipelines(cancel)?;
        let mut pool = shared.lock_pool();
        self.bind(&mut pool)?;
        let timer = Timer::new(&shared.device)?;
        let is_known = self.is_known(inputs);
        let is_needed = |id: NodeId| !(is_known && self.lasting.is(id));
        let node_of = |place: usize| self.steps[place].dispatch.node;
        let places: Vec<usize> = (0..self.steps.len()).filter(|&place| is_needed(node_of(place))).collect();
        let (mut seconds, mut next) = (vec![], 0);
        for (id, node) in self.graph.nodes().iter().enumerate().filter(|(id, _)| is_needed(*id)) {
            let Op::Input { name, .. } = &node.op else { continue };
            // An input may take over the buffer of a value that is computed before it.
            let before = places.partition_point(|&place| node_of(place) < id);
            seconds.extend(self.time((&timer, cancel), (&pool, is_known), &places[next..before])?);
            next = before;
            self.upload(&pool, id, input_named(&self.graph, inputs, name, node)?)?;
        }
        seconds.extend(self.time((&timer, cancel), (&pool, is_known), &places[next..])?);
        let kernels = places.iter().zip(seconds);
        let kernels =
            kernels.map(|(&place, seconds)| self.run_of(&self.steps[place].dispatch, seconds)).collect();
        self.is_made_of(inputs);
        let outputs = self.graph.outputs().iter().map(|&id| self.download(&pool, id));
        Ok(Profiled { outputs: outputs.collect::<Result<_>>()?, clock: timer.clock(), kernels })
    }

    /// Times some steps, those of each segment of weights by themselves where they are streamed.
    fn time(
        &self,
        (timer, cancel): (&Timer<'_>, &CancelToken),
        (pool, is_known): (&Pool, bool),
        places: &[usize],
    ) -> Result<Vec<f64>> {
        let mut seconds = Vec::with_capacity(places.len());
        for steps in places.chunk_by(|&one, &next| self.segment_of(one) == self.segment_of(next)) {
            if let Some(number) = self.segment_of(steps[0]) {
                self.bring_segment(pool, number, is_known)?;
            }
            let steps = steps.iter().map(|&place| &self.steps[place]);
            seconds.extend(timer.run(&launches(steps)?, cancel)?);
        }
        Ok(seconds)
    }

    fn run_of(&self, dispatch: &Dispatch, seconds: f64) -> KernelRun {
        let Dispatch { node: id, kernel, bindings, .. } = dispatch;
        let node = self.graph.node(*id);
        let sizes = kernel.sizes.iter().map(|sizes| format!("{sizes:?}"));
        let constants = kernel.constants.iter().map(|(name, value)| format!("{name}={value}"));
        KernelRun {
            kernel: kernel.shader.name,
            variant: sizes.chain(constants).collect::<Vec<_>>().join(" "),
            extents: self.graph.extents(node),
            label: node.label.clone(),
            seconds,
            flops: self.graph.node_flops(node) / self.dispatches_of(*id),
            bytes: bindings.iter().map(|binding| binding.size).sum(),
        }
    }

    fn dispatches_of(&self, id: NodeId) -> u64 {
        let first = self.steps.partition_point(|step| step.dispatch.node < id);
        self.steps[first..].iter().take_while(|step| step.dispatch.node == id).count() as u64
    }
}

/// What these steps dispatch.
pub(super) fn launches<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Result<Vec<Launch<'a>>> {
    steps.into_iter().map(launch).collect()
}

fn launch(step: &Step) -> Result<Launch<'_>> {
    let Step { dispatch, wanted, bind_group } = step;
    let (workgroups, work) = (dispatch.workgroups, dispatch.work);
    Ok(Launch { pipeline: &wanted.pipeline()?.compute, bind_group: bind_group.as_ref(), workgroups, work })
}
