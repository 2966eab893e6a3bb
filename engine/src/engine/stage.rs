//! One compiled graph of the pipeline, run plainly or under the microscope.

use std::sync::Arc;

use super::watch::{TraceRow, Watch};
use crate::backend::{Backend, HostTensor, MemoryNeed, Program, Values};
use crate::graph::Graph;
use crate::{Error, Result};

/// A graph with the program that a backend made of it.
pub(super) struct Stage {
    graph: Arc<Graph>,
    program: Box<dyn Program>,
}

impl Stage {
    pub(super) fn compile(backend: &dyn Backend, graph: Graph) -> Result<Self> {
        let graph = Arc::new(graph);
        Ok(Self { program: backend.compile(graph.clone())?, graph })
    }

    pub(super) fn memory(&self) -> MemoryNeed {
        self.program.memory()
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
        let mut id = 0;
        self.program.trace(inputs, &mut |node, value| {
            cancel.check()?;
            if let Values::F32(values) = &value.values {
                trace(&TraceRow::new(name, (&node.label, node.op.name()), value.shape, values))?;
            }
            if let Some(place) = graph.outputs().iter().position(|&output| output == id) {
                outputs[place] = Some(value.clone());
            }
            id += 1;
            Ok(())
        })?;
        outputs.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| Error::Graph {
            node: name.into(),
            what: "a trace did not pass by all outputs".into(),
        })
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
