//! Ids in the shape that this family has, of what has names here.

use sha2::{Digest, Sha256};

/// The id of what has this name: always the same, and in the shape of a UUID.
pub(super) fn stable_id(kind: &str, name: &str) -> String {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
