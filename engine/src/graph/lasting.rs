//! What a graph computes from lasting inputs alone: from a picture's text, not from a step. A backend may compute it when one
//! of them changes, and keep what others read of it from one run to the next.

use super::{Graph, NodeId, Op};

/// Which values of a graph outlast a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lasting {
    is: Vec<bool>,
    is_kept: Vec<bool>,
}

impl Lasting {
    /// Whether a value is the same until a lasting input changes. Outputs are made anew in every run.
    pub(crate) fn is(&self, id: NodeId) -> bool {
        self.is[id]
    }

    /// Whether such a value is read by what is computed in every run.
    pub(crate) fn is_kept(&self, id: NodeId) -> bool {
        self.is_kept[id]
    }
}

impl Graph {
    /// Which of its values outlast a run.
    pub(crate) fn lasting(&self) -> Lasting {
        let mut is = vec![false; self.nodes.len()];
        let mut is_kept = is.clone();
        for (id, node) in self.nodes.iter().enumerate() {
            is[id] = !self.outputs.contains(&id)
                && match node.op {
                    Op::Input { lasts, .. } => lasts,
                    _ => node.inputs.iter().all(|&input| is[input]),
                };
            if !is[id] {
                node.inputs.iter().filter(|&&input| is[input]).for_each(|&input| is_kept[input] = true);
            }
        }
        Lasting { is, is_kept }
    }
}
