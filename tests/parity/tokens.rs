//! embed and take_token.

use fulmen_engine::graph::Shape;

use super::case::{Case, Given};
use super::check;

#[test]
fn embeddings_agree() {
    // The last table is larger than a tiny window.
    for (vocabulary, tokens, channels) in [(1, 1, 1), (11, 5, 13), (2003, 77, 40)] {
        let given = vec![Given::Ids(Shape::tokens(2, tokens, 1), vocabulary)];
        let case = Case::exact(format!("embed {vocabulary} × {channels}"), given);
        check(&case, &|g, x, w| {
            let table = w.make(&[vocabulary as usize, channels]);
            let positions = w.make(&[tokens + 3, channels]);
            g.embed(x[0], &table, &positions)
        });
    }
}

#[test]
fn tokens_are_taken() {
    for (images, tokens, channels) in [(1, 1, 1), (3, 77, 40), (2, 77, 1280)] {
        let given = vec![
            Given::Numbers(Shape::tokens(images, tokens, channels)),
            Given::Ids(Shape::vector(images, 1), tokens as u32),
        ];
        let case = Case::exact(format!("take_token {images} × {tokens} × {channels}"), given);
        check(&case, &|g, x, _| g.take_token(x[0], x[1]));
    }
}
