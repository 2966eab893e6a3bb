//! Plain lines on standard error, for logs and pipes.

use fulmen_engine::engine::{Drawn, Event};

use super::report::{Done, PlanReport, Report, Saved, fit_line, memory_line, need_line, picture_line, words};
use crate::console;

/// A line an event.
#[derive(Default)]
pub(super) struct Lines {
    images: usize,
}

impl Report for Lines {
    fn opening(&mut self) {
        console::err("opening the model");
    }

    fn plan(&mut self, plan: &PlanReport) {
        self.images = plan.images;
        console::err(&plan_line(plan));
        console::err(&format!("drawn in {}", plan.assumed));
        plan.loras.iter().for_each(|lora| console::err(&lora.line));
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Warning(what) => console::err(&format!("warning: {what}")),
            Event::Lora(lora) => console::err(&lora.to_string()),
            Event::Stage(stage) => console::err(&words(*stage, self.images)),
            Event::Memory(need) => console::err(&need_line(need)),
            Event::Fit(fit) => console::err(&fit_line(fit)),
            Event::Step { step, steps, seconds, .. } => {
                console::err(&format!("step {step}/{steps}: {seconds:.2} s"));
            }
            Event::Tile { tile, tiles, seconds, .. } => {
                console::err(&format!("tile {tile}/{tiles}: {seconds:.2} s"));
            }
            Event::Preview { .. } | Event::Picture(_) => {}
        }
    }

    fn saved(&mut self, saved: &Saved, drawn: &Drawn) {
        console::out(&picture_line(saved, &drawn.seconds));
    }

    fn done(&mut self, done: &Done) {
        memory_line(done).iter().for_each(|line| console::err(line));
    }
}

/// `512×512, 4 steps, seed 7, on CPU in f32`.
pub(super) fn plan_line(plan: &PlanReport) -> String {
    let PlanReport { width, height, steps, seed, device, precision, .. } = plan;
    let guidance = if plan.guidance > 1.0 { format!(", guidance {}", plan.guidance) } else { String::new() };
    let of = plan.init.as_ref().map_or(String::new(), |init| {
        format!(" of {} over a picture, strength {}", init.of_steps, init.denoising_strength)
    });
    let pictures = if plan.images > 1 { format!("{} pictures of ", plan.images) } else { String::new() };
    format!(
        "{pictures}{width}×{height}, {steps} steps{of}{guidance}, seed {seed}, on {device} in {precision}"
    )
}
