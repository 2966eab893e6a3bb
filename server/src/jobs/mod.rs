//! The models' engines, one bounded queue in front of them, and one turn for each key.
//!
//! A handler takes a [`Place`] first, so that nothing is written down for a request that cannot be served, then submits
//! a [`Spec`]. The worker draws one job after the other, and several of one model and size together where that
//! draws larger pictures than they are; whoever waits sees its progress and can stop it.

mod engines;
mod finish;
mod foresight;
mod guides;
mod init;
mod job;
mod limits;
mod memory;
mod model;
mod models;
mod pictures;
mod postprocess;
mod queue;
mod rework;
mod size;
mod spec;
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
pub(crate) use models::{Known, Models};
pub(crate) use pictures::Pictures;
pub(crate) use queue::{Places, Queue};
pub(crate) use spec::{Axis, ControlSpec, ImagePromptSpec, InitSpec, MaskSpec, Rework, Spec};
pub(crate) use unstored::Unstored;
pub(crate) use worker::Worker;
