//! upsample and downsample.

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
fn downsampling_agrees() {
    for shape in [
        Shape::image(1, 2, 2, 1),
        Shape::image(2, 7, 5, 11),
        Shape::image(3, 33, 30, 24),
        Shape::image(1, 64, 62, 16),
    ] {
        let case = Case::exact(format!("downsample {shape}"), vec![Given::Numbers(shape)]);
        check(&case, &|g, x, _| g.downsample(x[0]));
    }
}
