//! What can be asked: three documented families of routes, and the server's own.

pub(crate) mod images;
pub(crate) mod leonardo;
pub(crate) mod openai;
pub(crate) mod service;

mod picture;

use crate::route::Route;

/// All routes, family by family.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    [images::ROUTES, openai::ROUTES, leonardo::ROUTES, service::ROUTES].into_iter().flatten()
}
