//! The program as a user runs it: every test starts `fulmen` and looks at what it says and leaves behind.
#![cfg(test)]
#![cfg_attr(not(unix), allow(dead_code, unused_imports, reason = "what only tests of Unix need"))]

mod after_pictures;
mod bench;
mod changed_files;
mod commands;
mod control;
mod events;
mod foreseen;
mod headless;
mod image_nets;
mod init;
mod interrupts;
#[cfg(unix)]
#[path = "../large/mod.rs"]
mod large;
#[path = "../lora/mod.rs"]
mod lora;
mod loras;
mod model_files;
mod outputs;
mod pipes;
mod program;
mod prompts;
mod settings;
#[cfg(unix)]
#[path = "../started/mod.rs"]
mod started;
mod tuning;
mod upscaling;
mod usage;
