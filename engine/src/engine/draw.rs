//! The story of a picture: prompt → conditioning; noise → latents → steps → picture. Those of several requests may go
//! through it side by side: each keeps its own watcher, its own way to be stopped and its own end.

use std::sync::Arc;
use std::time::Instant;

use super::beginning::Beginning;
use super::canvas::{Canvas, CanvasPlace};
use super::controls::Signals;
use super::decode::is_due;
use super::encode::UNetConditioning;
use super::layout::Frame;
use super::preparing::Fitted;
use super::second_pass::{Asked, Given};
use super::watch::{DrawStage, Event, OnTrace, Seconds, Watch};
use super::{DrawPlan, Engine};
use crate::Result;
use crate::backend::CancelToken;
use crate::request::Request;
use crate::sampler::Call;

/// A request, and who watches it being drawn.
pub struct Order<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// Told of this request alone.
    pub watch: Watch<'a>,
}

/// Told which of the orders has ended, and how.
pub type OnEnd<'a> = dyn FnMut(usize, Result<()>) + 'a;

/// An order on its way.
struct Drawing<'o, 'a> {
    /// Which of the orders.
    number: usize,
    order: &'o mut Order<'a>,
    plan: DrawPlan,
    conditioning: Option<Arc<UNetConditioning>>,
    /// What second passes are given, once it is known.
    second: Option<Given>,
    beginning: Arc<Beginning>,
    signals: Arc<Signals>,
    /// What its first picture accounts for.
    before: Seconds,
    /// Pictures that have a canvas, or had one.
    begun: usize,
    drawn: usize,
    is_over: bool,
}

/// Orders whose pictures can be drawn side by side.
struct Together<'t, 'o, 'a> {
    drawings: Vec<Drawing<'o, 'a>>,
    frame: Frame,
    /// Pictures side by side at the most.
    batch: usize,
    ended: &'t mut OnEnd<'t>,
}

impl Engine {
    /// Draws `request.images` pictures, and gives each to the watcher when it is done.
    ///
    /// # Errors
    /// [`crate::Error::Request`] before anything is computed; then those of memory, of the device, of a picture that is
    /// not finite, or [`crate::Error::Cancelled`].
    pub fn generate(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let trace = watch.trace.as_mut().map(|trace| &mut **trace as &mut OnTrace<'_>);
        let (previews, cancel) = (watch.previews, watch.cancel.clone());
        let watch = Watch { event: &mut *watch.event, trace, previews, cancel };
        let mut drawn = Ok(());
        self.generate_together(&mut [Order { request, watch }], &mut |_, end| drawn = end);
        drawn
    }

    /// The same for several requests. Those that go together ([`DrawPlan::goes_with`]) are drawn side by side, as many
    /// pictures as a batch may have and as there is memory for, and each is the picture that it is alone; a trace is
    /// of what is drawn alone. Steps and samplers may differ: whatever is finished, cancelled or spoilt leaves the
    /// batch, the next picture takes its place, and nothing happens to the others. One that is cancelled while others are
    /// drawn beside it ends with the call of the UNet that it is in.
    ///
    /// `ended` is told once of each order, as soon as it has ended.
    pub fn generate_together(&mut self, orders: &mut [Order<'_>], ended: &mut OnEnd<'_>) {
        let base = self.base.clone();
        let mut ended = |number, end| ended(number, base.checkpoint.still(end));
        let mut drawings = vec![];
        for (number, order) in orders.iter_mut().enumerate() {
            match self.check(order.request, &order.watch.cancel) {
                Ok(plan) => drawings.push(Drawing::new(number, order, plan)),
                Err(error) => ended(number, Err(error)),
            }
        }
        while !drawings.is_empty() {
            let first = drawings.remove(0);
            let (mut alike, others): (Vec<_>, _) =
                drawings.into_iter().partition(|drawing| first.goes_with(drawing));
            alike.insert(0, first);
            drawings = others;
            self.draw_alike(alike, &mut ended);
        }
    }

    pub(super) fn check(&mut self, request: &Request, cancel: &CancelToken) -> Result<DrawPlan> {
        let mut plan = self.plan_while(request, cancel)?;
        self.open_image_prompts(&mut plan)?;
        self.open_controls(&mut plan)?;
        self.open_transparency(&plan)?;
        let (shape, steps) = (plan.frame(self.model.vae.latents()).shape, plan.schedule.steps());
        plan.init_latents.as_ref().map_or(Ok(()), |init| init.check(shape, steps))?;
        Ok(plan)
    }

    /// Where they cannot be prepared together, each is drawn alone.
    fn draw_alike(&mut self, mut drawings: Vec<Drawing<'_, '_>>, ended: &mut OnEnd<'_>) {
        match self.begin(&mut drawings) {
            Ok(batch) => {
                let frame = drawings[0].plan.frame(self.model.vae.latents());
                self.draw_begun(&mut Together { drawings, frame, batch, ended: &mut *ended });
                self.backend.rest();
            }
            Err(error) if drawings.len() == 1 => ended(drawings[0].number, Err(error)),
            Err(_) => drawings.into_iter().for_each(|drawing| self.draw_alike(vec![drawing], ended)),
        }
    }

    /// Compiles what these drawings need; how many pictures are to be drawn side by side.
    fn begin(&mut self, drawings: &mut [Drawing<'_, '_>]) -> Result<usize> {
        drawings.iter_mut().for_each(|drawing| drawing.tell(Event::Stage(DrawStage::Load)));
        let images = drawings.iter().map(|drawing| drawing.plan.images).sum();
        let previews = drawings.iter().map(|drawing| drawing.order.watch.previews).max().unwrap_or(0);
        let before = self.model.id();
        let cancel = CancelToken::once_all(drawings.iter().map(Drawing::cancel));
        self.load_loras(&drawings[0].plan, &cancel)?;
        let fitted = self.fit(&drawings[0].plan, images, previews)?;
        let Fitted { batch, need, fit } = fitted;
        if self.model.id() != before {
            let asked = self.model.checkpoint.loras().iter().skip(self.loras().len());
            asked.for_each(|lora| drawings[0].tell(Event::Lora(lora.clone())));
        }
        drawings.iter_mut().for_each(|drawing| {
            drawing.tell(Event::Memory(need));
            fit.into_iter().for_each(|fit| drawing.tell(Event::Fit(fit)));
        });
        cancel.check()?;
        self.check_memory(need)?;
        self.settle(&fitted)?;
        Ok(batch)
    }

    fn draw_begun(&mut self, together: &mut Together<'_, '_, '_>) {
        for at in 0..together.drawings.len() {
            if let Err(error) = self.read_prompts(&mut together.drawings[at]) {
                together.end(at, Err(error));
            }
        }
        // What the text encoders read is a fifth of the file, and is not read again.
        self.model.checkpoint.release();
        let mut canvases = vec![];
        while together.fill(&mut canvases) {
            self.step(&mut canvases, together);
            let finished: Vec<_> = canvases.extract_if(.., |canvas| canvas.next().is_none()).collect();
            if !finished.is_empty() {
                self.model.checkpoint.release();
                finished.iter().for_each(|canvas| canvas.signals.release());
            }
            let mut finished = finished.into_iter();
            while let Some(canvas) = finished.next() {
                let is_last = canvases.is_empty() && !together.needs_unet(finished.as_slice());
                self.finish_one(canvas, together, is_last);
            }
        }
    }

    fn read_prompts(&mut self, drawing: &mut Drawing<'_, '_>) -> Result<()> {
        drawing.tell(Event::Stage(DrawStage::Text));
        let start = Instant::now();
        let Order { request, watch } = &mut *drawing.order;
        drawing.conditioning = Some(Arc::new(self.encode(request, &drawing.plan, watch)?));
        let begun = self.begin_from(&drawing.plan, watch)?;
        drawing.signals = Arc::new(self.read_controls(&drawing.plan, begun.prepared(), watch)?);
        drawing.before.load = std::mem::take(&mut self.loading);
        drawing.before.text = start.elapsed().as_secs_f64() - begun.seconds;
        drawing.before.encode = begun.seconds;
        drawing.beginning = Arc::new(begun);
        Ok(())
    }

    /// One call of the UNet for every canvas that is not finished. Those that come to no more leave.
    fn step(&mut self, canvases: &mut Vec<Canvas>, together: &mut Together<'_, '_, '_>) {
        let calls: Vec<Call> = canvases.iter().filter_map(Canvas::next).collect();
        if calls.len() < canvases.len() {
            return;
        }
        let start = Instant::now();
        let predictions = self.ask_each(canvases, &calls, together);
        let seconds = start.elapsed().as_secs_f64() / canvases.len() as f64;
        for ((canvas, call), predicted) in canvases.iter_mut().zip(calls).zip(predictions) {
            let at = canvas.drawing;
            canvas.spent += seconds;
            let drawing = &mut together.drawings[at];
            let moved = predicted.and_then(|predicted| self.advance(canvas, call, &predicted, drawing));
            let moved = canvas.signals.still(moved);
            if let Err(error) = moved {
                together.end(at, Err(error));
            }
        }
        canvases.retain(|canvas| !together.drawings[canvas.drawing].is_over);
    }

    /// Of each canvas what the UNet predicts. Where a batch fails, each is asked alone from then on, so that what is
    /// wrong with one of them ends no other.
    fn ask_each(
        &mut self,
        canvases: &[Canvas],
        calls: &[Call],
        together: &mut Together<'_, '_, '_>,
    ) -> Vec<Result<Vec<Vec<f32>>>> {
        if canvases.len() > 1 && together.batch > 1 {
            let all = together.watching(canvases, |plan, watch| self.predict(canvases, calls, plan, watch));
            match all {
                Ok(all) => return all.into_iter().map(Ok).collect(),
                Err(_) => together.batch = 1,
            }
        }
        let alone = |(canvas, call): (&Canvas, &Call)| {
            let Drawing { order, plan, .. } = &mut together.drawings[canvas.drawing];
            let (canvas, call) = (std::slice::from_ref(canvas), std::slice::from_ref(call));
            self.predict(canvas, call, plan, &mut order.watch)
                .map(|each| each.into_iter().flatten().collect())
        };
        canvases.iter().zip(calls).map(alone).collect()
    }

    /// Moves a canvas by what the UNet predicted for it, and tells of it.
    fn advance(
        &mut self,
        canvas: &mut Canvas,
        call: Call,
        predicted: &[Vec<f32>],
        drawing: &mut Drawing<'_, '_>,
    ) -> Result<()> {
        let watch = &mut drawing.order.watch;
        watch.cancel.check()?;
        self.model.checkpoint.unchanged()?;
        let (image, before) = (canvas.image, canvas.done());
        let x0 = canvas.take(predicted, call.sigma);
        let (step, steps) = (canvas.done(), drawing.plan.steps());
        if step == before {
            return Ok(());
        }
        let seconds = std::mem::take(&mut canvas.spent);
        canvas.seconds.unet_steps.push(seconds);
        (watch.event)(Event::Step { image, step, steps, seconds });
        if is_due(watch.previews, step, steps) {
            let picture = Box::new(self.preview(&x0, canvas.frame, watch)?);
            (watch.event)(Event::Preview { image, step, picture });
        }
        Ok(())
    }

    /// Draws a canvas over once more where its order asks for that.
    fn draw_second(&mut self, canvas: Canvas, drawing: &mut Drawing<'_, '_>) -> Result<Canvas> {
        let Drawing { order, plan, second, .. } = &mut *drawing;
        let asked = Asked { request: order.request, plan };
        let begun = self.begin_second(&canvas, asked, second, &mut order.watch)?;
        let Some((plan, mut next)) = begun else { return Ok(canvas) };
        while let Some(call) = next.next() {
            let start = Instant::now();
            let canvases = std::slice::from_ref(&next);
            let predicted = self.predict(canvases, &[call], &plan, &mut drawing.order.watch)?;
            next.spent += start.elapsed().as_secs_f64();
            self.advance(&mut next, call, &predicted.concat(), drawing)?;
        }
        next.signals.release();
        Ok(next)
    }

    /// Finished latents become a picture; with its last picture an order ends. After `is_last` the UNet is not called again.
    fn finish_one(&mut self, canvas: Canvas, together: &mut Together<'_, '_, '_>, is_last: bool) {
        let at = canvas.drawing;
        let drawing = &mut together.drawings[at];
        if drawing.is_over {
            return;
        }
        let finished = self.draw_second(canvas, drawing).and_then(|canvas| {
            if is_last && self.lets_unet_go() {
                self.programs.drop_unet();
            }
            let Order { request, watch } = &mut *drawing.order;
            self.finish(canvas, request, &drawing.plan, watch)
        });
        let end = match finished {
            Ok(picture) => {
                drawing.tell(Event::Picture(Box::new(picture)));
                drawing.drawn += 1;
                (drawing.drawn == drawing.plan.images).then_some(Ok(()))
            }
            Err(error) => Some(Err(error)),
        };
        if let Some(end) = end {
            together.end(at, end);
        }
    }
}

impl<'o, 'a> Drawing<'o, 'a> {
    fn new(number: usize, order: &'o mut Order<'a>, plan: DrawPlan) -> Self {
        let mut new = Self {
            number,
            order,
            plan,
            conditioning: None,
            second: None,
            beginning: Arc::default(),
            signals: Arc::default(),
            before: Seconds::default(),
            begun: 0,
            drawn: 0,
            is_over: false,
        };
        new.plan.warnings.clone().into_iter().map(Event::Warning).for_each(|warning| new.tell(warning));
        new
    }

    fn tell(&mut self, event: Event) {
        (self.order.watch.event)(event);
    }

    fn cancel(&self) -> CancelToken {
        self.order.watch.cancel.clone()
    }

    fn goes_with(&self, other: &Self) -> bool {
        let is_traced = [self, other].iter().any(|drawing| drawing.order.watch.trace.is_some());
        !is_traced && self.plan.goes_with(&other.plan)
    }

    /// The canvas of its next picture.
    fn begin(&mut self, at: usize, frame: Frame) -> Option<Canvas> {
        let image = self.begun;
        let conditioning = self.conditioning.clone().filter(|_| !self.is_over && image < self.plan.images)?;
        self.begun += 1;
        self.tell(Event::Stage(DrawStage::Denoise(image)));
        let place = CanvasPlace { drawing: at, image, frame };
        let mut canvas = Canvas::new(place, &self.plan, conditioning, self.beginning.clone());
        canvas.seconds = std::mem::take(&mut self.before);
        canvas.signals = self.signals.clone();
        Some(canvas)
    }
}

impl Together<'_, '_, '_> {
    /// Begins pictures, in the order of their requests, until the batch is full; whether there is any left to draw.
    fn fill(&mut self, canvases: &mut Vec<Canvas>) -> bool {
        let frame = self.frame;
        let drawings = self.drawings.iter_mut().enumerate();
        let mut next =
            drawings.flat_map(|(at, drawing)| std::iter::from_fn(move || drawing.begin(at, frame)));
        while canvases.len() < self.batch
            && let Some(canvas) = next.next()
        {
            canvases.push(canvas);
        }
        !canvases.is_empty()
    }

    /// Whether the UNet is called once more: for pictures that are not begun, or for a second pass over these.
    fn needs_unet(&self, finished: &[Canvas]) -> bool {
        let is_to_begin = |drawing: &Drawing<'_, '_>| !drawing.is_over && drawing.begun < drawing.plan.images;
        let has_second = |canvas: &Canvas| self.drawings[canvas.drawing].plan.second().is_some();
        self.drawings.iter().any(is_to_begin) || finished.iter().any(has_second)
    }

    /// With the plan and the watch of a call that these canvases share: those of their order, or a watch that stops once
    /// all of theirs do.
    fn watching<T>(&mut self, canvases: &[Canvas], run: impl FnOnce(&DrawPlan, &mut Watch<'_>) -> T) -> T {
        let first = canvases[0].drawing;
        if canvases.iter().all(|canvas| canvas.drawing == first) {
            let Drawing { order, plan, .. } = &mut self.drawings[first];
            return run(plan, &mut order.watch);
        }
        let all = canvases.iter().map(|canvas| self.drawings[canvas.drawing].cancel());
        let cancel = CancelToken::once_all(all);
        run(&self.drawings[first].plan, &mut Watch { event: &mut drop, trace: None, previews: 0, cancel })
    }

    fn end(&mut self, at: usize, end: Result<()>) {
        let drawing = &mut self.drawings[at];
        if !std::mem::replace(&mut drawing.is_over, true) {
            (self.ended)(drawing.number, end);
        }
    }
}
