//! 3×3 convolutions, by Winograd's way where that suits them, else as one product.

use super::arithmetic::Arithmetic;
use super::changed;
use super::direct::{DirectFactors, Taps};
use super::epilogue::Finish;
use super::kept::{Kept, Layout};
use super::product;
use super::value::{Turn, Value};
use super::winograd::{self, WinogradFactors};
use crate::graph::{Epilogue, Shape};

pub(super) fn conv3x3(taps: Taps<'_>, epilogue: &Epilogue, turn: &Turn<'_>, out: &mut [f32]) {
    let Turn { inputs, shape, arithmetic, kept, .. } = *turn;
    let factors = DirectFactors { taps, x: inputs[0], to: shape, arithmetic, kept };
    let finish = Finish::new(epilogue, turn);
    if winograd::suits(&factors) {
        product::run(&WinogradFactors(factors), &finish, turn, out);
    } else {
        changed::run(&factors, &finish, turn, out);
    }
}

/// Room for the panels of the weight, for a value of this shape made of one of that shape.
pub(super) fn room(taps: Taps<'_>, [from, to]: [Shape; 2], arithmetic: Arithmetic) -> (Layout, Kept) {
    let factors = blank(taps, [from, to], (arithmetic, None));
    if winograd::suits(&factors) {
        (Layout::Lines, product::room(&WinogradFactors(factors), to.channels, false))
    } else {
        (Layout::Plain, product::room(&factors, to.channels, false))
    }
}

/// Words that the whole convolution works in beside its tasks.
pub(super) fn node_words(taps: Taps<'_>, [from, to]: [Shape; 2], how: (Arithmetic, Option<&Kept>)) -> usize {
    let factors = blank(taps, [from, to], how);
    if winograd::suits(&factors) {
        product::made_words(&WinogradFactors(factors), to, false)
    } else {
        product::made_words(&factors, to, false)
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
