//! 3×3 convolutions, by Winograd's ways where those suit them, else as one product.

use super::arithmetic::Arithmetic;
use super::changed;
use super::direct::{DirectFactors, Taps};
use super::epilogue::Finish;
use super::kept::{Kept, Layout};
use super::product;
use super::scratch::NodeWords;
use super::value::{Turn, Value};
use super::winograd::{self, DoubledFactors, FourFactors, TwoFactors, Way};
use crate::graph::{Epilogue, Shape};

/// What is done with a convolution's factors, by whichever way it is computed.
macro_rules! by_its_way {
    ($factors:ident => $done:expr) => {
        match winograd::way(&$factors) {
            Way::Direct => $done,
            Way::Twos => {
                let $factors = TwoFactors::new($factors);
                $done
            }
            Way::Doubled => {
                let $factors = DoubledFactors::new($factors);
                $done
            }
            Way::Fours => {
                let $factors = FourFactors::new($factors);
                $done
            }
        }
    };
}

pub(super) fn conv3x3(taps: Taps<'_>, epilogue: &Epilogue, turn: &Turn<'_>, out: &mut [f32]) {
    let Turn { inputs, shape, arithmetic, kept, .. } = *turn;
    let factors = DirectFactors { taps, x: inputs[0], to: shape, arithmetic, kept };
    let finish = Finish::new(epilogue, turn);
    by_its_way!(factors => changed::run(&factors, &finish, turn, out));
}

/// Room for the panels of the weight, for a value of this shape made of one of that shape.
pub(super) fn room(taps: Taps<'_>, [from, to]: [Shape; 2], arithmetic: Arithmetic) -> (Layout, Kept) {
    let factors = blank(taps, [from, to], (arithmetic, None));
    let layout = match winograd::way(&factors) {
        Way::Direct => Layout::Plain,
        Way::Twos => Layout::Twos,
        Way::Doubled => Layout::Doubled,
        Way::Fours => Layout::Fours,
    };
    (layout, by_its_way!(factors => product::room(&factors, to.channels, false)))
}

/// Words that the convolution works in.
pub(super) fn node_words(
    taps: Taps<'_>,
    [from, to]: [Shape; 2],
    how: (Arithmetic, Option<&Kept>),
) -> NodeWords {
    let factors = blank(taps, [from, to], how);
    by_its_way!(factors => {
        let panels = product::made_words(&factors, to, false);
        NodeWords { panels, tasks: product::thread_words(&factors, to, false), ..NodeWords::default() }
    })
}

/// The factors without a picture.
fn blank<'a>(
    taps: Taps<'a>,
    [from, to]: [Shape; 2],
    (arithmetic, kept): (Arithmetic, Option<&'a Kept>),
) -> DirectFactors<'a> {
    DirectFactors { taps, x: Value { shape: from, numbers: &[] }, to, arithmetic, kept }
}
