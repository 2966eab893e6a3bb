//! The background: what has the colours of the border and is connected to it.

use super::super::colour::{Lab, apart};

/// How thick the border is whose colours are taken, in pixels.
const BORDER: usize = 2;

/// Colours nearer than this are one.
const ALIKE: f32 = 0.05;

/// Most colours of a background.
const MOST_COLOURS: usize = 24;

/// The least share of the border that a colour of the background has.
const LEAST_SHARE: f32 = 0.02;

/// How far a pixel of the background may be from a colour of it.
const NEAR: f32 = 0.075;

/// How far where it only goes on what is beside it: a shade that falls off softly.
const NEAR_IN_STEPS: f32 = 0.16;

/// Pieces at the border with less than this share of all pixels are ground: what is left in corners.
const SPECK: f32 = 0.0005;

/// A soft step from a pixel to its neighbour.
const STEP: f32 = 0.012;

/// A colour of the border, and how much of it has that colour.
struct Colour {
    sum: [f32; 3],
    count: usize,
    /// Which sides it touches.
    sides: [bool; 4],
}

impl Colour {
    fn mean(&self) -> Lab {
        self.sum.map(|value| value / self.count as f32)
    }

    fn take(&mut self, lab: Lab, sides: [bool; 4]) {
        (0..3).for_each(|i| self.sum[i] += lab[i]);
        self.count += 1;
        (0..4).for_each(|i| self.sides[i] |= sides[i]);
    }
}

/// Which pixels are background.
pub(super) fn connected(labs: &[Lab], width: usize, height: usize) -> Vec<bool> {
    let colours = colours(labs, width, height);
    let distance =
        |at: usize| colours.iter().map(|colour| apart(labs[at], *colour)).fold(f32::INFINITY, f32::min);
    let mut ground = vec![false; labs.len()];
    let is_border = |at: &usize| {
        at.is_multiple_of(width) || at % width == width - 1 || *at < width || *at >= width * (height - 1)
    };
    let border: Vec<usize> = (0..labs.len()).filter(is_border).collect();
    let mut open: Vec<usize> = border.iter().copied().filter(|&at| distance(at) <= NEAR).collect();
    open.iter().for_each(|&at| ground[at] = true);
    while let Some(at) = open.pop() {
        for next in beside(at, width, height).into_iter().flatten() {
            if ground[next] {
                continue;
            }
            let distance = distance(next);
            if distance <= NEAR || distance <= NEAR_IN_STEPS && apart(labs[at], labs[next]) <= STEP {
                ground[next] = true;
                open.push(next);
            }
        }
    }
    let specks = specks(&ground, &border, (width, height));
    specks.into_iter().for_each(|at| ground[at] = true);
    ground
}

/// Pieces of the subject at the border that are so small that they are none.
fn specks(ground: &[bool], border: &[usize], (width, height): (usize, usize)) -> Vec<usize> {
    let most = (ground.len() as f32 * SPECK) as usize;
    let (mut seen, mut specks) = (ground.to_vec(), vec![]);
    for &at in border {
        let mut piece = Vec::from_iter((!seen[at]).then_some(at));
        let mut done = 0;
        while let Some(&at) = piece.get(done) {
            seen[at] = true;
            for next in beside(at, width, height).into_iter().flatten() {
                if !seen[next] {
                    seen[next] = true;
                    piece.push(next);
                }
            }
            done += 1;
        }
        if piece.len() <= most {
            specks.extend(piece);
        }
    }
    specks
}

/// The pixels left, right, above and below.
pub(super) fn beside(at: usize, width: usize, height: usize) -> [Option<usize>; 4] {
    let (x, y) = (at % width, at / width);
    [
        (x > 0).then(|| at - 1),
        (x + 1 < width).then(|| at + 1),
        (y > 0).then(|| at - width),
        (y + 1 < height).then(|| at + width),
    ]
}

/// The border's colours, without those of what only reaches in from one side.
fn colours(labs: &[Lab], width: usize, height: usize) -> Vec<Lab> {
    let mut colours: Vec<Colour> = Vec::new();
    let mut count = 0;
    for (at, &lab) in labs.iter().enumerate() {
        let (x, y) = (at % width, at / width);
        let sides = [x < BORDER, x + BORDER >= width, y < BORDER, y + BORDER >= height];
        if !sides.contains(&true) {
            continue;
        }
        count += 1;
        let distances = colours.iter().map(|colour| apart(colour.mean(), lab)).enumerate();
        match distances.min_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((nearest, distance)) if distance <= ALIKE => colours[nearest].take(lab, sides),
            _ if colours.len() == MOST_COLOURS => {}
            _ => colours.push(Colour { sum: lab, count: 1, sides }),
        }
    }
    let least = LEAST_SHARE * count as f32;
    let goes_round = |colour: &Colour| colour.sides.iter().filter(|touched| **touched).count() > 1;
    let is_ground = |colour: &&Colour| colour.count as f32 >= least && goes_round(colour);
    colours.iter().filter(is_ground).map(Colour::mean).collect()
}
