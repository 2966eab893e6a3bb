// What both cores of attention are given.

override Q_HALF: bool = false;
override K_HALF: bool = false;
override V_HALF: bool = false;
override Y_HALF: bool = false;

struct Params {
    /// Rows of this window, all of one image.
    queries: u32,
    /// The window's first row, within the image, where a query sees no key behind its own row; beyond all keys where
    /// it sees all of them.
    first_query: u32,
    keys: u32,
    heads: u32,
    head_dim: u32,
    /// Numbers in a row of q, k and v.
    pitch: u32,
    /// Rows that are bound before the first.
    q_skip: u32,
    k_skip: u32,
    v_skip: u32,
    y_skip: u32,
    /// log₂ e / √head_dim: powers of two are cheaper than of e.
    scale: f32,
    /// Numbers in a row of y.
    y_pitch: u32,
    /// Where in a row keys and values begin: they may be side by side with the queries, in one value.
    k_column: u32,
    v_column: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

/// Below every score, and far enough from the end of f32 that differences stay finite.
const NEVER: f32 = -1.0e30;
