// Eight neighbouring channels, stored as pairs of halves or as f32.
//
// A row of a value has a multiple of eight numbers. In halves, eight are one vec4<u32> (the lower
// channel in the low half of a word), in f32 they are two. `unpack2x16float` needs no feature and
// runs everywhere; native f16 was slower on the software driver.

/// Eight neighbouring channels in f32.
struct Eight {
    lo: vec4f,
    hi: vec4f,
}

/// Eight channels from four pairs of halves.
fn unpack_eight(words: vec4u) -> Eight {
    return Eight(
        vec4f(unpack2x16float(words.x), unpack2x16float(words.y)),
        vec4f(unpack2x16float(words.z), unpack2x16float(words.w)),
    );
}

/// Four pairs of halves from eight channels, rounded to nearest even.
fn pack_eight(value: Eight) -> vec4u {
    return vec4u(
        pack2x16float(value.lo.xy),
        pack2x16float(value.lo.zw),
        pack2x16float(value.hi.xy),
        pack2x16float(value.hi.zw),
    );
}

/// Eight channels from two vectors of f32 bits.
fn eight_from_bits(lo: vec4u, hi: vec4u) -> Eight {
    return Eight(bitcast<vec4f>(lo), bitcast<vec4f>(hi));
}
