//! `fulmen selftest`: the engine's own check on this machine, as a table for a bug report.

use std::collections::BTreeMap;
use std::sync::Arc;

use fulmen_engine::backend::Backend;
use fulmen_engine::cases;
use fulmen_engine::engine::Device;
use fulmen_engine::graph::Element;
use fulmen_engine::selftest::{self, NodeVerdict, Verdict};
use fulmen_engine::threads;
use serde::Serialize;

use crate::args::SelftestArgs;
use crate::console;
use crate::devices::Devices;
use crate::failure::Failure;

/// What the two halves found.
#[derive(Debug, Default, Serialize)]
struct Found {
    cases: usize,
    cases_that_disagree: usize,
    nodes: usize,
    /// The first.
    node_that_disagrees: Option<String>,
}

/// Runs it.
pub(crate) fn run(args: &SelftestArgs) -> Result<(), Failure> {
    let device: Device = args.device.parse()?;
    threads::start();
    let backend = device.open()?;
    head(backend.name(), args.json);
    let mut found = Found::default();
    kernels(&backend, args.json, &mut found)?;
    for (name, element) in [("f32", Element::F32), ("f16", Element::F16)] {
        demo_model(&backend, (name, element), args.json, &mut found)?;
    }
    conclude(&found, backend.name(), args.json)
}

/// Versions and devices: what every question about a result begins with.
fn head(device: &str, json: bool) {
    let (version, os, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    let devices = Devices::find();
    if json {
        let machine = serde_json::json!({
            "event": "machine", "version": version, "os": os, "arch": arch, "device": device, "devices": devices,
        });
        console::json(&machine);
    } else {
        console::out(&format!("fulmen {version} on {os} {arch}, testing {device}"));
        devices.print();
        console::out("");
    }
}

/// The cases of one operation in one precision, in short.
struct Summary {
    count: usize,
    wrong: usize,
    worst: Verdict,
}

fn kernels(backend: &Arc<dyn Backend>, json: bool, found: &mut Found) -> Result<(), Failure> {
    let mut summaries: BTreeMap<(&str, String), Summary> = BTreeMap::new();
    for case in cases::all() {
        let name = format!("{} {}", case.kernel, case.variant);
        let verdict = match selftest::check(case, backend.as_ref()) {
            Ok(verdict) => verdict,
            Err(error) => {
                // What did run is part of the report.
                table(summaries.values().filter(|_| !json));
                return Err(Failure::Run(format!("{name} failed: {error}")));
            }
        };
        found.cases += 1;
        found.cases_that_disagree += usize::from(!verdict.agrees);
        if json {
            console::json(&serde_json::json!({ "event": "kernel", "result": verdict }));
        }
        let precision = verdict.variant.chars().take(3).collect();
        let summary = summaries.entry((verdict.kernel, precision)).or_insert_with(|| Summary {
            count: 0,
            wrong: 0,
            worst: verdict.clone(),
        });
        summary.add(verdict, json);
    }
    if !json {
        table(summaries.values());
    }
    Ok(())
}

impl Summary {
    fn add(&mut self, verdict: Verdict, json: bool) {
        self.count += 1;
        if !verdict.agrees {
            self.wrong += 1;
            if !json {
                let Verdict { kernel, variant, nmse, tolerance, .. } = &verdict;
                console::out(&format!("{kernel} {variant}: NMSE {nmse:.1e} is above {tolerance:.0e}"));
            }
        }
        if worse(verdict.nmse, self.worst.nmse) {
            self.worst = verdict;
        }
    }
}

/// What is not a number is worse than any number.
fn worse(nmse: f64, than: f64) -> bool {
    nmse.is_nan() || nmse > than
}

fn table<'a>(summaries: impl Iterator<Item = &'a Summary>) {
    console::out(&format!("{:<14} {:>5}  {:>9}  {:<52} verdict", "kernel", "cases", "NMSE", "at the worst"));
    for Summary { count, wrong, worst } in summaries {
        let verdict = if *wrong == 0 { "agrees".into() } else { format!("{wrong} DISAGREE") };
        let Verdict { kernel, variant, nmse, .. } = worst;
        console::out(&format!("{kernel:<14} {count:>5}  {nmse:>9.1e}  {variant:<52} {verdict}"));
    }
}

fn demo_model(
    backend: &Arc<dyn Backend>,
    (precision, element): (&str, Element),
    json: bool,
    found: &mut Found,
) -> Result<(), Failure> {
    let (before, mut worst, mut wrong) = (found.nodes, None::<NodeVerdict>, None);
    selftest::demo_model(backend.as_ref(), element, &mut |verdict| {
        found.nodes += 1;
        if json {
            console::json(&serde_json::json!({ "event": "node", "precision": precision, "result": verdict }));
        }
        if !verdict.agrees {
            wrong = Some(name(verdict));
        }
        if worst.as_ref().is_none_or(|worst| worse(verdict.nmse, worst.nmse)) {
            worst = Some(verdict.clone());
        }
    })?;
    if let (false, Some(worst)) = (json, worst) {
        let count = found.nodes - before;
        let verdict = if wrong.is_none() { "all agree" } else { "STOPPED at the one that disagrees" };
        let name = name(&worst);
        console::out(&format!(
            "demo model in {precision}: {count} nodes, {verdict}; worst {:.1e} at {name}",
            worst.nmse
        ));
    }
    found.node_that_disagrees = found.node_that_disagrees.take().or(wrong);
    Ok(())
}

fn name(verdict: &NodeVerdict) -> String {
    let NodeVerdict { program, node, op, shape, .. } = verdict;
    format!("{program}: {node} ({op}, {shape})")
}

fn conclude(found: &Found, device: &str, json: bool) -> Result<(), Failure> {
    if json {
        console::json(&serde_json::json!({ "event": "done", "device": device, "found": found }));
    }
    match (&found.node_that_disagrees, found.cases_that_disagree) {
        (None, 0) => {
            if !json {
                let Found { cases, nodes, .. } = found;
                console::out(&format!("{device} computes correctly: {cases} cases and {nodes} nodes agree"));
            }
            Ok(())
        }
        (node, cases) => {
            let node =
                node.as_ref().map(|node| format!(", and the demo model at {node}")).unwrap_or_default();
            Err(Failure::Run(format!(
                "{device} does not compute correctly: {cases} of {} cases disagree{node}; please report \
                 the table above",
                found.cases
            )))
        }
    }
}
