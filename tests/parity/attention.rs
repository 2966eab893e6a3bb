//! attention, with heads of every width.

use fulmen_engine::graph::Shape;

use super::case::{Case, Given, Numbers};
use super::check;

/// `[images, queries, keys]` and `[heads, head_dim]`.
fn attention([images, queries, keys]: [usize; 3], [heads, head_dim]: [usize; 2], causal: bool) {
    let q = Shape::tokens(images, queries, heads * head_dim);
    let k = Shape::tokens(images, keys, heads * head_dim);
    let given = vec![Given::Numbers(q), Given::Numbers(k), Given::Numbers(k)];
    let kind = if causal { "causal " } else { "" };
    let name = format!("{kind}attention of {q} to {k}, {heads} heads");
    check(&Case::random(name, given), &|g, x, _| g.attention(x[0], x[1], x[2], heads, causal));
}

/// The UNet's and the text encoders' heads; tiles of 64 and 128 queries and one more or less.
#[test]
fn attention_agrees_at_heads_of_64() {
    attention([1, 64, 64], [2, 64], false);
    attention([2, 65, 77], [3, 64], false);
    attention([1, 127, 33], [1, 64], false);
    attention([1, 257, 129], [1, 64], false);
    attention([1, 1, 1], [1, 64], false);
}

#[test]
fn causal_attention_agrees() {
    attention([2, 77, 77], [2, 64], true);
    attention([1, 150, 150], [1, 8], true);
    attention([2, 33, 33], [3, 5], true);
    attention([1, 1, 1], [1, 1], true);
}

/// Heads that are not whole vectors, that share words of halves, or that are wider than a tile.
#[test]
fn attention_agrees_at_heads_of_other_widths() {
    attention([1, 1, 1], [1, 1], false);
    attention([2, 30, 50], [7, 1], false);
    attention([2, 70, 50], [3, 5], false);
    attention([1, 33, 70], [3, 6], false);
    attention([1, 65, 129], [2, 40], false);
    attention([1, 20, 33], [2, 67], false);
    attention([1, 20, 100], [1, 200], false);
    attention([2, 40, 70], [1, 512], false);
    attention([1, 9, 40], [2, 160], false);
}

/// The VAE's only head, with more than one block of queries.
#[test]
fn attention_agrees_at_one_wide_head() {
    attention([1, 150, 100], [1, 512], false);
}

/// Scores in the hundreds: without the running maximum they would overflow.
#[test]
fn attention_survives_large_scores() {
    let shape = Shape::tokens(1, 80, 128);
    let mut numbers = Numbers::new(11);
    let mut far = || (0..shape.len()).map(|_| 8.0 * numbers.next(false)).collect::<Vec<f32>>();
    let given = vec![Given::Values(shape, far()), Given::Values(shape, far()), Given::Numbers(shape)];
    check(&Case::random("attention with large scores", given), &|g, x, _| {
        g.attention(x[0], x[1], x[2], 2, false)
    });
}

/// Rows whose guidance is held back and rows whose is not, an image without any, and one of zeros, whose
/// norm nothing may be divided by.
#[test]
fn guidance_agrees() {
    for [pixels, channels] in [[1, 1], [37, 24], [130, 320], [5, 1283]] {
        let shape = Shape::tokens(3, pixels, channels);
        let mut numbers = Numbers::new(13);
        let mut values: Vec<f32> = (0..shape.len()).map(|_| numbers.next(false)).collect();
        values[..channels].fill(0.0);
        let guidance = vec![5.0, 2.5, 0.25, 2.0, 3.0, 0.5, 4.0, 1.0, 0.0];
        let given = vec![
            Given::Values(shape, values),
            Given::Numbers(shape),
            Given::Parameters(Shape::vector(3, 3), guidance),
        ];
        check(&Case::random(format!("guide {shape}"), given), &|g, x, _| g.guide(x[0], x[1], x[2]));
    }
}
