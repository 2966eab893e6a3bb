//! Names that the server gives: random, so that one cannot be guessed from another.

/// Characters of an image's id after `image_`.
const LENGTH: usize = 24;

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The id of a named image, or of one behind a link: `image_` and 24 characters of a-z0-9.
pub(crate) fn new_image_id() -> String {
    let mut id = String::from("image_");
    while id.len() < "image_".len() + LENGTH {
        // 252 is the largest multiple of 36 in a byte: what lies beyond would favour the first letters.
        let even = random::<32>().into_iter().filter(|byte| *byte < 252);
        let letters = even.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        let missing = "image_".len() + LENGTH - id.len();
        id.extend(letters.take(missing));
    }
    id
}

/// The id of a generation, or of a picture in one.
pub(crate) fn new_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The name of a picture's file: 32 hexadecimal digits.
pub(super) fn new_file_name() -> String {
    format!("{:032x}", u128::from_le_bytes(random()))
}

/// Bytes that cannot be guessed.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("an operating system gives random bytes once it has started");
    bytes
}
