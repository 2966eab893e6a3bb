//! The program as a user runs it: every test starts `fulmen` and looks at what it says and leaves behind.
#![cfg(test)]

mod commands;
mod events;
mod interrupts;
mod model_files;
mod outputs;
mod program;
mod prompts;
mod usage;
