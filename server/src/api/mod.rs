//! The routes: three documented families, and the server's own.

pub(crate) mod images;
pub(crate) mod leonardo;
pub(crate) mod openai;
pub(crate) mod service;

mod inputs;
mod loras;
mod picture;
#[cfg(test)]
mod tests;

use crate::route::Route;

/// The routes of the three families.
pub(crate) fn of_families() -> impl Iterator<Item = &'static Route> {
    [images::ROUTES, openai::ROUTES, leonardo::ROUTES].into_iter().flatten()
}

/// All routes, family by family.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    of_families().chain(service::ROUTES)
}
