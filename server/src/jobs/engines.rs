//! The engines of the models: all are opened at the start; where one has no memory to draw with, the one that has drawn
//! nothing for longest gives its own back, and is opened again when it is to draw.

use fulmen_engine::{Engine, Error};

use super::foresight::Foresight;
use super::model::ModelInfo;
use super::models::{Known, Models};
use crate::config::ModelConfig;
use crate::error::Result;

/// The engines of the models, by their places.
pub(super) struct Engines {
    seats: Vec<Seat>,
    /// How often one was taken to draw.
    turns: u64,
}

struct Seat {
    model: ModelConfig,
    name: String,
    engine: Option<Engine>,
    /// The turn in which it drew last.
    used: u64,
}

impl Engines {
    /// Opens every model, all on one device.
    ///
    /// # Errors
    /// One cannot be opened, or two have the same name.
    pub(super) fn open(models: &[ModelConfig]) -> Result<(Self, Models)> {
        let (mut seats, mut known) = (Vec::<Seat>::new(), vec![]);
        for model in models {
            let engine = opened(seats.first().and_then(|seat| seat.engine.as_ref()), model)?;
            let info = ModelInfo::of(&engine, model)?;
            let name = info.name.clone();
            if seats.iter().any(|seat| seat.name == name) {
                let message = format!(
                    "two models are called {name}; give one of them another id: --model {name}-2=PATH"
                );
                return Err(crate::Error::Options(message));
            }
            known.push(Known { foresight: Foresight::new(engine.outlook(), info.clone()), info });
            seats.push(Seat { model: model.clone(), name, engine: Some(engine), used: 0 });
        }
        if seats.is_empty() {
            return Err(crate::Error::Options("no model was given; give one with --model PATH".into()));
        }
        Ok((Self { seats, turns: 0 }, Models::new(known)))
    }

    /// The engines that are open.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Engine> {
        self.seats.iter().filter_map(|seat| seat.engine.as_ref())
    }

    pub(super) fn is_open(&self, at: usize) -> bool {
        self.seats[at].engine.is_some()
    }

    /// This place, or that of another model that is open where this one is not: either can enlarge pictures.
    pub(super) fn open_place(&self, at: usize) -> usize {
        let is_open = |at: &usize| self.is_open(*at);
        std::iter::once(at).chain(0..self.seats.len()).find(is_open).unwrap_or(at)
    }

    /// The engine of this model, to draw with; opened where it is not.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn take(&mut self, at: usize) -> fulmen_engine::Result<Engine> {
        self.turns += 1;
        self.seats[at].used = self.turns;
        if let Some(engine) = self.seats[at].engine.take() {
            return Ok(engine);
        }
        tracing::info!(model = self.seats[at].name, "it is loaded");
        loop {
            let engine = opened(self.iter().next(), &self.seats[at].model);
            match engine {
                Err(Error::Memory { .. }) if self.close_another(at) => {}
                engine => return engine,
            }
        }
    }

    /// Gives it back.
    pub(super) fn put_back(&mut self, at: usize, engine: Engine) {
        self.seats[at].engine = Some(engine);
    }

    /// Whether another model than this one has memory.
    pub(super) fn others_are_open(&self, at: usize) -> bool {
        self.seats.iter().enumerate().any(|(other, seat)| other != at && seat.engine.is_some())
    }

    /// Takes the memory of the model that has drawn nothing for longest, other than this one; `false` where there is
    /// none.
    pub(super) fn close_another(&mut self, at: usize) -> bool {
        let others = self.seats.iter_mut().enumerate().filter(|(other, _)| *other != at);
        let open = others.map(|(_, seat)| seat).filter(|seat| seat.engine.is_some());
        let Some(oldest) = open.min_by_key(|seat| seat.used) else { return false };
        tracing::info!(model = oldest.name, "it is unloaded, because another needs its memory");
        oldest.engine = None;
        true
    }

    /// What went wrong with one may have happened to the device, which they share.
    pub(super) fn close_all(&mut self) {
        self.seats.iter_mut().for_each(|seat| seat.engine = None);
    }

    /// Draws this model with another engine.
    #[cfg(test)]
    pub(super) fn replace(&mut self, at: usize, engine: Engine) {
        self.seats[at].engine = Some(engine);
    }
}

/// The model on the device of one that is open, or on its own.
fn opened(beside: Option<&Engine>, model: &ModelConfig) -> fulmen_engine::Result<Engine> {
    match beside {
        Some(open) => open.open_beside(&model.engine),
        None => Engine::open(&model.engine),
    }
}
