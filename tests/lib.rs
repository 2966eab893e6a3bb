//! Tests across crates: published numbers, parity of backends, reference runs of diffusers.
#![cfg(test)]

mod colours;
mod configs;
mod control;
mod demo;
mod devices;
mod drawing;
mod edits;
mod encoder;
mod full_size;
mod golden;
mod house;
mod img2img;
mod init;
mod ip_adapter;
mod ladder;
mod layer_diffuse;
mod negative;
mod noise;
mod parity;
mod pictures;
mod prompts;
mod published;
mod sampler;
mod samplers;
mod schedule;
mod selftest;
mod shaders;
mod taesd;
mod tiling;
mod tiny;
mod tiny_vae;
mod together;
mod tokens;
mod upscalers;
mod vaes;
