//! The models that the server was started with, as handlers know them.

use std::fmt;
use std::sync::Arc;

use super::{Foresight, ModelInfo, Spec};

/// A model, and what can be said of the jobs that it draws.
pub(crate) struct Known {
    pub(crate) info: ModelInfo,
    pub(crate) foresight: Foresight,
}

/// All of them; the first draws where a request names none. Clones are the same.
#[derive(Clone)]
pub(crate) struct Models(Arc<[Known]>);

impl Models {
    /// At least one.
    pub(super) fn new(models: Vec<Known>) -> Self {
        Self(models.into())
    }

    /// That of requests that name none.
    pub(crate) fn first(&self) -> &Known {
        &self.0[0]
    }

    pub(super) fn at(&self, place: usize) -> &Known {
        &self.0[place]
    }

    /// The one that draws this.
    pub(crate) fn of(&self, spec: &Spec) -> &Known {
        self.at(place(self.infos(), spec))
    }

    /// The LoRAs that requests may name, as they are at this moment: those that one of the models can be changed by.
    pub(crate) fn lora_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.iter().flat_map(|known| known.foresight.lora_names()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// In the order in which they were given.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &ModelInfo> {
        self.0.iter().map(|known| &known.info)
    }

    /// The first that this is true of.
    pub(crate) fn find(&self, is: impl Fn(&ModelInfo) -> bool) -> Option<&Known> {
        self.0.iter().find(|known| is(&known.info))
    }

    /// The one of this name, also behind a gateway's prefix: `openai/NAME`.
    pub(crate) fn named(&self, asked: &str) -> Option<&Known> {
        let is = |name: &str| self.find(|info| info.name == name);
        is(asked).or_else(|| is(asked.rsplit_once('/')?.1))
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.infos()).finish()
    }
}

/// Which of the models draws this: the one that it names; the first where it names none, or one that this start of the
/// server does not have.
pub(super) fn place<'a>(mut models: impl Iterator<Item = &'a ModelInfo>, spec: &Spec) -> usize {
    let named = spec.model.as_ref().and_then(|name| models.position(|model| model.name == *name));
    named.unwrap_or(0)
}
