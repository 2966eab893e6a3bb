//! Checkpoints as users have them, and as nobody should.

mod demo;
mod inventory;
