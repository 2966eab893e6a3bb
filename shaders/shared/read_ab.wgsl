// Reading rows of a and b, `var<storage, read> a: array<vec4u>`, with shared/half.wgsl.

override A_HALF: bool = false;
override B_HALF: bool = false;

/// Eight neighbouring channels of a: the `place`-th eighth of what is bound.
fn load_a(place: u32) -> Eight {
    if A_HALF {
        return unpack_eight(a[place]);
    }
    return eight_from_bits(a[2u * place], a[2u * place + 1u]);
}

/// The same of b.
fn load_b(place: u32) -> Eight {
    if B_HALF {
        return unpack_eight(b[place]);
    }
    return eight_from_bits(b[2u * place], b[2u * place + 1u]);
}
