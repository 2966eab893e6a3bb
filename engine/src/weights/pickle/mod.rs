//! The pickle of a PyTorch file, read as data: what it says is looked at, and nothing that it names is ever called.
//!
//! A pickle is a program for a small stack machine. Of its instructions only those are known that a dictionary of
//! tensors needs, and of the names that they may ask for only those of tensors; everything else is refused by its name.
//! Values lie in one list and name each other by their places in it, so nothing here calls itself, however deep a
//! pickle is nested, and the list grows by one value an instruction at the most.

mod machine;
mod names;
mod opcode;
mod value;

pub(super) use machine::read;
pub(super) use value::{Place, Tensor, Value, Values};

#[cfg(test)]
mod tests;
