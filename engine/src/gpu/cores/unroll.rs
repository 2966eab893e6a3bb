//! Writes marked loops out.
//!
//! An array that a loop's counter indexes stays in registers only if the loop is unrolled, and drivers differ in what
//! they unroll. So kernels whose registers are arrays mark those loops, and get their bodies as often as they run:
//!
//! ```wgsl
//! for (var i = 0u; i < ROWS; i++) { // unrolled
//! ```
//!
//! becomes `{ const i = 0u; … } { const i = 1u; … } …`. The text is valid WGSL, and means the same, as it is.

/// The end of a line that opens such a loop.
const MARK: &str = "{ // unrolled";

/// The text with every marked loop written out. Bounds are constants of the text: `const ROWS: u32 = 4u;`.
pub(in crate::gpu) fn unroll(source: &str) -> String {
    let constant = |name: &str| constant(source, name);
    let mut text = String::with_capacity(source.len());
    expand(source, &constant, &mut text);
    text
}

fn expand(source: &str, constant: &dyn Fn(&str) -> u32, text: &mut String) {
    let mut rest = source;
    while let Some(mark) = rest.find(MARK) {
        let line = rest[..mark].rfind('\n').map_or(0, |end| end + 1);
        let (counter, bound) = counter_and_bound(&rest[line..mark]);
        let body = &rest[mark + MARK.len()..];
        let end = closing_brace(body);
        text.push_str(&rest[..line]);
        for i in 0..constant(bound) {
            text.push_str(&format!("{{ const {counter} = {i}u;"));
            expand(&body[..end], constant, text);
            text.push_str("}\n");
        }
        rest = &body[end + 1..];
    }
    text.push_str(rest);
}

/// Of `for (var i = 0u; i < ROWS; i++)`: `i` and `ROWS`.
fn counter_and_bound(line: &str) -> (&str, &str) {
    let between = |start: &str, end: &str| {
        let rest = line.split_once(start).map_or("", |(_, rest)| rest);
        rest.split_once(end).map_or("", |(between, _)| between).trim()
    };
    (between("for (var ", " ="), between("< ", ";"))
}

/// A number, or a constant of the text.
fn constant(source: &str, name: &str) -> u32 {
    let number = |text: &str| text.trim().trim_end_matches('u').parse().ok();
    let of_constant = || {
        let start = source.find(&format!("const {name}: u32 = "))?;
        number(source[start..].split_once('=')?.1.split_once(';')?.0)
    };
    let found: Option<u32> = number(name).or_else(of_constant);
    found.unwrap_or_else(|| unreachable!("the bound `{name}` of a loop is a constant of its kernel"))
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
    fn marked_loops_are_written_out_within_each_other_and_others_stay() {
        let source = "const N: u32 = 2u;\nfor (var i = 0u; i < N; i++) { // unrolled\nfor (var j = 0u; j < 2u; j++) { // unrolled\n\
                      a[i * N + j] = {};\n}\n}\nfor (var k = 0u; k < N; k++) {\n}\n";
        let inner = |i| {
            let body = |j| format!("{{ const j = {j}u;\na[i * N + j] = {{}};\n}}\n");
            format!("{{ const i = {i}u;\n{}{}\n}}\n", body(0), body(1))
        };
        let wanted =
            format!("const N: u32 = 2u;\n{}{}\nfor (var k = 0u; k < N; k++) {{\n}}\n", inner(0), inner(1));
        assert_eq!(unroll(source), wanted);
    }

    #[test]
    fn text_without_marks_is_as_it_was() {
        assert_eq!(unroll("fn main() { }"), "fn main() { }");
    }
}
