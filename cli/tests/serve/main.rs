//! `fulmen serve` as its users meet it: real processes on loopback, started, used, killed and started again.
#![cfg(test)]

mod crash;
mod fairness;
mod images;
mod lifecycle;
mod load;
mod logs;
mod openai;
mod server;
mod signals;
#[path = "../started/mod.rs"]
mod started;
