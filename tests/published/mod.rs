//! Numbers that others published, met by our layers on every backend.
//!
//! Inputs and weights come from torch's generator alone, so nothing here was made with our own code.
//! Source: huggingface/diffusers, `tests/models/test_layers_utils.py` and
//! `tests/models/unets/test_unet_2d_blocks.py`, commit of 2026-08-23. A slice is
//! `out[0, -1, -3:, -3:]`: first image, last channel, the bottom right 3×3.

mod blocks;
mod layers;
mod torch;
