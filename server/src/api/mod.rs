//! What can be asked: three documented families of routes, and the server's own.

pub(crate) mod images;
pub(crate) mod leonardo;
pub(crate) mod openai;
pub(crate) mod service;

mod picture;
