//! F(2×2, 3×3) and F(4×4, 3×3): a square of pixels is one unit, counted from the first line and column that are made, of
//! which the pixels that it sees, two lines and columns more, are brought to as many numbers, multiplied with as many of the
//! kernel, and the sums over channels brought back. So strips have the bits of the whole where they begin with whole squares.
//! Two lines and columns of a doubled picture are made of three.
//!
//! Twin: `reference::product`. NMSE of F(2×2) ≤ 4e-13, of F(4×4) ≤ 6e-12. Where words are of bf16, the numbers that are
//! multiplied are what is rounded (`tests::bf16` has the definition); the NMSE is then 3.4 times that of rounded pixels.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::LINES;
use super::points::{
    Column, Doubled, Four, Pixel, Points, Two, both_ways, vectors, vectors_mut, with_vectors,
};
use crate::cpu::arithmetic::Arithmetic;
use crate::cpu::direct::{DirectFactors, TAPS};
use crate::cpu::epilogue::Finish;
use crate::cpu::kept::Kept;
use crate::cpu::lines::CHANNELS;
use crate::cpu::panel::{Outputs, PANEL};
use crate::cpu::product::Factors;
use crate::cpu::rows::{Places, Rows};
use crate::cpu::strips::Strips;
use crate::graph::Shape;
use crate::weights::Weight;

/// Units of a task, by which what is read of the weight is shared.
const UNITS: Range<usize> = 16..64;
/// Words that their numbers take, where they may be fewer.
const WORDS: usize = 1 << 20;

/// A convolution that is taken apart in both directions.
pub(in crate::cpu) struct SquareFactors<'a, P, const PIXELS: usize, const PARTS: usize> {
    factors: DirectFactors<'a>,
    points: PhantomData<P>,
}

/// By F(2×2, 3×3).
pub(in crate::cpu) type TwoFactors<'a> = SquareFactors<'a, Two, 2, 4>;
/// By F(2×2, 3×3) of a doubled picture.
pub(in crate::cpu) type DoubledFactors<'a> = SquareFactors<'a, Doubled, 2, 3>;
/// By F(4×4, 3×3).
pub(in crate::cpu) type FourFactors<'a> = SquareFactors<'a, Four, 4, 6>;

impl<'a, P, const PIXELS: usize, const PARTS: usize> SquareFactors<'a, P, PIXELS, PARTS> {
    pub(in crate::cpu) fn new(factors: DirectFactors<'a>) -> Self {
        Self { factors, points: PhantomData }
    }
}

impl<P: Points<PIXELS, PARTS>, const PIXELS: usize, const PARTS: usize> SquareFactors<'_, P, PIXELS, PARTS> {
    /// Products of a unit.
    const PRODUCTS: usize = PARTS * PARTS;

    /// The value with a pixel for each unit.
    fn squares(&self) -> Shape {
        let Shape { width, height, .. } = self.factors.to;
        Shape { width: width.div_ceil(PIXELS), height: height.div_ceil(PIXELS), ..self.factors.to }
    }

    fn channels(&self) -> usize {
        self.factors.x.shape.channels
    }

    /// Words of as many numbers as there are channels.
    fn run(&self) -> usize {
        self.channels() / self.factors.arithmetic.numbers()
    }

    /// A pixel's channels of a group; zeros where there is none.
    #[inline(always)]
    fn pixel(&self, image: usize, at: [Option<usize>; 2], group: usize) -> &Pixel {
        const ZEROS: Pixel = [0.0; CHANNELS];
        let Shape { width, height, channels, .. } = self.factors.x.shape;
        let [Some(y), Some(x)] = at else { return &ZEROS };
        let place = ((image * height + y) * width + x) * channels + group * CHANNELS;
        self.factors.x.numbers[place..].first_chunk().unwrap_or(&ZEROS)
    }

    /// The vectors of the pixels that a unit sees, of a group of channels.
    #[inline(always)]
    fn seen<S: Simd>(&self, unit: usize, group: usize) -> [[&[S::f32s]; PARTS]; PARTS] {
        let (squares, window, from) = (self.squares(), self.factors.taps.window, self.factors.x.shape);
        let (line, column) = (unit / squares.width, unit % squares.width);
        let (image, line) = (line / squares.height, line % squares.height);
        let first = |axis: usize, unit: usize| {
            ((unit * PIXELS) as isize - window.origin[axis]) >> u32::from(window.doubled)
        };
        let (first_line, first_column) = (first(0, line), first(1, column));
        let place = |first: isize, by: usize, extent: usize| {
            usize::try_from(first + by as isize).ok().filter(|place| *place < extent)
        };
        let mut seen = [[&[][..]; PARTS]; PARTS];
        for (y, seen) in seen.iter_mut().enumerate() {
            for (x, seen) in seen.iter_mut().enumerate() {
                let at = [place(first_line, y, from.height), place(first_column, x, from.width)];
                *seen = vectors::<S, CHANNELS>(self.pixel(image, at, group));
            }
        }
        seen
    }
}

/// The numbers of units, as words: `[parts][units][channels]`.
struct Units<'a, 'f, P, const PIXELS: usize, const PARTS: usize> {
    factors: &'a SquareFactors<'f, P, PIXELS, PARTS>,
    units: Range<usize>,
    words: &'a mut [f32],
}

impl<P: Points<PIXELS, PARTS>, const PIXELS: usize, const PARTS: usize> WithSimd
    for Units<'_, '_, P, PIXELS, PARTS>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (run, count, arithmetic) =
            (self.factors.run(), self.units.len(), self.factors.factors.arithmetic);
        let mut made = [[[0.0; CHANNELS]; PARTS]; PARTS];
        for (i, unit) in self.units.enumerate() {
            for group in 0..self.factors.channels() / CHANNELS {
                let seen = self.factors.seen::<S>(unit, group);
                let number = |x: usize, y: usize, place: usize| seen[y][x][place];
                for place in 0..CHANNELS / S::F32_LANES {
                    both_ways(
                        simd.splat_f32s(0.0),
                        #[inline(always)]
                        |line| P::transform(simd, line),
                        #[inline(always)]
                        |x, y| number(x, y, place),
                        #[inline(always)]
                        |x, y, number| vectors_mut::<S, CHANNELS>(&mut made[y][x])[place] = number,
                    );
                }
                let first = i * run + group * CHANNELS / arithmetic.numbers();
                arithmetic.write_words(made.as_flattened(), (&mut self.words[first..], count * run));
            }
        }
    }
}

/// A group's part of a panel, `[parts][CHANNELS]` with `step` channels from one part to the next, out of its taps
/// `[lines][3][CHANNELS]`.
struct Taps<'a, P, const PIXELS: usize, const PARTS: usize> {
    taps: &'a [Column],
    panel: &'a mut [Column],
    step: usize,
    points: PhantomData<P>,
}

impl<P: Points<PIXELS, PARTS>, const PIXELS: usize, const PARTS: usize> WithSimd
    for Taps<'_, P, PIXELS, PARTS>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for channel in 0..CHANNELS {
            for place in 0..PANEL / S::F32_LANES {
                both_ways(
                    simd.splat_f32s(0.0),
                    #[inline(always)]
                    |line| P::transform_taps(simd, line),
                    #[inline(always)]
                    |x, y| vectors::<S, PANEL>(&self.taps[(LINES * y + x) * CHANNELS + channel])[place],
                    #[inline(always)]
                    |x, y, number| {
                        let to = &mut self.panel[(y * PARTS + x) * self.step + channel];
                        vectors_mut::<S, PANEL>(to)[place] = number;
                    },
                );
            }
        }
    }
}

/// The sums of a unit's products, one of each `count` of `sums`, to those of its pixels.
struct Sums<'a, P, const PIXELS: usize, const PARTS: usize> {
    sums: &'a [Column],
    count: usize,
    to: &'a mut [[Column; PIXELS]; PIXELS],
    points: PhantomData<P>,
}

impl<P: Points<PIXELS, PARTS>, const PIXELS: usize, const PARTS: usize> WithSimd
    for Sums<'_, P, PIXELS, PARTS>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for place in 0..PANEL / S::F32_LANES {
            both_ways(
                simd.splat_f32s(0.0),
                #[inline(always)]
                |column| P::restore(simd, column),
                #[inline(always)]
                |y, x| vectors::<S, PANEL>(&self.sums[(y * PARTS + x) * self.count])[place],
                #[inline(always)]
                |y, x, sum| vectors_mut::<S, PANEL>(&mut self.to[y][x])[place] = sum,
            );
        }
    }
}

impl<P: Points<PIXELS, PARTS>, const PIXELS: usize, const PARTS: usize> Factors
    for SquareFactors<'_, P, PIXELS, PARTS>
{
    fn arithmetic(&self) -> Arithmetic {
        self.factors.arithmetic
    }

    fn pixels(&self) -> usize {
        PIXELS * PIXELS
    }

    fn most_units(&self) -> usize {
        (WORDS / (Self::PRODUCTS * self.run())).clamp(UNITS.start, UNITS.end)
    }

    fn most_panels(&self) -> usize {
        usize::MAX
    }

    fn units(&self, _shape: Shape) -> usize {
        self.squares().rows()
    }

    fn parts(&self) -> usize {
        Self::PRODUCTS
    }

    fn depth(&self) -> usize {
        Self::PRODUCTS * self.channels()
    }

    fn blocks(&self) -> usize {
        1
    }

    fn depth_of(&self, _block: usize) -> usize {
        self.depth()
    }

    fn gathered(&self, places: &Places) -> usize {
        places.rows.len() * Self::PRODUCTS * self.run()
    }

    /// `[parts][units][channels]`.
    fn rows<'a>(&'a self, _block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a> {
        let (run, count) = (self.run(), places.rows.len());
        with_vectors(Units { factors: self, units: places.rows.clone(), words: space });
        Rows { part: count * run, ..Rows::dense(space, count, run, run) }
    }

    fn weight(&self) -> &Weight {
        self.factors.weight()
    }

    fn takes_numbers_as_they_are(&self) -> bool {
        false
    }

    fn kept(&self) -> Option<&Kept> {
        self.factors.kept()
    }

    fn space(&self) -> usize {
        self.factors.space() + TAPS * CHANNELS * PANEL
    }

    /// `[parts][channels][PANEL]`.
    fn panel_of(
        &self,
        weight: &Weight,
        _block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        let (taps, space) = space.split_at_mut(TAPS * CHANNELS * PANEL);
        let panel = panel.as_chunks_mut::<PANEL>().0;
        for group in 0..self.channels() / CHANNELS {
            self.factors.panel_of(weight, group, outputs, space, taps);
            let (taps, panel) = (taps.as_chunks().0, &mut panel[group * CHANNELS..]);
            let step = self.channels();
            with_vectors(Taps::<P, PIXELS, PARTS> { taps, panel, step, points: PhantomData });
        }
    }

    /// # Safety
    /// As [`Finish::write`].
    unsafe fn write(
        &self,
        finish: &Finish<'_>,
        sums: &mut [f32],
        (units, at): (Range<usize>, Outputs),
        out: &Strips<'_>,
    ) {
        let (squares, to, count) = (self.squares(), self.factors.to, units.len());
        let (sums, mut restored) = (sums.as_chunks().0, [[[0.0; PANEL]; PIXELS]; PIXELS]);
        for (i, unit) in units.enumerate() {
            let (line, x) = (unit / squares.width, unit % squares.width * PIXELS);
            let (image, first) = (line / squares.height, line % squares.height * PIXELS);
            let (sums, points) = (&sums[i..], PhantomData);
            with_vectors(Sums::<P, PIXELS, PARTS> { sums, count, to: &mut restored, points });
            for (y, pixels) in (first..to.height).zip(&mut restored) {
                let pixels = pixels[..PIXELS.min(to.width - x)].as_flattened_mut();
                // SAFETY: the caller's promise.
                unsafe { finish.write(pixels, (image * to.height + y) * to.width + x, at, out) };
            }
        }
    }
}
