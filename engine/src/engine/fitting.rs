//! How a picture's networks are fitted into the memory of their device: what stays there, what is copied every time, and
//! how high the strips of the VAE are. Decided from numbers alone, before any of it is taken.

use std::fmt;

use serde::Serialize;

use super::vae::VaeStrips;
use crate::backend::{DeviceMemory, Holding};

/// What is asked for of a device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryOptions {
    /// Bytes that may be taken; `None`: a part of what the device says is free.
    pub budget: Option<u64>,
    /// Whether to take little, whatever there is: the UNet's weights, too, are copied in every step.
    pub low: bool,
}

/// What is aimed at where little is to be taken, in bytes.
const LITTLE: u64 = 3 << 30;

/// One part in so many of what is free is left: for whatever else is shown on the screen, and for what drivers take beside
/// buffers.
const LEFT: u64 = 10;

impl MemoryOptions {
    /// Bytes that may be taken of a device's memory; `None` where nobody knows any limit.
    pub(super) fn room(&self, memory: Option<DeviceMemory>) -> Option<u64> {
        self.budget.or_else(|| memory.map(|memory| memory.budget - memory.budget / LEFT))
    }

    /// The same in the order in which they are tried.
    pub(super) fn rooms(&self, memory: Option<DeviceMemory>) -> Vec<Option<u64>> {
        let all = self.room(memory);
        if !self.low || all.is_some_and(|all| all <= LITTLE) {
            return vec![all];
        }
        vec![Some(LITTLE), all]
    }
}

/// What stays on a device, and how the VAE goes over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MemoryPlan {
    /// Weights of the text encoders, and of all else that runs once for a picture.
    pub text: Holding,
    /// Weights of the UNet, and of what runs beside it.
    pub unet: Holding,
    /// Rows of latents in a strip of the VAE; none where it goes whole.
    pub vae_rows: Option<usize>,
}

impl MemoryPlan {
    /// The ways to hold weights, with the VAE in strips of these heights: from the fastest to the one that takes least.
    pub(super) fn all(low: bool, heights: &[Option<usize>]) -> Vec<Self> {
        use Holding::{Held, Streamed};
        let ways: &[_] = if low { &[(Streamed, Streamed)] } else { &[(Held, Held), (Streamed, Held)] };
        let of =
            |&vae_rows: &Option<usize>| ways.iter().map(move |&(text, unet)| Self { text, unet, vae_rows });
        heights.iter().flat_map(of).collect()
    }
}

impl fmt::Display for MemoryPlan {
    /// `the text encoders are copied for every prompt, the UNet stays, the VAE goes in strips of 64 pixels`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, unet) = match (self.text, self.unet) {
            (Holding::Held, Holding::Held) => ("the text encoders", " and the UNet stay"),
            (Holding::Streamed, Holding::Held) => {
                ("the text encoders are copied for every prompt", ", the UNet stays")
            }
            (Holding::Held, Holding::Streamed) => {
                ("the text encoders stay", ", the UNet is copied in every step")
            }
            (Holding::Streamed, Holding::Streamed) => {
                ("the text encoders are copied for every prompt", ", the UNet in every step")
            }
        };
        write!(f, "{text}{unet}, the VAE goes ")?;
        match self.vae_rows {
            None => f.write_str("whole"),
            Some(rows) => write!(f, "in strips of {} pixels", 8 * rows),
        }
    }
}

/// How high strips are, in rows of latents, in the order in which they are tried: none where it goes whole.
pub(super) fn heights(asked: VaeStrips, is_host: bool) -> Vec<Option<usize>> {
    match asked {
        VaeStrips::Rows(rows) => vec![Some(rows)],
        VaeStrips::Off => vec![None],
        // On the CPU higher ones take more time, too.
        VaeStrips::Auto if is_host => [None, Some(2), Some(1)].into(),
        // On a device lower ones do: more of what each is made from is computed twice, and copied.
        VaeStrips::Auto => std::iter::once(None).chain([32, 16, 8, 4, 2, 1].map(Some)).collect(),
    }
}

/// A picture's networks as they fit into a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// What stays there.
    #[serde(flatten)]
    pub plan: MemoryPlan,
    /// Bytes of the device's memory at the peak.
    pub device_bytes: u64,
    /// Bytes that may be taken, where a limit is known.
    pub budget_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: f64 = (1u64 << 30) as f64;

    /// SDXL at 1024², in GiB: weights, and buffers while each network runs.
    fn sdxl(plan: &MemoryPlan) -> u64 {
        let (text, unet, vae) = (1.52, 4.78, 0.09);
        let held = |holding, weights| if holding == Holding::Held { weights } else { 0.0 };
        let decoding = plan.vae_rows.map_or(3.5, |rows| 0.03 * rows as f64);
        ((held(plan.text, text) + held(plan.unet, unet) + vae + f64::max(0.5, decoding)) * GIB) as u64
    }

    /// What is chosen on a card with so many GiB of which nine tenths are free, and the GiB that it takes.
    fn chosen(card: u64, low: bool) -> Option<(MemoryPlan, f64)> {
        let budget = (card << 30) / 10 * 9;
        let memory = DeviceMemory { total: card << 30, budget, is_shared: false };
        let options = MemoryOptions { budget: None, low };
        let plans = MemoryPlan::all(low, &heights(VaeStrips::Auto, false));
        let rooms = options.rooms(Some(memory)).into_iter().flatten();
        rooms
            .flat_map(|room| plans.iter().filter(move |plan| sdxl(plan) <= room))
            .map(|plan| (*plan, sdxl(plan) as f64 / GIB))
            .next()
    }

    #[test]
    fn cards_of_all_sizes_hold_what_they_can() {
        use Holding::{Held, Streamed};
        let of = |card, low| chosen(card, low).map(|(plan, _)| (plan.text, plan.unet, plan.vae_rows));
        assert_eq!(of(24, false), Some((Held, Held, None)));
        assert_eq!(of(12, false), Some((Streamed, Held, None)));
        assert_eq!(of(8, false), Some((Streamed, Held, Some(32))));
        assert_eq!(of(6, false), None, "not without --low-memory");
        assert_eq!(of(6, true), Some((Streamed, Streamed, Some(32))));
        assert_eq!(of(4, true), Some((Streamed, Streamed, Some(32))));
        assert_eq!(
            of(24, true),
            Some((Streamed, Streamed, Some(32))),
            "little is taken where little is asked for"
        );
        assert!(chosen(8, false).is_some_and(|(_, gib)| gib <= 6.5));
    }

    #[test]
    fn what_is_asked_for_is_the_limit_and_nothing_is_left_of_it() {
        let memory = DeviceMemory { total: 10 << 30, budget: 5 << 30, is_shared: false };
        assert_eq!(MemoryOptions { budget: Some(7 << 30), low: false }.room(Some(memory)), Some(7 << 30));
        assert_eq!(MemoryOptions::default().room(Some(memory)), Some(9 << 29));
        assert_eq!(MemoryOptions::default().room(None), None);
    }

    #[test]
    fn a_plan_says_what_stays() {
        let plan = MemoryPlan { text: Holding::Streamed, vae_rows: Some(16), ..MemoryPlan::default() };
        let said = "the text encoders are copied for every prompt, the UNet stays, the VAE goes in strips of 128 pixels";
        assert_eq!(plan.to_string(), said);
        assert_eq!(
            MemoryPlan::default().to_string(),
            "the text encoders and the UNet stay, the VAE goes whole"
        );
    }
}
