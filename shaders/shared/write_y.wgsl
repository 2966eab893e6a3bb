// Writing rows of y, `var<storage, read_write> y: array<vec4u>`, with shared/half.wgsl.

override Y_HALF: bool = false;

/// Eight neighbouring channels: the `place`-th eighth of what is bound.
fn store_y(place: u32, value: Eight) {
    if Y_HALF {
        y[place] = pack_eight(value);
    } else {
        y[2u * place] = bitcast<vec4u>(value.lo);
        y[2u * place + 1u] = bitcast<vec4u>(value.hi);
    }
}
