//! `docs/fields.md`, written from the tables of fields.

use std::collections::BTreeSet;
use std::fs;

use super::own::TESTED;
use super::{Document, documents, universal_upscaler};
use crate::api::images;
use crate::fields::{Field, Support, row};

/// Where it stands.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fields.md");

/// The variable that has it written anew.
const WRITE: &str = "FULMEN_WRITE_FIELDS";

const INTRODUCTION: &str = "\
# What every documented field does

The three documents that `fulmen serve` implements have 61 request fields. This page says what each does here; it is written from the tables that check requests and describe them in
`/openapi.json`, and a test of each field fails if it stops doing that. Recipes are written in the numbers that they are drawn with: contrast and saturation are factors, shares are of the whole.
`null` means absent. Other members that the server understands, its own, stand in `/openapi.json`. At the end stands a request of the third document's service that its clients know and no document
describes.
";

/// The page.
fn page() -> String {
    let sections = documents().into_iter().chain([universal_upscaler()]).map(|Document { title, fields, .. }| {
        let rows: String = fields.iter().map(row).collect();
        format!("\n## `POST {title}`\n\n| field | may be | default | what it does |\n| --- | --- | --- | --- |\n{rows}")
    });
    format!("{INTRODUCTION}{}", sections.collect::<String>())
}

#[test]
fn the_page_is_what_the_tables_say() {
    let page = page();
    if std::env::var_os(WRITE).is_some() {
        fs::write(FILE, &page).unwrap();
    }
    let written = fs::read_to_string(FILE).unwrap_or_default().replace("\r\n", "\n");
    let differs = written.lines().zip(page.lines()).find(|(written, made)| written != made);
    assert!(
        written == page,
        "docs/fields.md is stale at {differs:?}; `{WRITE}=1 cargo test --release --workspace --lib -- the_page_is_what` \
         writes it"
    );
}

#[test]
fn every_member_of_imagine_that_is_its_own_has_its_test() {
    let fields = images::ROUTES.iter().find_map(|route| route.doc.fields).unwrap();
    let place = |name| fields.iter().position(|field| field.name == name).unwrap();
    // From `model` on they say how to draw, as those of the second family.
    let own = &fields[place("image")..place("model")];
    let names: BTreeSet<_> = own.iter().map(|field| field.name).collect();
    assert_eq!(names, TESTED.iter().copied().collect());
}

/// A field that does nothing yet, and says so.
fn is_waiting(field: &&Field) -> bool {
    matches!(field.support, Support::Lacking(_) | Support::Hint(_))
}

#[test]
fn every_documented_field_has_its_test_and_there_are_61() {
    let count: usize = documents().iter().map(|document| document.fields.len()).sum();
    assert_eq!(count, 61);
    for Document { title, fields, tested } in documents().into_iter().chain([universal_upscaler()]) {
        let working: BTreeSet<_> =
            fields.iter().filter(|field| !is_waiting(field)).map(|field| field.name).collect();
        let with_a_test: BTreeSet<_> = tested.iter().copied().collect();
        assert_eq!(working, with_a_test, "{title}");
        assert_eq!(tested.len(), working.len(), "{title}: one each");
    }
}
