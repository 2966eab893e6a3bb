//! Operations that move numbers: to other sizes, out of tables, into a picture.

use super::Table;
use crate::graph::Shape;

/// Height, width, channels, and the height and width after.
const UPSAMPLE: [[usize; 5]; 4] = [[1, 1, 3, 2, 2], [4, 4, 8, 8, 8], [3, 5, 20, 5, 9], [9, 7, 33, 18, 14]];

pub(super) fn resample(table: &mut Table) {
    for [height, width, channels, to_height, to_width] in UPSAMPLE {
        let variant = format!("{height}×{width}×{channels}→{to_height}×{to_width}");
        table.add("upsample", &variant, |f| {
            let x = f.x(Shape::image(1, height, width, channels));
            f.graph.upsample(x, to_height, to_width)
        });
    }
}

pub(super) fn pad(table: &mut Table) {
    let shapes =
        [Shape::vector(1, 3), Shape::image(1, 8, 8, 16), Shape::image(1, 5, 7, 33), Shape::image(2, 6, 9, 8)];
    for shape in shapes {
        for (by, wrap) in [([1, 1], [false, false]), ([1, 2], [true, true]), ([3, 0], [false, true])] {
            table.add("pad", &format!("{shape} by {by:?}, wrapping {wrap:?}"), |f| {
                let x = f.x(shape);
                f.graph.pad(x, wrap, by)
            });
        }
        for rows in [0..1, shape.height / 2..shape.height] {
            table.add("rows", &format!("{rows:?} of {shape}"), |f| {
                let x = f.x(shape);
                f.graph.rows(x, rows.clone())
            });
        }
        table.add("convert", &shape.to_string(), |f| {
            let x = f.x(shape);
            f.graph.convert(x)
        });
    }
}

pub(super) fn tokens(table: &mut Table) {
    for [images, tokens, channels] in [[1, 1, 8], [1, 77, 64], [2, 7, 33]] {
        let variant = format!("{images}×{tokens}×{channels}");
        table.add("embed", &variant, |f| {
            // Neighbours read far places of the table; the last row is among them.
            let ids = (0..images * tokens).map(|i| (99 - 37 * i as i64).rem_euclid(100) as u32).collect();
            let ids = f.ids(Shape::tokens(images, tokens, 1), ids);
            let (words, places) = (f.weight(&[100, channels]), f.weight(&[tokens + 3, channels]));
            f.graph.embed(ids, &words, &places)
        });
        table.add("take_token", &variant, |f| {
            let x = f.x(Shape::tokens(images, tokens, channels));
            let last = (0..images).map(|image| (tokens - 1 - image) as u32).collect();
            let index = f.ids(Shape::vector(images, 1), last);
            f.graph.take_token(x, index)
        });
    }
}

pub(super) fn picture(table: &mut Table) {
    for [images, height, width] in [[1, 1, 1], [1, 8, 8], [2, 5, 7]] {
        table.add("picture", &format!("{images}×{height}×{width}"), |f| {
            let x = f.x(Shape::image(images, height, width, 3));
            f.graph.picture(x)
        });
    }
}
