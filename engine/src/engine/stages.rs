//! A run of an upscaler over a picture: in which parts and which tiles, by the memory that there is.

use std::time::Instant;

use super::fitting::MemoryOptions;
use super::programs::{Compiled, never};
use super::watch::{Event, Watch};
use crate::backend::{Backend, HostTensor, MemoryNeed};
use crate::graph::{Element, Shape};
use crate::memory::Memory;
use crate::picture::{CHANNELS, Picture};
use crate::upscaler::{Cut, FEATURES, FIRST, Made, Stage, Tile, Upscaler};
use crate::{Error, Result};

/// Pixels of a side that a tile has at the most, from the largest on.
const TILES: [usize; 6] = [1024, 512, 256, 128, 96, 64];

/// The same where every pixel has become many.
const LARGEST_TAIL: usize = 256;

/// The same of a network that makes them all at its end.
const LARGEST_WHOLE: usize = 512;

/// Parts of a network in their order, and the tiles of each.
type Course = Vec<(Stage, Cut)>;

/// An upscaler takes no more than one part in so many of a device's memory: the rest is for what draws.
const PART_OF_ROOM: u64 = 5;

/// Sizes of pictures of which the courses are remembered.
const KNOWN: usize = 16;

/// How pictures of a height and width are taken through a network.
struct Known {
    network: u64,
    size: [usize; 2],
    course: Course,
    need: MemoryNeed,
}

/// The program of a part of a network, for tiles of a size.
struct Kept {
    network: u64,
    stage: Stage,
    size: [usize; 2],
    compiled: Compiled,
}

/// What runs upscalers on a device.
pub(super) struct Stages {
    element: Element,
    /// Pixels of a side that tiles have at the most, where that was said.
    pub(super) largest_tile: Option<usize>,
    /// The one that was found last stands at the end.
    known: Vec<Known>,
    /// Programs of the network that ran last, if they are few.
    kept: Vec<Kept>,
}

impl Stages {
    pub(super) fn new(element: Element) -> Self {
        Self { element, largest_tile: None, known: vec![], kept: vec![] }
    }

    /// The memory that a picture of this height and width takes on its way through a network.
    pub(super) fn need(
        &mut self,
        backend: &dyn Backend,
        network: &Upscaler,
        picture: [usize; 2],
    ) -> Result<MemoryNeed> {
        self.course(backend, network, picture).map(|(_, need)| need)
    }

    /// The parts and tiles with which least is computed twice, and for which there is memory.
    fn course(
        &mut self,
        backend: &dyn Backend,
        network: &Upscaler,
        size: [usize; 2],
    ) -> Result<(Course, MemoryNeed)> {
        let known = self.known.iter().find(|known| (known.network, known.size) == (network.id(), size));
        if let Some(Known { course, need, .. }) = known {
            return Ok((course.clone(), *need));
        }
        let courses = courses(network, size, self.largest_tile);
        let mut refused = never("an upscaler has no course");
        for (place, course) in courses.iter().enumerate() {
            let need = match self.measured(backend, network, course) {
                Err(error @ Error::Memory { .. }) => {
                    refused = error;
                    continue;
                }
                need => MemoryNeed { picture: features(network, size, course), ..need? },
            };
            // Half is left to others, until there is nothing smaller.
            let share = if place + 1 < courses.len() { 2 } else { 1 };
            let (takes, have) = (need.on_host(backend.is_host()), Memory::now().free / share);
            if takes <= have && (share == 1 || is_small(backend, &need)) {
                let extra = (self.known.len() + 1).saturating_sub(KNOWN);
                self.known.drain(..extra);
                self.known.push(Known { network: network.id(), size, course: course.clone(), need });
                return Ok((course.clone(), need));
            }
            refused = Error::Memory { device: backend.name().to_owned(), need: takes, have };
        }
        Err(refused)
    }

    /// What the programs of a course take: the largest of them, since there is one at a time.
    fn measured(&mut self, backend: &dyn Backend, network: &Upscaler, course: &Course) -> Result<MemoryNeed> {
        let mut need = MemoryNeed::default();
        // All blocks between the first and the last are alike.
        let few = course.iter().take(2).chain(course.iter().skip(2).rev().take(2));
        for (stage, cut) in few {
            let one = self.program(backend, network, (stage, cut.size), is_short(course))?.memory();
            need.activations = need.activations.max(one.activations);
            need.scratch = need.scratch.max(one.scratch);
            need.weights =
                if is_short(course) { need.weights + one.weights } else { need.weights.max(one.weights) };
        }
        Ok(need)
    }

    /// The program of a part; it stays where it is one of few.
    fn program(
        &mut self,
        backend: &dyn Backend,
        network: &Upscaler,
        (stage, size): (&Stage, [usize; 2]),
        stays: bool,
    ) -> Result<&mut Compiled> {
        let is_it = |kept: &Kept| (kept.network, &kept.stage, kept.size) == (network.id(), stage, size);
        let place = match self.kept.iter().position(is_it) {
            Some(place) => place,
            None => {
                // One of another size shares its weights with the new one, and goes only then.
                self.kept.retain(|kept| stays && kept.network == network.id());
                let compiled = Compiled::new(backend, network.graph(stage, size, self.element)?)?;
                self.kept.retain(|kept| kept.stage != *stage);
                self.kept.push(Kept { network: network.id(), stage: stage.clone(), size, compiled });
                self.kept.len() - 1
            }
        };
        self.kept.get_mut(place).map(|kept| &mut kept.compiled).ok_or_else(|| never("no program was kept"))
    }

    /// Takes a picture through a network. Every tile is told.
    pub(super) fn run(
        &mut self,
        backend: &dyn Backend,
        network: &Upscaler,
        picture: &Picture,
        (image, watch): (usize, &mut Watch<'_>),
    ) -> Result<Picture> {
        let (course, _) = self.course(backend, network, network.size(picture))?;
        let tiles = course.iter().map(|(_, cut)| cut.tiles.len()).sum();
        let scale = network.scale();
        let (width, height) = (picture.width * scale, picture.height * scale);
        let mut large = Picture::new(width, height, vec![0; width * height * CHANNELS]);
        let (mut given, mut tile) = (Given { network, picture, features: None, first: None }, 0);
        for (stage, cut) in &course {
            let program = self.program(backend, network, (stage, cut.size), is_short(&course))?;
            let mut made = vec![];
            for place in &cut.tiles {
                watch.cancel.check()?;
                let start = Instant::now();
                let inputs = given.inputs(stage, place, cut.size)?;
                let inputs: Vec<_> = inputs.iter().map(|(name, input)| (*name, input)).collect();
                let outputs = program.run("upscale", &inputs, watch)?;
                if matches!(stage, Stage::Body(_)) {
                    put(&mut made, &outputs, place, network.size(picture));
                } else {
                    let (values, shape) = (outputs[0].as_f32(), outputs[0].shape);
                    network.lay(&Made { values, shape, tile: place }, picture, &mut large)?;
                }
                tile += 1;
                let seconds = start.elapsed().as_secs_f64();
                (watch.event)(Event::Tile { image, tile, tiles, seconds });
            }
            given.take(made);
        }
        Ok(large)
    }
}

/// Whether a device has room for this beside a model.
fn is_small(backend: &dyn Backend, need: &MemoryNeed) -> bool {
    let room = MemoryOptions::default().room(backend.device_memory()).filter(|_| !backend.is_host());
    room.is_none_or(|room| need.total() - need.picture <= room / PART_OF_ROOM)
}

/// Whether all of its programs may stay.
fn is_short(course: &Course) -> bool {
    course.len() <= 2
}

/// Ways through a network, from the one that takes most memory and computes least on.
fn courses(network: &Upscaler, size: [usize; 2], largest_tile: Option<usize>) -> Vec<Course> {
    let part = |stage: Stage, most: usize| {
        let cut = Cut::new(size, most, network.sees(&stage));
        (stage, cut)
    };
    let (blocks, longest) = (network.blocks(), size[0].max(size[1]));
    let most = largest_tile.unwrap_or(usize::MAX);
    let tiles = TILES.into_iter().map(|tile| tile.min(most));
    if blocks == 0 {
        return tiles.map(|tile| vec![part(Stage::Whole, tile.min(LARGEST_WHOLE))]).collect();
    }
    let mut courses = vec![];
    if longest <= most.min(LARGEST_TAIL) {
        courses.push(vec![part(Stage::Whole, longest)]);
    }
    if longest <= most {
        let tails = tiles.clone().filter(|tile| *tile <= LARGEST_TAIL);
        courses
            .extend(tails.map(|tail| vec![part(Stage::Body(0..blocks), longest), part(Stage::Tail, tail)]));
    }
    courses.extend(tiles.map(|tile| {
        let one_by_one = (0..blocks).map(|block| part(Stage::Body(block..block + 1), tile));
        one_by_one.chain([part(Stage::Tail, tile.min(LARGEST_TAIL))]).collect()
    }));
    courses
}

/// Bytes of what is kept between the parts: features, those before, and the first ones.
fn features(network: &Upscaler, [height, width]: [usize; 2], course: &Course) -> u64 {
    let maps = match course.len() {
        1 => 0,
        2 => 1,
        _ => 3,
    };
    (maps * height * width * network.features() * size_of::<f32>()) as u64
}

/// Values of a whole picture between two parts.
struct Map {
    size: [usize; 2],
    channels: usize,
    values: Vec<f32>,
}

impl Map {
    fn new(size: [usize; 2], channels: usize) -> Self {
        Self { size, channels, values: vec![0.0; size[0] * size[1] * channels] }
    }

    /// A tile of it.
    fn cut(&self, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> HostTensor {
        let row =
            |row: usize| &self.values[(row * self.size[1] + left) * self.channels..][..width * self.channels];
        let values = (top..top + height).flat_map(row).copied().collect();
        HostTensor::f32(Shape::image(1, height, width, self.channels), values)
    }

    /// What is kept of a tile, put in its place.
    fn put(&mut self, tile: &Tile, made: &HostTensor) {
        let ([rows, columns], [top, left], channels) = (&tile.kept, tile.start, self.channels);
        let length = columns.len() * channels;
        for row in rows.clone() {
            let from = ((row - top) * made.shape.width + columns.start - left) * channels;
            let to = (row * self.size[1] + columns.start) * channels;
            self.values[to..to + length].copy_from_slice(&made.as_f32()[from..from + length]);
        }
    }
}

/// Puts what was made of a tile into the maps of the whole picture, which are begun with the first tile.
fn put(maps: &mut Vec<Map>, made: &[HostTensor], tile: &Tile, size: [usize; 2]) {
    if maps.is_empty() {
        maps.extend(made.iter().map(|made| Map::new(size, made.shape.channels)));
    }
    maps.iter_mut().zip(made).for_each(|(map, made)| map.put(tile, made));
}

/// What a part is given.
struct Given<'a> {
    network: &'a Upscaler,
    picture: &'a Picture,
    features: Option<Map>,
    first: Option<Map>,
}

impl Given<'_> {
    /// The inputs of a part for a tile.
    fn inputs(
        &self,
        stage: &Stage,
        tile: &Tile,
        size: [usize; 2],
    ) -> Result<Vec<(&'static str, HostTensor)>> {
        let cut = |map: &Option<Map>| map.as_ref().map(|map| map.cut(tile.start, size));
        let value = |name: &'static str| {
            let value = match name {
                FEATURES => cut(&self.features),
                FIRST => cut(&self.first),
                _ => {
                    let values = self.network.input(self.picture, tile, size);
                    Some(HostTensor::f32(self.network.shape(size), values))
                }
            };
            Ok((name, value.ok_or_else(|| never("a part of an upscaler ran before its turn"))?))
        };
        self.network.inputs(stage).into_iter().map(value).collect()
    }

    /// What a part made becomes what the next one is given.
    fn take(&mut self, made: Vec<Map>) {
        let mut made = made.into_iter();
        self.features = made.next();
        self.first = made.next().or(self.first.take());
    }
}
