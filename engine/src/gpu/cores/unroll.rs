//! Writes marked loops and arrays out.
//!
//! An array that a loop's counter indexes stays in registers only if the loop is unrolled and the array taken apart, and
//! drivers differ in what they do by themselves. So kernels mark both, and nothing is left to them:
//!
//! ```wgsl
//! var sums: array<Sums, ROWS>; // in registers
//! for (var i = 0u; i < ROWS; i++) { // unrolled
//!     sums[i] = …
//! ```
//!
//! becomes `var sums_0: Sums; var sums_1: Sums; …` and `{ const i = 0u; sums_0 = … } { const i = 1u; sums_1 = … } …`.
//! The text is valid WGSL, and means the same, as it is. A loop whose counter indexes no array may be marked `// unrolled on
//! GPUs`: a GPU's compiler orders its turns better where it is written out, but a driver that compiles for a CPU takes up to
//! twenty times as long.

use std::collections::HashMap;

/// The end of a line that opens such a loop.
const LOOP: &str = "{ // unrolled";
/// That of one which is written out for GPUs alone.
const LOOP_ON_GPUS: &str = "{ // unrolled on GPUs";
/// The end of a line that declares such an array.
const ARRAY: &str = "; // in registers";

/// The text with everything marked written out, for a GPU or for a CPU that plays one. Bounds, lengths and indices are
/// numbers, constants of the text (`const ROWS: u32 = 4u;`), counters of marked loops, and sums, products and quotients of
/// these.
pub(in crate::gpu) fn unroll(source: &str, for_cpu: bool) -> String {
    let source = &source.replace(LOOP_ON_GPUS, if for_cpu { "{" } else { LOOP });
    let constants = source.lines().filter_map(constant).collect();
    let arrays = source.lines().filter_map(declaration).map(|declared| declared.name).collect();
    let mut unroller = Unroller { arrays, values: constants, text: String::with_capacity(2 * source.len()) };
    unroller.expand(source);
    unroller.text
}

/// `const NAME: u32 = 4u;`
fn constant(line: &str) -> Option<(&str, u32)> {
    let (name, value) = line.strip_prefix("const ")?.split_once(": u32 = ")?;
    Some((name, value.strip_suffix("u;")?.parse().ok()?))
}

/// A marked array.
struct Declaration<'a> {
    name: &'a str,
    element: &'a str,
    length: &'a str,
}

/// `var NAME: array<ELEMENT, LENGTH>; // in registers`
fn declaration(line: &str) -> Option<Declaration<'_>> {
    let (name, array) = line.strip_suffix(ARRAY)?.trim().strip_prefix("var ")?.split_once(": array<")?;
    let (element, length) = array.strip_suffix('>')?.rsplit_once(", ")?;
    Some(Declaration { name, element, length })
}

struct Unroller<'a> {
    arrays: Vec<&'a str>,
    /// Constants, and counters of the loops around.
    values: HashMap<&'a str, u32>,
    text: String,
}

impl<'a> Unroller<'a> {
    fn expand(&mut self, source: &'a str) {
        let mut rest = source;
        while let Some(mark) = rest.find(LOOP) {
            let line = rest[..mark].rfind('\n').map_or(0, |end| end + 1);
            let (counter, bound) = counter_and_bound(&rest[line..mark]);
            let body = &rest[mark + LOOP.len()..];
            let end = closing_brace(body);
            self.write(&rest[..line]);
            for i in 0..self.value(bound) {
                self.values.insert(counter, i);
                self.text.push_str(&format!("{{ const {counter} = {i}u;"));
                self.expand(&body[..end]);
                self.text.push_str("}\n");
            }
            self.values.remove(counter);
            rest = &body[end + 1..];
        }
        self.write(rest);
    }

    /// Text without loops: arrays become variables.
    fn write(&mut self, text: &'a str) {
        for line in text.split_inclusive('\n') {
            match declaration(line.trim_end_matches('\n')) {
                None => self.write_line(line),
                Some(array) => {
                    for i in 0..self.value(array.length) {
                        self.text.push_str(&format!("var {}_{i}: {};\n", array.name, array.element));
                    }
                }
            }
        }
    }

    fn write_line(&mut self, line: &'a str) {
        let mut rest = line;
        while let Some((before, name, after)) = self.first_array(rest) {
            let end = after.find(']').unwrap_or(after.len());
            self.text.push_str(before);
            self.text.push_str(&format!("{name}_{}", self.value(&after[..end])));
            rest = after.get(end + 1..).unwrap_or("");
        }
        self.text.push_str(rest);
    }

    /// What stands before the first place of a marked array, its name, and what stands after the bracket.
    fn first_array(&self, text: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let places = text.match_indices('[').filter_map(|(bracket, _)| {
            let start = text[..bracket].rfind(|c| !is_word(c)).map_or(0, |end| end + 1);
            let name = &text[start..bracket];
            self.arrays.contains(&name).then(|| (&text[..start], name, &text[bracket + 1..]))
        });
        places.into_iter().next()
    }

    /// The value of a sum of products.
    fn value(&self, expression: &str) -> u32 {
        let operator =
            expression.rfind(" + ").or_else(|| expression.rfind(" * ")).or_else(|| expression.rfind(" / "));
        let Some(place) = operator else { return self.number(expression.trim()) };
        let (a, b) = (self.value(&expression[..place]), self.value(&expression[place + 3..]));
        match &expression[place..place + 3] {
            " + " => a + b,
            " * " => a * b,
            _ => a / b,
        }
    }

    fn number(&self, word: &str) -> u32 {
        let literal = word.trim_end_matches('u').parse().ok();
        let found = literal.or_else(|| self.values.get(word).copied());
        found.unwrap_or_else(|| unreachable!("`{word}` is a number, a constant or a counter of its kernel"))
    }
}

/// Of `for (var i = 0u; i < ROWS; i++)`: `i` and `ROWS`.
fn counter_and_bound(line: &str) -> (&str, &str) {
    fn between<'a>(line: &'a str, start: &str, end: &str) -> &'a str {
        let rest = line.split_once(start).map_or("", |(_, rest)| rest);
        rest.split_once(end).map_or("", |(between, _)| between).trim()
    }
    (between(line, "for (var ", " ="), between(line, "< ", ";"))
}

/// Where the block ends whose brace was opened before `body`.
fn closing_brace(body: &str) -> usize {
    let mut open = 1;
    let closes = |(_, byte): &(usize, u8)| {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    };
    body.bytes().enumerate().find(closes).map_or(body.len(), |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_loops_and_arrays_are_written_out_and_others_stay() {
        let source = "const N: u32 = 2u;\nvar a: array<vec2<f32>, N * 2u>; // in registers\n\
                      for (var i = 0u; i < N; i++) { // unrolled\nfor (var j = 0u; j < 2u; j++) { // unrolled\n\
                      a[i * N + j] = b[i] + a[j];\n}\n}\nfor (var k = 0u; k < N; k++) {\nb[k] = a[3u];\n}\n";
        let registers: String = (0..4).map(|i| format!("var a_{i}: vec2<f32>;\n")).collect();
        let inner = |i: u32| {
            let body = |j| format!("{{ const j = {j}u;\na_{} = b[i] + a_{j};\n}}\n", 2 * i + j);
            format!("{{ const i = {i}u;\n{}{}\n}}\n", body(0), body(1))
        };
        let rest = "for (var k = 0u; k < N; k++) {\nb[k] = a_3;\n}\n";
        let wanted = format!("const N: u32 = 2u;\n{registers}{}{}\n{rest}", inner(0), inner(1));
        assert_eq!(unroll(source, false), wanted);
    }

    #[test]
    fn text_without_marks_is_as_it_was() {
        let text = "fn main() { let x = data[3u]; }\nvar y: array<u32, 4>;\n";
        assert_eq!(unroll(text, false), text);
    }

    #[test]
    fn some_loops_are_written_out_for_gpus_alone() {
        let source = "for (var k = 0u; k < 1u; k++) { // unrolled on GPUs\na(k);\n}\n";
        assert_eq!(unroll(source, false), "{ const k = 0u;\na(k);\n}\n\n");
        assert_eq!(unroll(source, true), "for (var k = 0u; k < 1u; k++) {\na(k);\n}\n");
    }
}
