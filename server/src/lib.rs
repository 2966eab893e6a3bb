//! The HTTP server: three documented image APIs over one engine and one queue.
//!
//! The modules stand in the order in which a request passes through them:
//!
//! ```text
//! socket → gate → http (tiny_http) → routes → auth → api (fields) → jobs → engine
//!                                                        ↓            ↓
//!                                                      store ←────── pictures
//! ```
//!
//! `gate` owns the public socket and lets only whole, well-formed requests through. `routes` is the table of
//! all routes; each family of `api` has its fields, its answers and its shape of error. `jobs`
//! is the bounded queue in front of the one engine. `store` keeps what was acknowledged.

mod address;
mod allocator;
mod api;
mod app;
mod auth;
mod budget;
mod capacity;
mod clock;
mod config;
mod crew;
mod error;
mod fields;
mod gate;
mod http;
mod jobs;
mod log;
mod metrics;
mod mount;
mod multipart;
mod page;
mod path;
mod problem;
mod route;
mod routes;
mod running;
mod store;
mod warning;

pub use address::{AllowedOrigin, Network};
pub use auth::{NewKey, new_key};
pub use config::{Config, Keys, Limits, ModelConfig, Nets, Work};
pub use error::{Error, Result};
pub use log::{LogFormat, finish_log, log_in_background, log_to_stderr, tell, tell_failure, tell_warning};
pub use running::{Running, start};
pub use store::{BackedUp, BackupProgress, backup};
