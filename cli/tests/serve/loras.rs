//! LoRAs of a server's model and of its callers' prompts: what its log and its answers say of them.

use serde_json::json;

use super::lora::{self, ABSENT, PROJ_IN, TO_Q};
use super::server::Server;

#[cfg(unix)]
#[test]
fn how_much_of_a_lora_is_in_the_model_is_told_to_the_operator_and_to_callers() {
    let data = tempfile::tempdir().unwrap();
    let [whole, part, loras] =
        ["whole.safetensors", "part.safetensors", "loras"].map(|at| data.path().join(at));
    lora::write(&whole, &[TO_Q, PROJ_IN]);
    lora::write(&part, &[ABSENT, TO_Q]);
    lora::write(&loras.join("fox.safetensors"), &[TO_Q]);
    lora::write(&loras.join("wolf.safetensors"), &[PROJ_IN, ABSENT]);
    let [whole, part, loras] = [&whole, &part, &loras].map(|path| path.to_str().unwrap());
    let arguments = ["--lora", whole, "--lora", part, "--lora-dir", loras];
    let mut server = Server::start(&data.path().join("data"), &arguments);
    let draw = |prompt: &str| {
        let answer =
            server.post("/v1/images/generations", &json!({"prompt": prompt, "size": "64x64", "steps": 1}));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["warnings"].clone()
    };
    assert_eq!(draw("a circle <lora:fox:0.5>"), json!(null));
    let of_wolf =
        format!("`prompt` asks for the LoRA `wolf`: 1 of 2 modules used; `{ABSENT}` is not in the model");
    for _ in 0..2 {
        assert_eq!(draw("a circle <lora:wolf:1>"), json!([of_wolf]));
    }
    server.terminate();
    let log = server.whole_log();
    for line in [
        "whole.safetensors, weight 1: 2 of 2 modules used",
        "part.safetensors, weight 1: 1 of 2 modules used",
        &format!("part.safetensors: 1 of 2 modules used; `{ABSENT}` is not in the model"),
        "fox.safetensors, weight 0.5: 1 of 1 modules used",
        &format!("wolf.safetensors: 1 of 2 modules used; `{ABSENT}` is not in the model"),
    ] {
        let told = log.lines().filter(|said| said.contains(line)).count();
        assert_eq!(told, 1, "`{line}` in {log}");
    }
}
