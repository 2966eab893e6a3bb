//! upsample, pad and rows.

use fulmen_engine::graph::Shape;

use super::case::{Case, Given};
use super::check;

#[test]
fn upsampling_agrees() {
    let cases = [
        (Shape::image(1, 1, 1, 1), (3, 2)),
        (Shape::image(2, 7, 5, 11), (14, 10)),
        (Shape::image(1, 13, 17, 24), (26, 33)),
        (Shape::image(2, 9, 8, 40), (5, 19)),
        (Shape::image(3, 16, 16, 16), (32, 32)),
    ];
    for (shape, (height, width)) in cases {
        let name = format!("upsample {shape} to {height}×{width}");
        check(&Case::exact(name, vec![Given::Numbers(shape)]), &|g, x, _| g.upsample(x[0], height, width));
    }
}

#[test]
fn padding_agrees() {
    for shape in [Shape::image(1, 1, 1, 1), Shape::image(2, 7, 5, 11), Shape::image(3, 33, 30, 24)] {
        for (by, wrap) in [([1, 1], [true, true]), ([0, 3], [false, true]), ([2, 1], [false, false])] {
            let case = Case::exact(format!("pad {shape} by {by:?}"), vec![Given::Numbers(shape)]);
            check(&case, &|g, x, _| g.pad(x[0], wrap, by));
        }
    }
}

#[test]
fn rows_agree() {
    for (shape, rows) in [
        (Shape::image(1, 2, 1, 1), 1..2),
        (Shape::image(2, 7, 5, 11), 0..3),
        (Shape::image(3, 33, 30, 24), 4..33),
    ] {
        let case = Case::exact(format!("rows {rows:?} of {shape}"), vec![Given::Numbers(shape)]);
        check(&case, &|g, x, _| g.rows(x[0], rows.clone()));
    }
}
