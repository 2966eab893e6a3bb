//! Checkpoints as users have them, and as nobody should.

mod blocks;
mod demo;
mod dialects;
mod folders;
mod gguf;
mod guides;
mod hostile;
mod inventory;
mod kinds;
mod lora;
mod make;
mod mutations;
mod overlay;
mod pickled;
mod places;
mod quantised;
mod recognise;
mod synthetic;
mod tiny_vae;
mod upscalers;
mod weight;
