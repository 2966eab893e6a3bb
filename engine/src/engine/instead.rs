//! What would fit into a device's memory, where what was asked for does not.

use std::sync::Arc;

use super::fitting::{MemoryPlan, heights};
use super::{DrawPlan, Engine, Model};
use crate::Error;
use crate::message::{Message, Setting};
use crate::request::Request;

/// Sides that are tried instead, as shares of what was asked for, in quarters.
const QUARTERS: [usize; 2] = [3, 2];

/// Sides are offered in multiples of so many pixels.
const GRAIN: usize = 64;

/// Bytes as people compare them with what a card has, or with a budget that is far smaller.
fn size(bytes: u64) -> String {
    match bytes as f64 / (1u64 << 20) as f64 {
        mib if mib < 1024.0 => format!("{mib:.0} MiB"),
        mib => format!("{:.1} GiB", mib / 1024.0),
    }
}

impl Engine {
    /// The error of a picture that does not fit, with what would.
    pub(super) fn instead_of(&mut self, plan: &DrawPlan, error: Error) -> Error {
        let Error::Memory { device, need, have } = error else { return error };
        let room = self.memory.room(self.backend.device_memory());
        if self.is_on_host() || room != Some(have) {
            return Error::Memory { device, need, have };
        }
        let (width, height, have) = (plan.width, plan.height, size(have));
        let needs = size(need);
        let what = format!(
            "{width}×{height} needs {needs} of the memory of {device}, of which {have} may be taken; "
        );
        let offers = self.offers(plan, room);
        let told = offers.into_iter().reduce(|all, offer| all.text(" or ").and(offer));
        Error::DoesNotFit(match told {
            Some(told) => Message::from(what).text("it fits ").and(told),
            None => {
                Message::from(what).text("try a smaller size or another ").and(Message::of(Setting::Device))
            }
        })
    }

    /// What fits, each in words.
    fn offers(&mut self, plan: &DrawPlan, room: Option<u64>) -> Vec<Message> {
        let with = |setting: Setting, word: &str, bytes: u64| {
            Message::from("with ").and(Message::of(setting)).text(format!("{word} ({})", size(bytes)))
        };
        let mut offers = vec![];
        if !self.memory.low
            && let Some(bytes) = self.least(plan, true, room)
        {
            offers.push(with(Setting::LowMemory, "", bytes));
        }
        if let Some(bytes) = self.quantised().and_then(|mut other| other.least(plan, self.memory.low, room)) {
            offers.push(with(Setting::Weights, " q8", bytes));
        }
        let smaller = plan.init.is_none() && plan.second().is_none();
        for quarters in QUARTERS.into_iter().filter(|_| smaller) {
            let [width, height] = [plan.width, plan.height].map(|side| side * quarters / 4 / GRAIN * GRAIN);
            let sides = DrawPlan { width, height, ..plan.clone() };
            if width.min(height) >= GRAIN && self.least(&sides, self.memory.low, room).is_some() {
                offers.push(format!("at {width}×{height}").into());
                break;
            }
        }
        offers
    }

    /// The bytes of the first way that fits.
    fn least(&mut self, plan: &DrawPlan, low: bool, room: Option<u64>) -> Option<u64> {
        let heights = heights(self.vae_cut.asked, false);
        let ways = MemoryPlan::all(low, &heights);
        ways.into_iter().find_map(|way| Some(self.fit_as(plan, (1, 0), way, room).ok()?.fit?.device_bytes))
    }

    /// The same model with its weights quantised, where they are not.
    fn quantised(&self) -> Option<Self> {
        let checkpoint = self.model.checkpoint.clone().quantised(true);
        let model = Model::load(&checkpoint, Request::default()).ok()?;
        let mut engine = Self::new(Arc::new(model), self.backend.clone(), self.precision);
        (engine.vae_cut, engine.asked_loras) = (self.vae_cut, self.asked_loras.clone());
        Some(engine)
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_the_unit_that_shows_them() {
        assert_eq!([1 << 20, 1 << 30, 6_980_000_000].map(size), ["1 MiB", "1.0 GiB", "6.5 GiB"]);
    }
}
