//! Operations that move numbers: to other sizes, out of tables, into a picture.

use super::Table;
use crate::graph::Shape;

/// Images, height, width, channels, and the height and width after.
const UPSAMPLE: [[usize; 6]; 8] = [
    [1, 1, 1, 1, 3, 2],
    [1, 4, 4, 8, 8, 8],
    [1, 3, 5, 20, 5, 9],
    [1, 9, 7, 33, 18, 14],
    [2, 7, 5, 11, 14, 10],
    [1, 13, 17, 24, 26, 33],
    [2, 9, 8, 40, 5, 19],
    [3, 16, 16, 16, 32, 32],
];

pub(super) fn resample(table: &mut Table) {
    for [images, height, width, channels, to_height, to_width] in UPSAMPLE {
        let variant = format!("{images}×{height}×{width}×{channels}→{to_height}×{to_width}");
        table.exact("upsample", &variant, move |f| {
            let x = f.x(Shape::image(images, height, width, channels));
            f.graph.upsample(x, to_height, to_width)
        });
    }
}

/// One pixel, odd sides, several images, more than a tiny window.
const PADDED: [Shape; 5] = [
    Shape::vector(1, 3),
    Shape::image(1, 8, 8, 16),
    Shape::image(2, 7, 5, 11),
    Shape::image(1, 5, 7, 33),
    Shape::image(3, 33, 30, 24),
];

pub(super) fn pad(table: &mut Table) {
    for shape in PADDED {
        for (by, wrap) in [([1, 1], [false, false]), ([1, 2], [true, true]), ([3, 0], [false, true])] {
            table.exact("pad", &format!("{shape} by {by:?}, wrapping {wrap:?}"), move |f| {
                let x = f.x(shape);
                f.graph.pad(x, wrap, by)
            });
        }
        for rows in [0..1, shape.height / 2..shape.height] {
            table.exact("rows", &format!("{rows:?} of {shape}"), move |f| {
                let x = f.x(shape);
                f.graph.rows(x, rows.clone())
            });
        }
        table.exact("convert", &shape.to_string(), move |f| {
            let x = f.x(shape);
            f.graph.convert(x)
        });
    }
}

/// Images, tokens, channels, words. The last table is larger than a tiny window.
const EMBED: [[usize; 4]; 5] =
    [[1, 1, 1, 1], [1, 1, 8, 100], [1, 77, 64, 100], [2, 7, 33, 100], [2, 77, 40, 2003]];

/// Images, tokens, channels.
const TAKE: [[usize; 3]; 5] = [[1, 1, 1], [1, 77, 64], [2, 7, 33], [3, 77, 40], [2, 77, 1280]];

pub(super) fn tokens(table: &mut Table) {
    for [images, tokens, channels, words] in EMBED {
        table.exact("embed", &format!("{images}×{tokens}×{channels} of {words}"), move |f| {
            // Neighbours read far places of the table; the last row is among them.
            let ids = (0..images * tokens).map(|i| (words - 1 + 37 * i) % words).map(|id| id as u32);
            let ids = f.ids(Shape::tokens(images, tokens, 1), ids.collect());
            let (table, places) = (f.weight(&[words, channels]), f.weight(&[tokens + 3, channels]));
            f.graph.embed(ids, &table, &places)
        });
    }
    for [images, tokens, channels] in TAKE {
        table.exact("take_token", &format!("{images}×{tokens}×{channels}"), move |f| {
            let x = f.x(Shape::tokens(images, tokens, channels));
            let last = (0..images).map(|image| (tokens - 1 - image) as u32).collect();
            let index = f.ids(Shape::vector(images, 1), last);
            f.graph.take_token(x, index)
        });
    }
}

pub(super) fn picture(table: &mut Table) {
    for [images, height, width] in [[1, 1, 1], [1, 8, 8], [2, 5, 7], [2, 61, 67]] {
        table.exact("picture", &format!("{images}×{height}×{width}"), move |f| {
            let shape = Shape::image(images, height, width, 3);
            // Four numbers to a grey level, from beyond black to beyond white; 16 bits hold them all.
            let values = (0..shape.len()).map(|i| ((i * 37) % 2400) as f32 / 1024.0 - 1.25);
            let x = f.values(shape, values.collect());
            f.graph.picture(x)
        });
    }
}
