//! `fulmen serve`.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use fulmen_engine::Options;
use fulmen_server::{
    Config, Keys, Limits, LogFormat, ModelConfig, Running, Work, log_in_background, log_to_stderr, new_key,
    start,
};

use crate::args::{LogArg, ModelArg, ServeArgs};
use crate::console;
use crate::failure::Failure;
use crate::signals;

/// A key for all, in the clear.
const KEY: &str = "FULMEN_API_KEY";

/// A key that only reads metrics, in the clear.
const METRICS_KEY: &str = "FULMEN_METRICS_KEY";

/// Serves until a signal comes.
pub(crate) fn run(args: ServeArgs) -> Result<(), Failure> {
    if let Some(name) = &args.new_key {
        return print_new_key(name, &args);
    }
    // Before there are other threads, and so that no signal is lost while the model is read.
    let stop = stop_signals()?;
    log_to_stderr(match args.log {
        LogArg::Text => LogFormat::Text,
        LogArg::Json => LogFormat::Json,
    });
    log_in_background();
    let server = start(config(args)?)?;
    greet(&server);
    stop.recv().expect("the handler of signals lives as long as the process");
    console::err("fulmen: stopping; what is being drawn is finished first, at most half a minute");
    server.stop();
    Ok(())
}

fn config(args: ServeArgs) -> Result<Config, Failure> {
    let models = models(&args)?;
    let key = variable(KEY)?;
    let metrics = args.metrics_key.map_or_else(|| variable(METRICS_KEY), |key| Ok(Some(key)))?;
    let data = data_directory(args.data.as_ref())?;
    Ok(Config {
        listen: args.listen.address,
        models,
        data,
        queue: args.queue.into(),
        work: Work {
            jobs_per_key: args.max_jobs_per_key.into(),
            pixels: args.max_pixels,
            steps: args.max_steps.into(),
            time: Duration::from_secs(args.max_seconds.into()),
        },
        max_storage: args.max_storage,
        accept_loss: args.accept_loss,
        keys: Keys { file: args.api_keys, key, metrics, no_auth: args.no_auth },
        cors_origins: args.cors_origins,
        public_url: args.public_url,
        trusted_proxies: args.trusted_proxies,
        // What the server listens at by name, it is asked by that name too.
        hosts: args.hosts.into_iter().chain(args.listen.name).collect(),
        png_text: args.png_text.is_full(),
        limits: Limits::default(),
    })
}

/// What draws. The device, the folder of LoRAs and the defaults of requests are those of every model; parts and LoRAs
/// are laid over the first.
fn models(args: &ServeArgs) -> Result<Vec<ModelConfig>, Failure> {
    let of_all = Options {
        preview_vae: args.parts.preview_vae.clone(),
        lora_folder: args.lora_dir.clone(),
        device: args.device.device()?,
        precision: args.precision.map(Into::into),
        defaults: args.drawing.request(),
        ..args.memory.options()
    };
    let nets = args.nets.nets()?;
    let given = args.models.iter().map(|ModelArg { id, path }| (id.clone(), Some(path.clone())));
    let mut models: Vec<ModelConfig> = given
        .map(|(id, model)| ModelConfig {
            id,
            engine: Options { model, ..of_all.clone() },
            nets: nets.clone(),
        })
        .collect();
    if models.is_empty() {
        models.push(ModelConfig { id: None, engine: of_all, nets });
    }
    models[0].engine.parts = args.parts.paths();
    models[0].engine.loras.clone_from(&args.loras);
    Ok(models)
}

/// What stands in a variable of the environment, if anything does.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Failure::Usage(format!("{name}: {error}"))),
    }
}

/// Where records and pictures are kept.
pub(crate) fn data_directory(asked: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    let data = asked.cloned().or_else(|| Some(dirs::data_dir()?.join("fulmen")));
    data.ok_or_else(|| Failure::Usage("this user has no data folder; give one with --data".into()))
}

/// The first line is for programs that wait for the server: `listening at http://…`.
fn greet(server: &Running) {
    let names: Vec<&str> = server.models().map(|(name, _)| name).collect();
    console::err(&format!("listening at http://{}", server.address()));
    let who = if server.has_keys() { "a key is needed" } else { "no key is needed" };
    let (draws, device) = (names.join(", "), server.device());
    console::err(&format!("drawing {draws} on {device}; {who}; Ctrl-C stops"));
    server.loras().iter().for_each(|line| console::err(line));
    for (name, usual) in server.models() {
        let by = if names.len() > 1 { format!(" by {name}") } else { String::new() };
        console::err(&format!("requests that do not say otherwise are drawn{by} in {}", usual.line()));
        usual.warnings.iter().for_each(|warning| console::warn(&warning.to_string()));
    }
    console::err(server.capacity_line());
}

/// The first signal comes out of this; the second ends the process at once. What was acknowledged survives that too.
fn stop_signals() -> Result<mpsc::Receiver<()>, Failure> {
    let (send, receive) = mpsc::channel();
    let mut stopping = false;
    let handler = move || {
        if stopping {
            signals::end_at_once();
        }
        stopping = true;
        send.send(()).ok();
    };
    signals::stand_alone();
    signals::on_stop(handler)
        .map_err(|error| Failure::Run(format!("no signal can be waited for: {error}")))?;
    Ok(receive)
}

fn print_new_key(name: &str, args: &ServeArgs) -> Result<(), Failure> {
    let made = new_key(name, args.api_keys.as_deref())?;
    console::out(&made.key);
    match &args.api_keys {
        Some(file) => {
            console::err(&format!("its line is in {}; the key is shown this once", file.display()));
        }
        None => console::err(&format!(
            "the key is shown this once; put this line into the file of keys:\n{}",
            made.line
        )),
    }
    Ok(())
}
