//! A small LoRA in kohya's names.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Two layers of the demo model with 96 inputs and outputs, and one that it does not have.
pub(crate) const TO_Q: &str = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
pub(crate) const PROJ_IN: &str = "lora_unet_up_blocks_0_attentions_0_proj_in";
pub(crate) const ABSENT: &str = "lora_unet_mid_block_attentions_7_proj_in";

const SIDE: usize = 96;
const RANK: usize = 2;

/// Writes one that changes these layers visibly; its bytes.
pub(crate) fn write(path: &Path, layers: &[&str]) -> Vec<u8> {
    let (mut header, mut numbers) = (Map::new(), Vec::<u8>::new());
    for layer in layers {
        for (role, shape) in [("down", [RANK, SIDE]), ("up", [SIDE, RANK])] {
            let start = numbers.len();
            let values = (0..RANK * SIDE).map(|i| 0.3 * (i as f32).sin());
            numbers.extend(values.flat_map(f32::to_le_bytes));
            let about = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, numbers.len()]});
            header.insert(format!("{layer}.lora_{role}.weight"), about);
        }
    }
    let header = Value::from(header).to_string();
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, &bytes).unwrap();
    bytes
}
