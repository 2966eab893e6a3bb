//! Which tensors a file holds, where, and what they are made of.

use std::collections::{BTreeMap, HashMap};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::{Error, Result};
use crate::networks;
use crate::weights::{Configs, Layout, NameTable, NetworkSpec, Part, View};

/// A tensor by its canonical name, and where it goes in a stored one.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) view: View,
}

/// What a stored tensor is made of.
#[derive(Debug)]
pub(super) enum Content {
    /// Canonical tensors in f16, one after the other.
    Drawn(Vec<Segment>),
    /// These bytes.
    Fixed(Vec<u8>),
}

/// A tensor of a file that is to be.
#[derive(Debug)]
pub(super) struct Planned {
    dtype: Dtype,
    shape: Vec<usize>,
    pub(super) content: Content,
    /// From the start of the file.
    pub(super) offset: u64,
}

/// A file that is to be.
#[derive(Debug)]
pub(super) struct FilePlan {
    /// Everything before the tensors' bytes.
    pub(super) head: Vec<u8>,
    pub(super) tensors: Vec<Planned>,
    size: u64,
}

impl FilePlan {
    /// A part's file in a diffusers folder.
    pub(super) fn part(configs: &Configs, part: Part) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        add(&mut tensors, configs, part, Layout::FOLDER)?;
        // Without this word transformers refuses a file.
        Self::new(tensors, Some([("format".to_owned(), "pt".to_owned())].into()))
    }

    /// The whole model under its original names, with the two buffers that published files have.
    pub(super) fn single_file(configs: &Configs) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for part in Part::WITH_WEIGHTS {
            add(&mut tensors, configs, part, Layout::single_file(part))?;
        }
        let positions = configs.value(Part::TextEncoder)?["max_position_embeddings"].as_u64().unwrap_or(0);
        tensors.insert(
            format!("{}text_model.embeddings.position_ids", Layout::single_file(Part::TextEncoder).prefix),
            Planned {
                dtype: Dtype::I64,
                shape: vec![1, positions as usize],
                content: Content::Fixed((0..positions).flat_map(u64::to_le_bytes).collect()),
                offset: 0,
            },
        );
        tensors.insert(
            format!("{}logit_scale", Layout::single_file(Part::TextEncoder2).prefix),
            Planned {
                dtype: Dtype::F16,
                shape: vec![],
                // ln 100, where CLIP's training ends.
                content: Content::Fixed(half::f16::from_f32(4.605).to_le_bytes().to_vec()),
                offset: 0,
            },
        );
        Self::new(tensors, None)
    }

    /// A file of a network that is no part of a model.
    pub(super) fn network(label: &str, network: NetworkSpec, names: &NameTable) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        join(&mut tensors, label, network, names);
        Self::new(tensors, Some([("format".to_owned(), "pt".to_owned())].into()))
    }

    fn new(tensors: BTreeMap<String, Planned>, about: Option<HashMap<String, String>>) -> Result<Self> {
        let mut tensors: Vec<(String, Planned)> = tensors.into_iter().collect();
        // The order of the format's own writers: wide numbers first, then by name.
        tensors.sort_by(|(a, left), (b, right)| right.dtype.cmp(&left.dtype).then_with(|| a.cmp(b)));
        let mut end = 0;
        let mut infos = Vec::with_capacity(tensors.len());
        for (key, tensor) in &mut tensors {
            let start = end;
            end += tensor.shape.iter().product::<usize>() * tensor.dtype.bitsize() / 8;
            tensor.offset = start as u64;
            let info =
                TensorInfo { dtype: tensor.dtype, shape: tensor.shape.clone(), data_offsets: (start, end) };
            infos.push((key.clone(), info));
        }
        let head = head(infos, about)?;
        let mut tensors: Vec<Planned> = tensors.into_iter().map(|(_, tensor)| tensor).collect();
        tensors.iter_mut().for_each(|tensor| tensor.offset += head.len() as u64);
        Ok(Self { size: (head.len() + end) as u64, head, tensors })
    }

    /// Bytes of the whole file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// The header and its length, filled up with spaces so that tensors begin at a multiple of eight.
fn head(infos: Vec<(String, TensorInfo)>, about: Option<HashMap<String, String>>) -> Result<Vec<u8>> {
    let internal =
        |what: String| Error::Request(format!("no header can be written for this model: {what}").into());
    let metadata = Metadata::new(about, infos).map_err(|e| internal(e.to_string()))?;
    let mut json = serde_json::to_vec(&metadata).map_err(|e| internal(e.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut head = (json.len() as u64).to_le_bytes().to_vec();
    head.append(&mut json);
    Ok(head)
}

/// Adds a part's tensors under their names in the dialect; fused ones are joined.
fn add(tensors: &mut BTreeMap<String, Planned>, configs: &Configs, part: Part, layout: Layout) -> Result<()> {
    let network = networks::describe(configs, part)?;
    let names = NameTable::new(part, layout, &network.levels);
    join(tensors, part.name(), network, &names);
    Ok(())
}

/// Adds a network's tensors under these names.
fn join(tensors: &mut BTreeMap<String, Planned>, label: &str, network: NetworkSpec, names: &NameTable) {
    for spec in network.tensors {
        let place = names.usual_place(&spec.name);
        let shape = names.shape_in_file(&spec.name, place.view.whole_shape(&spec.shape));
        let piece = Segment { name: format!("{label}.{}", spec.name), shape: spec.shape, view: place.view };
        let planned = tensors.entry(place.key).or_insert_with(|| Planned {
            dtype: Dtype::F16,
            shape,
            content: Content::Drawn(Vec::new()),
            offset: 0,
        });
        if let Content::Drawn(pieces) = &mut planned.content {
            pieces.push(piece);
        }
    }
}
