//! The graph of one strip of a phase.

use std::ops::Range;

use super::bands::{Make, Read};
use super::phases::Phases;
use super::reach::{Reach, Rows, all, hull, in_units, is_beside};
use crate::graph::{Element, Graph, Node, NodeId, Op, Shape, Window};
use crate::{Error, Result};

/// A strip: what makes it, of what, and what it makes.
pub(super) struct Strip {
    pub(super) graph: Graph,
    pub(super) reads: Vec<Read>,
    pub(super) makes: Vec<Make>,
    /// Strips of a phase with the same of these numbers have the same graph.
    pub(super) geometry: Vec<usize>,
}

/// A graph under construction.
pub(super) struct Part<'a> {
    graph: &'a Graph,
    phases: &'a Phases,
    /// The rows that are made, or given, of each value.
    rows: Vec<Option<Rows>>,
    /// Where each value stands among `nodes`.
    at: Vec<Option<NodeId>>,
    nodes: Vec<Node>,
    reads: Vec<Read>,
    geometry: Vec<usize>,
}

impl<'a> Part<'a> {
    /// The strip that makes `own` rows of a value of each height.
    ///
    /// # Errors
    /// [`Error::Graph`] where a convolution would look over the end of a picture at what is not there.
    pub(super) fn strip(
        graph: &'a Graph,
        phases: &'a Phases,
        phase: usize,
        own: impl Fn(usize) -> Range<usize>,
    ) -> Result<Strip> {
        let count = graph.nodes().len();
        let (nodes, reads, geometry) = (vec![], vec![], vec![]);
        let mut part =
            Self { graph, phases, rows: vec![None; count], at: vec![None; count], nodes, reads, geometry };
        let makes: Vec<Make> = phases
            .made(graph, phase)
            .into_iter()
            .map(|value| Make { value, rows: own(graph.node(part.shown(value)).shape.height) })
            .collect();
        part.look_back(phase, &makes);
        part.check(phase)?;
        part.record(phase, &makes);
        let outputs = makes.iter().map(|make| part.output(make)).collect();
        let Self { nodes, reads, geometry, .. } = part;
        Ok(Strip { graph: Graph::of(nodes, outputs), reads, makes, geometry })
    }

    /// The value whose rows a value is made of: its own, or those that moments are of.
    fn shown(&self, value: NodeId) -> NodeId {
        if is_beside(self.graph, value) { self.graph.node(value).inputs[0] } else { value }
    }

    /// Whether a value is given to this phase.
    fn is_given(&self, phase: usize, value: NodeId) -> bool {
        self.phases.of[value] != phase || matches!(self.graph.node(value).op, Op::Input { .. })
    }

    /// The rows that are needed of every value, from what is made back to what is given.
    fn look_back(&mut self, phase: usize, makes: &[Make]) {
        for Make { value, rows } in makes {
            let shown = self.shown(*value);
            self.need(shown, rows.start as isize..rows.end as isize);
        }
        for id in self.phases.nodes(self.graph, phase).into_iter().rev() {
            let Some(rows) = self.rows[id].take().map(|rows| in_units(self.graph.node(id), rows)) else {
                continue;
            };
            self.rows[id] = Some(rows.clone());
            for (place, &input) in self.graph.node(id).inputs.iter().enumerate() {
                let needed = self.needed(id, place, &rows);
                self.need(input, needed);
            }
        }
    }

    /// The rows that a node needs of one of its inputs to make some of its own.
    fn needed(&self, id: NodeId, place: usize, rows: &Rows) -> Rows {
        let node = self.graph.node(id);
        let input = node.inputs[place];
        match (&node.op, place) {
            _ if is_beside(self.graph, input) => all(self.graph.node(input)),
            // What is added to a convolution's sums is of its own rows.
            (Op::Conv3x3 { .. }, 1..) => rows.clone(),
            _ => self.phases.reaches[id].needed(rows, self.graph.node(input).shape.height),
        }
    }

    fn need(&mut self, value: NodeId, rows: Rows) {
        self.rows[value] = Some(hull(self.rows[value].take(), rows));
    }

    /// Beyond the ends of a picture there is only what continues on its opposite side.
    fn check(&self, phase: usize) -> Result<()> {
        let mut periods: Vec<Option<isize>> = vec![None; self.rows.len()];
        for (id, node) in self.graph.nodes().iter().enumerate() {
            let Some(rows) = &self.rows[id] else { continue };
            let (height, reach) = (node.shape.height as isize, self.phases.reaches[id]);
            if self.is_given(phase, id) {
                periods[id] = Some(height);
                continue;
            }
            let shown = node.inputs.iter().filter(|&&input| !is_beside(self.graph, input));
            let mut from = shown.map(|&input| periods[input]);
            let first = from.next().flatten();
            let period = first.filter(|_| from.all(|other| other == first));
            periods[id] = period.and_then(|period| reach.period(period));
            let is_inside = rows.start >= 0 && rows.end <= height;
            let of = |value: NodeId| Some(self.graph.node(value).shape.height as isize);
            let fits = match reach {
                Reach::Whole => *rows == all(node),
                Reach::Wrapped(_) => !self.is_cut(node.inputs[0]) || period == of(node.inputs[0]),
                _ => is_inside || periods[id].is_some(),
            };
            if !fits {
                let what = format!("rows {rows:?} of {} are not made in strips", node.shape);
                return Err(Error::Graph { node: node.label.clone(), what });
            }
        }
        Ok(())
    }

    /// Whether rows of a value are needed that are not its own.
    fn is_cut(&self, value: NodeId) -> bool {
        let height = self.graph.node(value).shape.height as isize;
        self.rows[value].as_ref().is_some_and(|rows| rows.start < 0 || rows.end > height)
    }

    fn record(&mut self, phase: usize, makes: &[Make]) {
        for id in 0..self.rows.len() {
            let is_made = makes.iter().any(|make| make.value == id);
            match self.rows[id].clone() {
                Some(rows) if self.is_given(phase, id) => self.give(id, rows),
                Some(rows) if !is_beside(self.graph, id) => self.make(id, &rows),
                _ if is_made => self.moments(id, makes),
                _ => {}
            }
        }
    }

    /// A node that `element` says how to store, of so many rows.
    fn push(&mut self, of: NodeId, op: Op, inputs: Vec<NodeId>, height: usize) -> NodeId {
        let Node { shape, element, bound, label, .. } = self.graph.node(of);
        self.geometry.push(height);
        let shape = Shape { height, ..*shape };
        let (element, bound, label) = (*element, *bound, label.clone());
        self.nodes.push(Node { op, inputs, shape, element, bound, label });
        self.nodes.len() - 1
    }

    /// An input of the strip. What was kept is in f32.
    fn give(&mut self, id: NodeId, rows: Rows) {
        let name = format!("value {id}");
        let at = self.push(id, Op::Input { name: name.clone(), lasts: false }, vec![], rows.len());
        if self.nodes[at].element == Element::F16 {
            self.nodes[at].element = Element::F32;
        }
        self.at[id] = Some(at);
        self.reads.push(Read { value: id, name, rows });
    }

    /// Some rows of a value that is there.
    fn some(&mut self, value: NodeId, wanted: &Rows) -> NodeId {
        let (at, there) = (self.at[value].unwrap_or_default(), self.rows[value].clone().unwrap_or(0..0));
        self.rows_of(value, at, &there, wanted)
    }

    /// `wanted` of the rows that `at` has.
    fn rows_of(&mut self, value: NodeId, at: NodeId, there: &Rows, wanted: &Rows) -> NodeId {
        if there == wanted {
            return at;
        }
        let start = (wanted.start - there.start) as usize;
        let rows = start..start + wanted.len();
        // No node has so many rows.
        self.geometry.extend([usize::MAX, start]);
        let found = self.push(value, Op::Rows(rows), vec![at], wanted.len());
        self.nodes[found].element = self.nodes[at].element;
        found
    }

    /// A node of the phase, for these rows of its value.
    fn make(&mut self, id: NodeId, rows: &Rows) {
        let (graph, reach) = (self.graph, self.phases.reaches[id]);
        let node = graph.node(id);
        let inputs = node.inputs.iter().enumerate().map(|(place, &input)| {
            let wanted = self.needed(id, place, rows);
            self.some(input, &wanted)
        });
        let inputs: Vec<NodeId> = inputs.collect();
        let at = match (&node.op, reach) {
            (Op::Conv3x3 { weight, window, epilogue }, Reach::Window { .. }) => {
                let first = self.needed(id, 0, rows).start << u32::from(window.doubled);
                let top = window.origin[0] - rows.start * window.stride as isize + first;
                self.geometry.push((top + 1) as usize);
                let window = Window { origin: [top, window.origin[1]], ..*window };
                let (weight, epilogue) = (weight.clone(), epilogue.clone());
                self.push(id, Op::Conv3x3 { weight, window, epilogue }, inputs, rows.len())
            }
            (Op::Upsample, Reach::Larger(by)) => {
                let small = reach.needed(rows, 0);
                let large = small.start * by..small.end * by;
                let at = self.push(id, Op::Upsample, inputs, large.len());
                self.rows_of(id, at, &large, rows)
            }
            // The rows of the border were given.
            (Op::Pad { by: [_, 0], .. }, Reach::Wrapped(_)) => inputs[0],
            (Op::Pad { wrap, by }, Reach::Wrapped(_)) => {
                let op = Op::Pad { wrap: [false, wrap[1]], by: [0, by[1]] };
                self.push(id, op, inputs, rows.len())
            }
            (op, _) => self.push(id, op.clone(), inputs, rows.len()),
        };
        self.at[id] = Some(at);
    }

    /// The moments of a strip's own rows.
    fn moments(&mut self, id: NodeId, makes: &[Make]) {
        let own = makes.iter().find(|make| make.value == id).map_or(0..0, |make| make.rows.clone());
        let shown = self.shown(id);
        let x = self.some(shown, &(own.start as isize..own.end as isize));
        let at = self.push(id, Op::Moments, vec![x], 1);
        self.at[id] = Some(at);
    }

    /// What a strip makes, in f32 where it is to be kept: with the numbers that it has, which may be stored in 16 bits.
    fn output(&mut self, make: &Make) -> NodeId {
        let at = match is_beside(self.graph, make.value) {
            true => self.at[make.value].unwrap_or_default(),
            false => self.some(make.value, &(make.rows.start as isize..make.rows.end as isize)),
        };
        if self.nodes[at].element != Element::F16 {
            return at;
        }
        let kept = self.push(make.value, Op::Convert, vec![at], make.rows.len());
        self.nodes[kept].element = Element::F32;
        kept
    }
}
