//! Nets that guide a picture by another one: ControlNets and T2I-Adapters.
//!
//! A ControlNet (Zhang et al. 2023, arXiv 2302.05543) is the UNet's encoder again with weights of its own. It runs at every
//! step, beside the UNet and in its graph, and adds to the skips. Its hint net, which sees the picture, is run once for a
//! picture. A T2I-Adapter (Mou et al. 2023, arXiv 2302.08453) is convolutions alone, which are run once.

mod about;
mod adapter;
mod config;
mod hint;
mod net;
mod open;
mod union;

pub use about::{GuideAbout, about};
pub(crate) use adapter::{AdapterConfig, halved};
pub(crate) use config::{ControlNetConfig, NetSize};
pub(crate) use net::{FACTORS, HINT, TYPE, input_name};
pub(crate) use open::{GuideNet, Network};
pub(crate) use union::Union;
