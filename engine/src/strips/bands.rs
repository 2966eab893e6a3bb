//! Values of a whole picture, kept as bands of rows that go one by one.

use std::borrow::Cow;
use std::ops::Range;

use super::reach::Rows;
use crate::backend::{HostTensor, Values};
use crate::graph::{Element, Graph, NodeId, Op, Shape};
use crate::{Error, Result};

/// Rows of a value that a program is given under a name.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) value: NodeId,
    pub(super) name: String,
    pub(super) rows: Rows,
}

/// Rows of a value that a program makes; of moments, the rows that they are of.
#[derive(Debug, Clone)]
pub(super) struct Make {
    pub(super) value: NodeId,
    pub(super) rows: Range<usize>,
}

/// A band of a value, by its place among that value's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BandId {
    pub(super) value: NodeId,
    pub(super) place: usize,
}

struct Band<'a> {
    rows: Range<usize>,
    /// None once it is not needed any more.
    tensor: Option<Cow<'a, HostTensor>>,
}

/// The bands of all values that are kept. A value's bands are made from the first row to the last.
pub(super) struct Bands<'a> {
    heights: Vec<usize>,
    values: Vec<Vec<Band<'a>>>,
}

fn never(what: &str) -> Error {
    Error::Graph { node: "strips".into(), what: what.into() }
}

/// The parts of a value of this height that some rows of its plane lie in, one after the other.
pub(super) fn within(rows: &Rows, height: usize) -> Vec<Range<usize>> {
    let (mut parts, mut row) = (vec![], rows.start);
    while row < rows.end {
        let start = row.rem_euclid(height as isize) as usize;
        let end = (start + (rows.end - row) as usize).min(height);
        parts.push(start..end);
        row += (end - start) as isize;
    }
    parts
}

impl<'a> Bands<'a> {
    /// With what the caller gives.
    pub(super) fn new(graph: &Graph, inputs: &[(&str, &'a HostTensor)]) -> Result<Self> {
        let mut values: Vec<Vec<Band<'a>>> = graph.nodes().iter().map(|_| vec![]).collect();
        for (node, bands) in graph.nodes().iter().zip(&mut values) {
            let Op::Input { name, .. } = &node.op else { continue };
            let error = |what| Error::Graph { node: node.label.clone(), what };
            let Some((_, tensor)) = inputs.iter().find(|(given, _)| given == name) else {
                return Err(error("the run was given no such input".into()));
            };
            let is_ids = matches!(tensor.values, Values::U32(_));
            if tensor.shape != node.shape || is_ids != (node.element == Element::U32) {
                let what = format!("the graph was made for {}, the input is {}", node.shape, tensor.shape);
                return Err(error(what));
            }
            bands.push(Band { rows: 0..node.shape.height, tensor: Some(Cow::Borrowed(tensor)) });
        }
        Ok(Self { heights: graph.nodes().iter().map(|node| node.shape.height).collect(), values })
    }

    /// Some rows of a value: a band itself where they are that.
    pub(super) fn read(&self, read: &Read) -> Result<Cow<'_, HostTensor>> {
        let parts = within(&read.rows, self.heights[read.value]);
        let bands = &self.values[read.value];
        if let [part] = &parts[..]
            && let Some(Band { tensor: Some(tensor), .. }) = bands.iter().find(|band| band.rows == *part)
        {
            return Ok(Cow::Borrowed(tensor.as_ref()));
        }
        let mut found: Option<(Shape, Vec<f32>)> = None;
        for part in parts {
            let mut row = part.start;
            for band in bands.iter().filter(|band| band.rows.start < part.end && part.start < band.rows.end) {
                let tensor = band.tensor.as_ref().ok_or_else(|| never("a band went too early"))?;
                let length = tensor.shape.width * tensor.shape.channels;
                let until = band.rows.end.min(part.end);
                let from = (row - band.rows.start) * length..(until - band.rows.start) * length;
                let (_, values) =
                    found.get_or_insert_with(|| (tensor.shape, Vec::with_capacity(read.rows.len() * length)));
                values.extend_from_slice(&tensor.as_f32()[from]);
                row = until;
            }
            if row != part.end {
                return Err(never("a strip ran before its turn"));
            }
        }
        let (shape, values) = found.ok_or_else(|| never("a strip is given nothing"))?;
        Ok(Cow::Owned(HostTensor::f32(Shape { height: read.rows.len(), ..shape }, values)))
    }

    /// Keeps what was made.
    pub(super) fn put(&mut self, make: &Make, made: HostTensor) {
        let band = Band { rows: make.rows.clone(), tensor: Some(Cow::Owned(made)) };
        self.values[make.value].push(band);
    }

    /// Lets a band go.
    pub(super) fn free(&mut self, band: BandId) {
        self.values[band.value][band.place].tensor = None;
    }

    /// Moments of all strips become those of the picture.
    pub(super) fn merge(&mut self, moments: NodeId) {
        let bands = &mut self.values[moments];
        let Some(shape) = bands.first().and_then(|band| band.tensor.as_ref()).map(|tensor| tensor.shape)
        else {
            return;
        };
        if bands.len() > 1 {
            let strips =
                bands.iter().filter_map(|band| Some((band.rows.len(), band.tensor.as_ref()?.as_f32())));
            let values = merged(&strips.collect::<Vec<_>>(), shape.width);
            *bands = vec![Band { rows: 0..1, tensor: Some(Cow::Owned(HostTensor::f32(shape, values))) }];
        }
        bands[0].rows = 0..1;
    }

    /// All rows of a value, which is not needed any more.
    pub(super) fn joined(&mut self, value: NodeId) -> Result<HostTensor> {
        let mut whole: Option<HostTensor> = None;
        for band in &mut self.values[value] {
            let tensor = band.tensor.take().ok_or_else(|| never("an output went too early"))?.into_owned();
            whole = Some(match whole {
                None => tensor,
                Some(whole) => below(whole, &tensor),
            });
        }
        whole.ok_or_else(|| never("an output was not made"))
    }
}

/// One picture under another.
fn below(mut upper: HostTensor, lower: &HostTensor) -> HostTensor {
    match (&mut upper.values, &lower.values) {
        (Values::F32(upper), Values::F32(lower)) => upper.extend_from_slice(lower),
        (Values::U32(upper), Values::U32(lower)) => upper.extend_from_slice(lower),
        _ => {}
    }
    upper.shape.height += lower.shape.height;
    upper
}

/// Numbers of a group's moments: the mean, what it lost in rounding, the variance, the same.
const MOMENTS: usize = 4;

/// The moments of all strips together, each given with the rows that it is of, as Chan, Golub and LeVeque merge them.
fn merged(strips: &[(usize, &[f32])], groups: usize) -> Vec<f32> {
    let of_group = |group: usize| {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (rows, moments) in strips {
            let numbers = &moments[group * MOMENTS..][..MOMENTS];
            let [own_mean, variance] = [0, 2].map(|at| f64::from(numbers[at]) + f64::from(numbers[at + 1]));
            let (own, before, apart) = (*rows as f64, count, own_mean - mean);
            count += own;
            mean += apart * own / count;
            squares += variance * own + apart * apart * before * own / count;
        }
        [mean, squares / count].into_iter().flat_map(|number: f64| {
            let rounded = number as f32;
            [rounded, (number - f64::from(rounded)) as f32]
        })
    };
    (0..groups).flat_map(of_group).collect()
}
