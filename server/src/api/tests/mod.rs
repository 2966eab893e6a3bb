//! What every documented member does: a test for each, which fails once it does nothing. The tables of fields say which
//! there are, so that none can be without a test; `docs/fields.md` is made of the same tables.

mod bench;
mod drawn;
mod elements;
mod guides;
mod hostile;
mod images;
mod init;
mod leonardo;
#[path = "../../../../cli/tests/lora/mod.rs"]
mod lora;
mod manual;
mod nets;
mod openai;
mod own;
mod recipes;
mod variations;

use crate::fields::Field;
use crate::route::Route;

/// Tests of members, and their names in the order of the table.
macro_rules! tested {
    ($($member:literal is $name:ident |$bench:pat_param| $body:block)*) => {
        /// The members that have a test here.
        pub(super) const TESTED: &[&str] = &[$($member),*];

        $(#[test]
        fn $name() {
            let $bench = &$crate::api::tests::bench::Bench::new();
            $body
        })*
    };
}
use tested;

/// A documented request: what it is called, the members of its document that come first in its table, and the tests.
struct Document {
    title: &'static str,
    fields: &'static [Field],
    tested: Vec<&'static str>,
}

/// All three. Members of a table behind the documented ones are this server's own.
fn documents() -> [Document; 3] {
    let fields = |routes: &'static [Route], path: &str| {
        let route = routes.iter().find(|route| route.doc.fields.is_some() && route.paths.contains(&path));
        route.and_then(|route| route.doc.fields).unwrap()
    };
    let of = |title, fields: &'static [Field], documented: usize, tested: &[&[&'static str]]| Document {
        title,
        fields: &fields[..documented],
        tested: tested.concat(),
    };
    let [imagine, generate, create] = ["/v1/images/imagine", "/api/images/generations", "/generations"];
    [
        of(imagine, fields(super::images::ROUTES, imagine), 4, &[images::TESTED]),
        of(generate, fields(super::openai::ROUTES, generate), 8, &[openai::TESTED]),
        of(
            create,
            fields(super::leonardo::ROUTES, create),
            49,
            &[leonardo::TESTED, recipes::TESTED, guides::TESTED, init::TESTED],
        ),
    ]
}

/// A request of the service's clients that no document describes.
fn universal_upscaler() -> Document {
    let path = "/variations/universal-upscaler";
    let route = super::leonardo::ROUTES.iter().find(|route| route.paths.contains(&path)).unwrap();
    Document { title: path, fields: route.doc.fields.unwrap(), tested: variations::TESTED.to_vec() }
}
