//! VAEs in strips against the same whole, on every backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fulmen_engine::backend::{Backend, CancelToken, HostTensor, Peak, Program};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::{Event, VaeStrips, Watch};
use fulmen_engine::graph::{Element, Graph, Shape, Tiling};
use fulmen_engine::init::Init;
use fulmen_engine::noise::TorchRng;
use fulmen_engine::picture::Picture;
use fulmen_engine::strips::{Height, StripProgram};
use fulmen_engine::vae::{TinyConfig, TinyDecoder, TinyEncoder, VaeConfig, VaeDecoder, VaeEncoder};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Error, Options, Request};
use serde_json::{Value, json};

use super::devices::backends;
use super::encoder::vae;

/// Of a value's range: three times the 1.8e-6 that were measured.
const APART: f32 = 5.4e-6;

/// The same where values are kept in 16 bits: a number that lies between two of these may be rounded to either.
/// 1.9e-3 were measured.
const APART_F16: f32 = 5.7e-3;

const TILINGS: [Tiling; 4] = [
    Tiling { x: false, y: false },
    Tiling { x: true, y: false },
    Tiling { x: false, y: true },
    Tiling { x: true, y: true },
];

fn run(program: &mut dyn Program, inputs: &[(&str, &HostTensor)]) -> HostTensor {
    program.run(inputs, &CancelToken::default()).expect("it runs").pop().expect("an output")
}

/// By how much strips make something else than the whole graph makes, at its last output, of its range.
fn apart(backend: &dyn Backend, graph: &Arc<Graph>, height: Height, input: (&str, &HostTensor)) -> f32 {
    let whole = run(backend.compile(graph.clone()).expect("it compiles").as_mut(), &[input]);
    let mut strips = StripProgram::compile(backend, graph.clone(), height).expect("it compiles");
    let strips = run(&mut strips, &[input]);
    difference(&whole, &strips)
}

/// Of the first one's range.
fn difference(whole: &HostTensor, strips: &HostTensor) -> f32 {
    assert_eq!(whole.shape, strips.shape);
    let range = whole.as_f32().iter().fold(0.0f32, |range, value| range.max(value.abs()));
    let apart = whole.as_f32().iter().zip(strips.as_f32()).map(|(a, b)| (a - b).abs());
    // What is not a number is infinitely far.
    apart.map(|apart| if apart.is_nan() { f32::INFINITY } else { apart }).fold(0.0, f32::max) / range
}

/// Checks a graph in strips of several heights on all backends. `graph` is given how values are stored and where the
/// picture continues.
fn check(what: &str, input: (&str, Shape), graph: impl Fn(Element, Tiling) -> Graph, elements: &[Element]) {
    let values = HostTensor::f32(input.1, TorchRng::seed(7).normals(input.1.len()));
    let mut wrong = vec![];
    for backend in backends() {
        for (tiling, element) in TILINGS.iter().flat_map(|t| elements.iter().map(move |e| (*t, *e))) {
            let graph = Arc::new(graph(element, tiling));
            for height in [Height::Every(1), Height::Every(2), Height::Every(3), Height::Largest(1)] {
                let apart = apart(backend.as_ref(), &graph, height, (input.0, &values));
                let most = if element == Element::F16 { APART_F16 } else { APART };
                wrong.extend((apart > most).then(|| {
                    format!(
                        "{what} in {height:?} of {tiling:?} {element:?} on {}: {apart:.1e}",
                        backend.name()
                    )
                }));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn kl(case: &str, change: &[(&str, Value)]) -> (VaeDecoder, VaeEncoder) {
    let (config, weights) = vae(case, change);
    let config: VaeConfig = serde_json::from_value(config).expect("a configuration");
    let encoder = VaeEncoder::load(&weights, &config).expect("it was just made");
    (VaeDecoder::load(&weights, config).expect("it was just made"), encoder)
}

/// Odd sides, and strips that do not divide them.
#[test]
fn the_vae_in_strips_makes_what_it_makes_whole() {
    for (case, both) in [("sdxl_like", true), ("odd_sizes", false)] {
        let (decoder, encoder) = kl(case, &[]);
        let elements = if both { &[Element::F32, Element::F16][..] } else { &[Element::F32] };
        let latents = Shape::image(1, 7, 5, 4);
        let graph = |element, tiling| decoder.graph(latents, tiling, element, true).expect("shapes fit");
        check(&format!("{case} decoder"), ("latents", latents), graph, elements);
        let picture = Shape::image(1, 56, 40, 3);
        let graph = |element, tiling| encoder.graph(picture, tiling, element).expect("shapes fit");
        check(&format!("{case} encoder"), ("picture", picture), graph, elements);
    }
}

#[test]
fn a_vae_without_attention_and_the_tiny_one_go_in_strips_too() {
    let (decoder, _) = kl("sdxl_like", &[("mid_block_add_attention", json!(false))]);
    let latents = Shape::image(1, 5, 3, 4);
    let graph = |element, tiling| decoder.graph(latents, tiling, element, true).expect("shapes fit");
    check("plain decoder", ("latents", latents), graph, &[Element::F32]);
    let weights = super::encoder::tiny();
    let tiny = TinyDecoder::load(&weights, &TinyConfig::default()).expect("it was just made");
    let graph = |element, tiling| tiny.graph(latents, tiling, element, true).expect("shapes fit");
    check("tiny decoder", ("latents", latents), graph, &[Element::F32]);
    let tiny = TinyEncoder::load(&weights, &TinyConfig::default()).expect("it was just made");
    let picture = Shape::image(1, 40, 24, 3);
    let graph = |element, tiling| tiny.graph(picture, tiling, element).expect("shapes fit");
    check("tiny encoder", ("picture", picture), graph, &[Element::F32]);
}

/// The CPU with little memory for values, and the most that a program took.
struct Narrow {
    cpu: CpuBackend,
    have: u64,
    most: AtomicU64,
}

impl Narrow {
    fn with(have: u64) -> Arc<Self> {
        Arc::new(Self { cpu: CpuBackend::new(), have, most: AtomicU64::new(0) })
    }
}

impl Backend for Narrow {
    fn name(&self) -> &str {
        "narrow"
    }

    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>, Error> {
        let program = self.cpu.compile(graph)?;
        let need = program.memory().activations;
        if need > self.have {
            return Err(Error::Memory { device: "narrow".into(), need, have: self.have });
        }
        self.most.fetch_max(need, Ordering::Relaxed);
        Ok(program)
    }

    fn peak(&self) -> Result<Peak, Error> {
        self.cpu.peak()
    }
}

/// A picture drawn over another, so that both halves of the VAE are asked; the bytes of values that were foreseen.
fn drawn(backend: Arc<Narrow>, vae_strips: VaeStrips) -> Result<(Picture, u64), Error> {
    let mut engine = Engine::open_on(backend, &Options { vae_strips, ..Options::default() })?;
    let picture = Picture::new(192, 256, (0..192 * 256 * 3).map(|i| (i / 97 % 256) as u8).collect());
    let init = Init { denoising_strength: 0.6, ..Init::new(Arc::new(picture)) };
    let request = Request { seed: Some(3), init: Some(init), ..Request::new("a red circle") };
    let (mut picture, mut foreseen) = (None, 0);
    let mut event = |event| match event {
        Event::Memory(need) => foreseen = need.activations,
        Event::Picture(drawn) => picture = Some(drawn.picture),
        _ => {}
    };
    let cancel = CancelToken::default();
    let mut watch = Watch { event: &mut event, trace: None, previews: 0, cancel };
    engine.generate(&request, &mut watch)?;
    Ok((picture.expect("a picture"), foreseen))
}

#[test]
fn strips_are_chosen_where_the_whole_does_not_fit_and_draw_the_same_picture() {
    let wide = Narrow::with(u64::MAX);
    let (whole, foreseen) = drawn(wide.clone(), VaeStrips::Auto).expect("there is memory");
    let most = wide.most.load(Ordering::Relaxed);
    assert_eq!(foreseen, most);
    for (have, asked) in [(most - 1, VaeStrips::Auto), (u64::MAX, VaeStrips::Rows(3))] {
        let (strips, foreseen) = drawn(Narrow::with(have), asked).expect("strips fit");
        assert!(foreseen < most, "{foreseen} foreseen in strips, {most} whole");
        let apart = whole.rgb.iter().zip(&strips.rgb).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(1), "{asked}: {apart:?}");
    }
    let refused = drawn(Narrow::with(most - 1), VaeStrips::Off);
    assert!(matches!(refused, Err(Error::Memory { .. })));
}

/// Seconds of all processors that this process has had, and its largest size since the last call, in MiB.
fn spent() -> (f64, u64) {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("a number")).sum();
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    (ticks / TICKS, kib >> 10)
}

/// SDXL's VAE with seeded weights on the CPU, whole and in strips: how far apart, processor time, memory.
/// `FULMEN_STRIPS_SIDE` is the side of the latents, `FULMEN_STRIPS_ROWS` the only height, 0 for none: what a process took
/// before stays with it, and hides a smaller peak.
#[test]
#[ignore = "takes minutes and 4 GiB of memory"]
fn the_vae_of_full_size_in_strips_costs_little_more() {
    let side = std::env::var("FULMEN_STRIPS_SIDE").map_or(64, |side| side.parse().expect("a number"));
    let rows = std::env::var("FULMEN_STRIPS_ROWS").map(|rows| rows.parse().expect("a number"));
    let heights = rows.map_or(vec![0, 8, 2, 1], |rows: usize| vec![rows]);
    let configs = Configs::sdxl_base().expect("SDXL base");
    let config = json!({
        "latent_channels": 4, "in_channels": 3, "out_channels": 3, "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2, "norm_num_groups": 32, "scaling_factor": 0.13025,
    });
    let config: VaeConfig = serde_json::from_value(config).expect("a configuration");
    let weights = super::encoder::of(&configs);
    let latents = Shape::image(1, side, side, 4);
    let picture = Shape::image(1, 8 * side, 8 * side, 3);
    let encoder = VaeEncoder::load(&weights, &config).expect("it was just made");
    let decoder = VaeDecoder::load(&weights, config).expect("it was just made");
    let graphs = [
        ("latents", latents, decoder.graph(latents, Tiling::default(), Element::F32, true)),
        ("picture", picture, encoder.graph(picture, Tiling::default(), Element::F32)),
    ];
    let backend = CpuBackend::new();
    for (input, shape, graph) in graphs {
        let graph = Arc::new(graph.expect("shapes fit"));
        let values = HostTensor::f32(shape, TorchRng::seed(7).normals(shape.len()));
        let mut whole: Option<HostTensor> = None;
        for &rows in &heights {
            let mut program = match rows {
                0 => backend.compile(graph.clone()).expect("it compiles"),
                rows => {
                    let strips = StripProgram::compile(&backend, graph.clone(), Height::Largest(rows));
                    Box::new(strips.expect("it compiles"))
                }
            };
            let need = program.memory().total() >> 20;
            let (before, base) = (spent().0, spent().1);
            let made = run(program.as_mut(), &[(input, &values)]);
            let (after, peak) = spent();
            let off = whole.as_ref().map_or(0.0, |whole| difference(whole, &made));
            println!(
                "{input} {side}, strips {rows}: {:.1} s, {need} MiB predicted, {} measured, off by {off:.1e}",
                after - before,
                peak - base
            );
            assert!(off <= APART, "{off:.1e}");
            whole = whole.or(Some(made));
        }
    }
}
