//! The HTTP server: three documented image APIs over one engine and one queue.
//!
//! Not written yet. The command line draws pictures without it, and nothing here pretends to
//! answer a request.
