//! `fulmen serve` as its users meet it: real processes on loopback, started, used, killed and started again.
#![cfg(test)]
#![cfg_attr(not(unix), allow(dead_code, unused_imports, reason = "what only tests of Unix need"))]

mod backup;
mod changed_files;
mod crash;
mod edits;
mod fairness;
mod images;
mod keys;
#[cfg(unix)]
#[path = "../large/mod.rs"]
mod large;
mod lifecycle;
mod limits;
mod load;
mod logs;
#[path = "../lora/mod.rs"]
mod lora;
mod loras;
mod memory;
mod metrics;
mod models;
mod names;
mod openai;
mod paths;
mod pictures;
mod privacy;
mod raw;
mod recovery;
mod server;
mod signals;
#[path = "../started/mod.rs"]
mod started;
mod storage;
mod together;
mod uploads;
mod variations;
mod warnings;
