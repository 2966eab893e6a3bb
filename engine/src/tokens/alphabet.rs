//! The alphabet that CLIP's vocabulary is written in. Nothing of the crate is used here: the build script reads this
//! file, too.

/// What CLIP's vocabulary has at the end of a token that ends a word.
pub(super) const END_OF_WORD: &str = "</w>";

/// GPT-2's alphabet: bytes that are printable in Latin-1 stand for themselves, the others in order for the
/// letters from U+0100 on, so that a vocabulary of bytes is readable text.
pub(super) fn byte_alphabet() -> [char; 256] {
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..);
    let mut others = '\u{100}'..;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if printable(byte) {
            char::from(byte)
        } else {
            others.next().expect("there are far more letters than bytes")
        }
    })
}

/// The token of every byte within a word, then that of every byte at its end.
pub(super) fn letters() -> impl Iterator<Item = String> {
    let ends = ["", END_OF_WORD];
    ends.into_iter().flat_map(|end| byte_alphabet().map(|letter| format!("{letter}{end}")))
}
