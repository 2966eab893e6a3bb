//! What the programs of a picture take of memory together, by when they run.

use crate::backend::MemoryNeed;

/// The memory of each program.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// What runs before the UNet's last call.
    pub(super) drawing: Vec<MemoryNeed>,
    /// The UNet at its largest.
    pub(super) unet: MemoryNeed,
    /// What enlarges pictures before a second pass.
    pub(super) enlarging: Option<MemoryNeed>,
    /// What makes pictures of finished latents.
    pub(super) finishing: Vec<MemoryNeed>,
    /// What enlarges finished pictures.
    pub(super) upscaling: Option<MemoryNeed>,
}

impl Needs {
    /// Of all of them.
    pub(super) fn together(&self) -> MemoryNeed {
        one_after_the_other(self.until_finished().chain(self.after()))
    }

    /// The same where the UNet's weights go before its latents are decoded: until then, or after it.
    pub(super) fn without_unet_at_last(&self) -> MemoryNeed {
        let all = self.together();
        let at_a_time = |needs: &mut dyn Iterator<Item = &MemoryNeed>| {
            let MemoryNeed { activations, scratch, .. } = one_after_the_other(needs);
            MemoryNeed { activations, scratch, ..all }
        };
        let until_finished = at_a_time(&mut self.until_finished());
        let after = at_a_time(&mut self.after());
        let after = MemoryNeed { weights: all.weights - self.unet.weights, ..after };
        if until_finished.total() > after.total() { until_finished } else { after }
    }

    /// What the larger of two upscalers takes.
    pub(super) fn of_upscaling(&self) -> MemoryNeed {
        self.enlarging.into_iter().chain(self.upscaling).reduce(larger).unwrap_or_default()
    }

    /// Bytes on the host of a device that stay there between strips.
    pub(super) fn between_strips(&self) -> u64 {
        let in_strips = self.drawing.iter().chain(&self.finishing);
        in_strips.map(|need| need.picture).max().unwrap_or(0)
    }

    fn until_finished(&self) -> impl Iterator<Item = &MemoryNeed> {
        self.drawing.iter().chain([&self.unet]).chain(&self.enlarging)
    }

    fn after(&self) -> impl Iterator<Item = &MemoryNeed> {
        self.finishing.iter().chain(&self.upscaling)
    }
}

/// Programs follow each other: memory for activations stays for the next one, and each has its own scratch; weights stay, and
/// what one program at a time keeps.
fn one_after_the_other<'a>(needs: impl Iterator<Item = &'a MemoryNeed>) -> MemoryNeed {
    needs.fold(MemoryNeed::default(), |all, need| MemoryNeed {
        activations: all.activations.max(need.activations),
        kept: all.kept.max(need.kept),
        weights: all.weights + need.weights,
        scratch: all.scratch.max(need.scratch),
        picture: all.picture.max(need.picture),
    })
}

/// The larger of what two upscalers take, which run one after the other.
fn larger(one: MemoryNeed, other: MemoryNeed) -> MemoryNeed {
    let is_larger = one.activations + one.scratch > other.activations + other.scratch;
    let (weights, picture) = (one.weights.max(other.weights), one.picture.max(other.picture));
    MemoryNeed { weights, picture, ..if is_larger { one } else { other } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(activations: u64, weights: u64) -> MemoryNeed {
        MemoryNeed { activations, weights, scratch: 1, ..MemoryNeed::default() }
    }

    #[test]
    fn the_larger_of_two_times_counts_where_the_unet_goes_before_the_vae_comes() {
        let of = |unet, vae| {
            let needs = Needs {
                unet,
                finishing: vec![need(10, 1), vae],
                drawing: vec![need(20, 2)],
                ..Needs::default()
            };
            (needs.together(), needs.without_unet_at_last())
        };
        let (all, at_last) = of(need(30, 1000), need(200, 4));
        assert_eq!((all, at_last), (need(200, 1007), need(30, 1007)), "the UNet's");
        let (all, at_last) = of(need(30, 100), need(200, 4));
        assert_eq!((all, at_last), (need(200, 107), need(200, 7)), "the VAE's");
    }
}
