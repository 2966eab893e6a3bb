//! One engine, one bounded queue in front of it, and one turn for each key.
//!
//! A handler takes a [`Place`] first, so that nothing is written down for a request that cannot be served, then submits
//! a [`Spec`]. The worker draws one job after the other, and several of one size together where the model
//! draws larger pictures than they are; whoever waits sees its progress and can stop it.

mod foresight;
mod job;
mod limits;
mod memory;
mod model;
mod postprocess;
mod queue;
mod size;
mod speed;
mod together;
mod turns;
mod unstored;
mod watching;
mod worker;

pub(crate) use foresight::Foresight;
pub(crate) use job::{Drawing, Job, Progress, Status, Ticket};
pub(crate) use limits::{Members, check, check_model};
pub(crate) use memory::Outcome;
pub(crate) use model::ModelInfo;
pub(crate) use queue::{Places, Queue};
pub(crate) use unstored::Unstored;
pub(crate) use worker::Worker;

use serde::{Deserialize, Serialize};

/// What is to be drawn, decided to the last seed: drawn again after a crash, it is the same picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) prompt: String,
    pub(crate) negative_prompt: Option<String>,
    /// Pixels of the finished picture.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// How many; picture i has seed + i.
    pub(crate) images: usize,
    pub(crate) seed: u64,
    /// `None`: as many as the model was made for.
    pub(crate) steps: Option<usize>,
    /// `None`: the model's own.
    pub(crate) guidance: Option<f32>,
    /// Scale, tau and alpha of attention guidance; `None`: as usual.
    pub(crate) nag_scale: Option<f32>,
    pub(crate) nag_tau: Option<f32>,
    pub(crate) nag_alpha: Option<f32>,
    /// The sampler, in the engine's word; `None`: the model's own.
    pub(crate) sampler: Option<String>,
    /// How the noise falls, in the engine's word; `None`: as the model wants it.
    pub(crate) sigmas: Option<String>,
    /// The share of fresh noise in every step; `None`: the sampler's own.
    pub(crate) eta: Option<f32>,
    /// Which levels of noise are picked, in the engine's word; `None`: as the model wants it.
    pub(crate) spacing: Option<String>,
    /// What the UNet predicts, in the engine's word; `None`: what the model says.
    pub(crate) prediction: Option<String>,
    /// What is read of the prompts besides their words, in the engine's word; `None`: as the server was started.
    pub(crate) prompt_syntax: Option<String>,
    /// What to do with long prompts, in the engine's word; `None`: as the server was started.
    pub(crate) long_prompts: Option<String>,
    /// How much more contrast the finished picture gets; `None` and 1 leave it as it is.
    pub(crate) contrast: Option<f32>,
    /// Whether files say how they were drawn; `None`: as the server was started.
    pub(crate) png_text: Option<bool>,
}
