//! 3×3 convolutions of stride 1 by Winograd's F(4, 3) along each line: six products where four pixels take twelve.
//!
//! Lines stay apart, as on the CPU (`cpu/winograd/lines.rs`): a strip of lines has the bits of the whole. F(4×4, 3×3) would
//! halve the products once more; F(2×2, 3×3) reads and writes four numbers for each one that it transforms, and saves hardly
//! more than this, which has one and a half.
//!
//! Both sides are transformed by kernels of their own, since every workgroup of the products would do it again. What they
//! make is scratch, some lines and some columns at a time: a GPU's caches hold much of it.

use std::ops::Range;

use super::LANES;
use super::epilogue::Product;
use super::seen::seen_by;
use crate::Result;
use crate::gpu::lowering::{Binding, Kernel, Lowering, Value, params};
use crate::gpu::shaders;
use crate::graph::Window;

params! {
    struct InputParams for ["winograd_input"] {
        count: u32,
        eighths: u32,
        units: u32,
        padded: u32,
        first: u32,
        in_height: u32,
        in_width: u32,
        top: i32,
        left: i32,
        x_first: u32,
    }
}

params! {
    struct WeightParams for ["winograd_weight"] {
        columns: u32,
        depth: u32,
        first_column: u32,
        quads: u32,
    }
}

params! {
    struct ProductsParams for ["winograd_subgroup", "winograd_tiled"] {
        rows: u32,
        columns: u32,
        depth: u32,
        units: u32,
        first_line: u32,
        height: u32,
        x_first: u32,
        lines: u32,
    }
}

params! {
    struct FinishParams for ["winograd_finish"] {
        rows: u32,
        first_row: u32,
        pixels: u32,
        columns: u32,
        y_skip: u32,
        residual_skip: u32,
        flags: u32,
        width: u32,
        units: u32,
        first_column: u32,
        quads: u32,
    }
}

/// Pixels of a unit.
const PIXELS: usize = 4;
/// Products of a unit.
const PARTS: usize = 6;
/// Lines of a kernel.
const LINES: usize = 3;
/// Bytes of a transformed weight at the most, if 64 columns of it take no more.
const MOST_WEIGHT: usize = 32 << 20;
/// Bytes of transformed lines, and of their products, at the most, if one line takes no more.
const MOST_LINES: usize = 16 << 20;
/// Columns are cut at multiples of this, the tile of all cores.
const COLUMNS: usize = 64;

/// A convolution that is taken apart.
struct Convolution<'a> {
    product: &'a Product,
    x: Value,
    y: Value,
    window: Window,
    units: usize,
    /// Columns and lines that are made at once.
    columns: usize,
    lines: usize,
}

/// What lies between its kernels.
struct Scratch {
    input: Binding,
    weight: Binding,
    products: Binding,
}

/// Lowers a convolution.
pub(super) fn lower(lowering: &mut Lowering, product: &Product, window: Window) -> Result<()> {
    let convolution = Convolution::new(product, window);
    let (x, y) = (convolution.x, convolution.y);
    let bound = |rows: Range<usize>| {
        let mut bound = product.rows(&rows);
        bound.push((x, seen_by(&rows, &x, &y, window)));
        bound
    };
    let windows = lowering.windows(y.rows(), y.shape.width, bound)?;
    let scratch = convolution.scratch(lowering, &windows)?;
    let all = product.matrix().columns;
    for first in (0..all).step_by(convolution.columns) {
        let columns = first..all.min(first + convolution.columns);
        convolution.transform_weight(lowering, &scratch, &columns);
        for rows in windows.iter().flat_map(|window| convolution.bands(window)) {
            convolution.transform_input(lowering, &scratch, &rows);
            convolution.multiply(lowering, &scratch, &rows, columns.len());
            convolution.finish(lowering, &scratch, &rows, &columns)?;
        }
    }
    Ok(())
}

impl<'a> Convolution<'a> {
    fn new(product: &'a Product, window: Window) -> Self {
        let (x, y) = (*product.x(), *product.y());
        let units = y.shape.width.div_ceil(PIXELS);
        let at_once = MOST_WEIGHT / (4 * PARTS * LINES * x.pitch) / COLUMNS * COLUMNS;
        let columns = at_once.max(COLUMNS).min(product.matrix().columns);
        let lines = (MOST_LINES / (4 * PARTS * units * x.pitch.max(columns))).max(1);
        Self { product, x, y, window, units, columns, lines }
    }

    /// Some rows of pixels, cut into those that are made at once.
    fn bands(&self, rows: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (step, end) = (self.lines * self.y.shape.width, rows.end);
        rows.clone().step_by(step).map(move |first| first..end.min(first + step))
    }

    /// The transformed lines that some pixels see, counted over the whole batch, with the zeros above and below each image.
    fn seen(&self, rows: &Range<usize>) -> Range<usize> {
        let place = |row: usize| {
            let line = row / self.y.shape.width;
            line + line / self.y.shape.height * (LINES - 1)
        };
        place(rows.start)..place(rows.end - 1) + LINES
    }

    /// Units of some pixels.
    fn rows(&self, rows: &Range<usize>) -> usize {
        rows.len() / self.y.shape.width * self.units
    }

    fn input_bytes(&self, rows: &Range<usize>) -> u64 {
        (4 * PARTS * self.seen(rows).len() * self.units * self.x.pitch) as u64
    }

    fn weight_bytes(&self, columns: usize) -> u64 {
        (4 * PARTS * LINES * self.x.pitch * columns) as u64
    }

    fn products_bytes(&self, rows: &Range<usize>, columns: usize) -> u64 {
        (4 * PARTS * self.rows(rows) * columns) as u64
    }

    fn scratch(&self, lowering: &mut Lowering, windows: &[Range<usize>]) -> Result<Scratch> {
        let bands: Vec<_> = windows.iter().flat_map(|window| self.bands(window)).collect();
        let most = |bytes: &dyn Fn(&Range<usize>) -> u64| bands.iter().map(bytes).max().unwrap_or(0);
        Ok(Scratch {
            input: lowering.scratch(most(&|rows| self.input_bytes(rows)))?,
            weight: lowering.scratch(self.weight_bytes(self.columns))?,
            products: lowering.scratch(most(&|rows| self.products_bytes(rows, self.columns)))?,
        })
    }

    fn transform_weight(&self, lowering: &mut Lowering, scratch: &Scratch, columns: &Range<usize>) {
        let weight = self.product.matrix();
        let quads = columns.len() / 4;
        let params = WeightParams {
            columns: weight.columns as u32,
            depth: self.x.pitch as u32,
            first_column: columns.start as u32,
            quads: quads as u32,
        };
        let kernel = Kernel::new(&shaders::WINOGRAD_WEIGHT).number("W_STORED", weight.stored.code());
        let out = Binding { size: self.weight_bytes(columns.len()), ..scratch.weight.clone() };
        let grid = lowering.fold((LINES * self.x.pitch / 2 * quads).div_ceil(LANES));
        lowering.emit(kernel, vec![out, weight.binding.clone()], &params, grid);
    }

    fn transform_input(&self, lowering: &mut Lowering, scratch: &Scratch, rows: &Range<usize>) {
        let (x, y) = (&self.x, &self.y);
        let seen = self.seen(rows);
        let count = seen.len() * self.units * x.eighths();
        let left = lowering.read(x, seen_by(rows, x, y, self.window));
        let params = InputParams {
            count: count as u32,
            eighths: x.eighths() as u32,
            units: self.units as u32,
            padded: (y.shape.height + LINES - 1) as u32,
            first: seen.start as u32,
            in_height: x.shape.height as u32,
            in_width: x.shape.width as u32,
            top: self.window.origin[0] as i32,
            left: self.window.origin[1] as i32,
            x_first: left.first,
        };
        let kernel = Kernel::new(&shaders::WINOGRAD_INPUT).flag("X_HALF", x.half());
        let out = Binding { size: self.input_bytes(rows), ..scratch.input.clone() };
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, vec![left.binding, out], &params, grid);
    }

    fn multiply(&self, lowering: &mut Lowering, scratch: &Scratch, rows: &Range<usize>, columns: usize) {
        let seen = self.seen(rows);
        let params = ProductsParams {
            rows: self.rows(rows) as u32,
            columns: columns as u32,
            depth: self.x.pitch as u32,
            units: self.units as u32,
            first_line: (rows.start / self.y.shape.width) as u32,
            height: self.y.shape.height as u32,
            x_first: seen.start as u32,
            lines: seen.len() as u32,
        };
        let [across, down, _] = self.product.grid_of(lowering, self.rows(rows), columns);
        let bindings = vec![
            Binding { size: self.input_bytes(rows), ..scratch.input.read() },
            Binding { size: self.weight_bytes(columns), ..scratch.weight.read() },
            Binding { size: self.products_bytes(rows, columns), ..scratch.products.clone() },
        ];
        let kernel = self.product.kernel_of_products(lowering);
        lowering.emit(kernel, bindings, &params, [across, down, PARTS as u32]);
    }

    fn finish(
        &self,
        lowering: &mut Lowering,
        scratch: &Scratch,
        rows: &Range<usize>,
        columns: &Range<usize>,
    ) -> Result<()> {
        let mut right = self.product.bind(lowering, rows)?;
        // Where products have their weight.
        right.bindings[0] = lowering.nothing();
        let quads = columns.len() / 4;
        let params = FinishParams {
            rows: rows.len() as u32,
            first_row: rows.start as u32,
            pixels: self.y.shape.pixels() as u32,
            columns: self.product.columns(),
            y_skip: right.y_skip,
            residual_skip: right.residual_skip,
            flags: self.product.flags(),
            width: self.y.shape.width as u32,
            units: self.units as u32,
            first_column: columns.start as u32,
            quads: quads as u32,
        };
        let products = Binding { size: self.products_bytes(rows, columns.len()), ..scratch.products.read() };
        let bindings = [vec![products], right.bindings].concat();
        let kernel = self.product.kernel_of_epilogue(lowering, &shaders::WINOGRAD_FINISH);
        let grid = lowering.fold((self.rows(rows) * quads).div_ceil(LANES));
        lowering.emit(kernel, bindings, &params, grid);
        Ok(())
    }
}
