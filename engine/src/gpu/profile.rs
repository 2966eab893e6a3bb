//! Running a compiled program with a clock at every dispatch.

use std::ops::Range;

use super::lowering::Dispatch;
use super::memory::Pool;
use super::program::{GpuProgram, Step};
use super::replay::input_named;
use super::timing::{Launch, Timer};
use crate::Result;
use crate::backend::{CancelToken, HostTensor, KernelRun, Profiled};
use crate::graph::{NodeId, Op};

impl GpuProgram {
    /// Runs every node; the outputs, and what each dispatch took.
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
        let (mut seconds, mut next) = (vec![], 0);
        for (id, node) in self.graph.nodes().iter().enumerate() {
            let Op::Input { name, .. } = &node.op else { continue };
            // An input may take over the buffer of a value that is computed before it.
            let before = self.steps.partition_point(|step| step.dispatch.node < id);
            seconds.extend(self.time(&timer, &pool, next..before, cancel)?);
            next = before;
            self.upload(&pool, id, input_named(&self.graph, inputs, name, node)?)?;
        }
        seconds.extend(self.time(&timer, &pool, next..self.steps.len(), cancel)?);
        let outputs = self.graph.outputs().iter().map(|&id| self.download(&pool, id));
        let outputs = outputs.collect::<Result<_>>()?;
        let kernels =
            self.steps.iter().zip(seconds).map(|(step, seconds)| self.run_of(&step.dispatch, seconds));
        Ok(Profiled { outputs, clock: timer.clock(), kernels: kernels.collect() })
    }

    /// Times some steps, each segment of weights by itself where they are streamed.
    fn time(
        &self,
        timer: &Timer<'_>,
        pool: &Pool,
        steps: Range<usize>,
        cancel: &CancelToken,
    ) -> Result<Vec<f64>> {
        let (mut seconds, mut next) = (Vec::with_capacity(steps.len()), steps.start);
        while next < steps.end {
            if self.begins_segment(next) {
                self.bring_segment(pool, next)?;
            }
            let end = self.end_of_segment(next).min(steps.end);
            seconds.extend(timer.run(&launches(&self.steps[next..end])?, cancel)?);
            next = end;
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
pub(super) fn launches(steps: &[Step]) -> Result<Vec<Launch<'_>>> {
    steps.iter().map(launch).collect()
}

fn launch(step: &Step) -> Result<Launch<'_>> {
    let Step { dispatch, wanted, bind_group } = step;
    let (workgroups, work) = (dispatch.workgroups, dispatch.work);
    Ok(Launch { pipeline: &wanted.pipeline()?.compute, bind_group: bind_group.as_ref(), workgroups, work })
}
