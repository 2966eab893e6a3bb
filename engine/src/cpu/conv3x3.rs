//! 3×3 convolutions, by Winograd's way where that suits them, else as one product.

use super::arithmetic::Arithmetic;
use super::changed;
use super::direct::{DirectFactors, Taps};
use super::epilogue::Finish;
use super::kept::{Kept, Layout};
use super::product::{self, Factors};
use super::scratch::NodeWords;
use super::value::{Turn, Value};
use super::winograd::{self, LineFactors, SquareFactors, Way};
use crate::graph::{Epilogue, Shape};

pub(super) fn conv3x3(taps: Taps<'_>, epilogue: &Epilogue, turn: &Turn<'_>, out: &mut [f32]) {
    let Turn { inputs, shape, arithmetic, kept, .. } = *turn;
    let factors = DirectFactors { taps, x: inputs[0], to: shape, arithmetic, kept };
    let finish = Finish::new(epilogue, turn);
    match winograd::way(&factors) {
        Some(Way::Lines) => product::run(&LineFactors(factors), &finish, turn, out),
        Some(Way::Squares) => product::run(&SquareFactors::new(factors), &finish, turn, out),
        None => changed::run(&factors, &finish, turn, out),
    }
}

/// Room for the panels of the weight, for a value of this shape made of one of that shape.
pub(super) fn room(taps: Taps<'_>, [from, to]: [Shape; 2], arithmetic: Arithmetic) -> (Layout, Kept) {
    let factors = blank(taps, [from, to], (arithmetic, None));
    match winograd::way(&factors) {
        Some(Way::Lines) => (Layout::Lines, product::room(&LineFactors(factors), to.channels, false)),
        Some(Way::Squares) => {
            (Layout::Squares, product::room(&SquareFactors::new(factors), to.channels, false))
        }
        None => (Layout::Plain, product::room(&factors, to.channels, false)),
    }
}

/// Words that the convolution works in.
pub(super) fn node_words(
    taps: Taps<'_>,
    [from, to]: [Shape; 2],
    how: (Arithmetic, Option<&Kept>),
) -> NodeWords {
    fn words(factors: &impl Factors, to: Shape) -> NodeWords {
        let panels = product::made_words(factors, to, false);
        NodeWords { panels, tasks: product::thread_words(factors, to, false), ..NodeWords::default() }
    }
    let factors = blank(taps, [from, to], how);
    match winograd::way(&factors) {
        Some(Way::Lines) => words(&LineFactors(factors), to),
        Some(Way::Squares) => words(&SquareFactors::new(factors), to),
        None => words(&factors, to),
    }
}

/// The factors without a picture.
fn blank<'a>(
    taps: Taps<'a>,
    [from, to]: [Shape; 2],
    (arithmetic, kept): (Arithmetic, Option<&'a Kept>),
) -> DirectFactors<'a> {
    DirectFactors { taps, x: Value { shape: from, numbers: &[] }, to, arithmetic, kept }
}
