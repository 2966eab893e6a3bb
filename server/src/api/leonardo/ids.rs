//! Ids in the shape that this family has, of what has names here.

use sha2::{Digest, Sha256};

/// The id of what has this name: always the same, and in the shape of a UUID.
pub(super) fn stable_id(kind: &str, name: &str) -> String {
    uuid::Builder::from_custom_bytes(digest(kind, name)).into_uuid().to_string()
}

/// The same as a number that every client can hold.
pub(super) fn stable_number(kind: &str, name: &str) -> u64 {
    let [a, b, c, d, e, f, ..] = digest(kind, name);
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn digest(kind: &str, name: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}
