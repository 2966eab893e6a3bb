// Reading rows of x, `var<storage, read> x: array<vec4u>`, with shared/half.wgsl.

override X_HALF: bool = false;

/// Eight neighbouring channels: the `place`-th eighth of what is bound.
fn load_x(place: u32) -> Eight {
    if X_HALF {
        return unpack_eight(x[place]);
    }
    return eight_from_bits(x[2u * place], x[2u * place + 1u]);
}
