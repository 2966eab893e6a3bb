mod hosts;
mod keyring;
mod links;
mod listen;
mod new_key;
mod origins;

use std::path::PathBuf;

use crate::config::{Config, Keys, Limits, ModelConfig, Work};
use crate::http::Client;
use crate::http::{Method, Request};

const HOST: &str = "127.0.0.1:8188";

/// A request with these headers.
fn request(method: Method, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (id, path) = ("request".to_owned(), "/".to_owned());
    Request {
        id,
        method,
        path,
        query: vec![],
        headers,
        body: vec![].into(),
        client: Client::default(),
        memory: crate::budget::Memory::default(),
    }
}

/// What an operator decides who decides nothing.
fn config() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 8188).into(),
        models: vec![ModelConfig::default()],
        data: PathBuf::new(),
        queue: 16,
        work: Work::default(),
        max_storage: None,
        accept_loss: false,
        keys: Keys::default(),
        cors_origins: vec![],
        public_url: None,
        trusted_proxies: vec![],
        hosts: vec![],
        png_text: true,
        limits: Limits::default(),
    }
}

/// What an operator decides who gives the server names.
fn named() -> Config {
    let public_url = Some("https://Draw.Example.org/fulmen/".into());
    Config { public_url, hosts: vec!["box.local".into(), "Other.example".into()], ..config() }
}
