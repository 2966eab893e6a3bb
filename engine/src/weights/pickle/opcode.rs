//! The instructions of a pickle, with what stands behind them; of those that are not known, the names.

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    /// Says nothing of the values: the protocol, the length of what follows.
    Nothing,
    Stop,
    Mark,
    Other,
    Int(i64),
    /// Where the text stands.
    Text(usize, usize),
    EmptyRow,
    EmptyDictionary,
    /// So many values from the top of the stack.
    Tuple(usize),
    /// Those above the mark.
    TupleToMark,
    Append,
    AppendToMark,
    Set,
    SetToMark,
    /// `module` and `name` stand in these places.
    Global([usize; 4]),
    /// They lie on the stack.
    StackGlobal,
    Persistent,
    Call,
    Build,
    Put(u32),
    PutNext,
    Get(u32),
}

/// Reads the instruction at `at`; it, and where the next one begins.
pub(super) fn read(bytes: &[u8], at: usize) -> Result<(Opcode, usize), String> {
    let cut = || "ends within an instruction of its pickle".to_owned();
    let code = *bytes.get(at).ok_or_else(cut)?;
    let rest = bytes.get(at + 1..).ok_or_else(cut)?;
    decode(code, rest, at + 1).ok_or_else(cut)?.map(|(opcode, len)| (opcode, at + 1 + len)).ok_or_else(|| {
        format!("has the instruction {} in its pickle, which no dictionary of tensors needs", name(code))
    })
}

/// The instruction and the length of what stands behind it; within, `None` where it is not known, and without, where
/// it is cut off.
#[allow(clippy::option_option, reason = "cut off and unknown are two different answers")]
fn decode(code: u8, rest: &[u8], start: usize) -> Option<Option<(Opcode, usize)>> {
    let byte = |at: usize| rest.get(at).copied();
    let word = || Some(u32::from_le_bytes(*rest.first_chunk()?));
    Some(Some(match code {
        0x80 => (Opcode::Nothing, byte(0).map(|_| 1)?),
        0x95 => (Opcode::Nothing, rest.first_chunk::<8>().map(|_| 8)?),
        b'.' => (Opcode::Stop, 0),
        b'(' => (Opcode::Mark, 0),
        b'N' | 0x88 | 0x89 => (Opcode::Other, 0),
        b'G' => (Opcode::Other, rest.first_chunk::<8>().map(|_| 8)?),
        b'K' => (Opcode::Int(i64::from(byte(0)?)), 1),
        b'M' => (Opcode::Int(i64::from(u16::from_le_bytes(*rest.first_chunk()?))), 2),
        b'J' => (Opcode::Int(i64::from(i32::from_le_bytes(*rest.first_chunk()?))), 4),
        0x8a => return long(rest),
        b'X' => return text(rest, start, 4, word()? as usize),
        0x8c => return text(rest, start, 1, usize::from(byte(0)?)),
        b']' | b')' => (Opcode::EmptyRow, 0),
        b'}' => (Opcode::EmptyDictionary, 0),
        0x85..=0x87 => (Opcode::Tuple(usize::from(code - 0x84)), 0),
        b't' => (Opcode::TupleToMark, 0),
        b'a' => (Opcode::Append, 0),
        b'e' => (Opcode::AppendToMark, 0),
        b's' => (Opcode::Set, 0),
        b'u' => (Opcode::SetToMark, 0),
        b'c' => return global(rest, start),
        0x93 => (Opcode::StackGlobal, 0),
        b'Q' => (Opcode::Persistent, 0),
        b'R' => (Opcode::Call, 0),
        b'b' => (Opcode::Build, 0),
        b'q' => (Opcode::Put(u32::from(byte(0)?)), 1),
        b'r' => (Opcode::Put(word()?), 4),
        0x94 => (Opcode::PutNext, 0),
        b'h' => (Opcode::Get(u32::from(byte(0)?)), 1),
        b'j' => (Opcode::Get(word()?), 4),
        _ => return Some(None),
    }))
}

type Decoded = Option<Option<(Opcode, usize)>>;

/// A whole number of any length; one of more than eight bytes counts nothing here.
fn long(rest: &[u8]) -> Decoded {
    let len = usize::from(*rest.first()?);
    let digits = rest.get(1..=len)?;
    let mut bytes = [if digits.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 }; 8];
    let Some(low) = bytes.get_mut(..len) else { return Some(Some((Opcode::Other, 1 + len))) };
    low.copy_from_slice(digits);
    Some(Some((Opcode::Int(i64::from_le_bytes(bytes)), 1 + len)))
}

/// A text of `len` bytes, behind `before` bytes that say so.
fn text(rest: &[u8], start: usize, before: usize, len: usize) -> Decoded {
    let end = before.checked_add(len)?;
    rest.get(before..end)?;
    Some(Some((Opcode::Text(start + before, start + end), end)))
}

/// Two lines.
fn global(rest: &[u8], start: usize) -> Decoded {
    let line = |from: usize| rest.get(from..)?.iter().position(|byte| *byte == b'\n').map(|len| from + len);
    let module = line(0)?;
    let name = line(module + 1)?;
    let places = [start, start + module, start + module + 1, start + name];
    Some(Some((Opcode::Global(places), name + 1)))
}

/// What Python's documents call an instruction.
fn name(code: u8) -> String {
    const NAMES: [(u8, &str); 32] = [
        (b'0', "POP"),
        (b'1', "POP_MARK"),
        (b'2', "DUP"),
        (b'F', "FLOAT"),
        (b'I', "INT"),
        (b'L', "LONG"),
        (b'P', "PERSID"),
        (b'S', "STRING"),
        (b'T', "BINSTRING"),
        (b'U', "SHORT_BINSTRING"),
        (b'V', "UNICODE"),
        (b'd', "DICT"),
        (b'g', "GET"),
        (b'i', "INST"),
        (b'l', "LIST"),
        (b'o', "OBJ"),
        (b'p', "PUT"),
        (b'B', "BINBYTES"),
        (b'C', "SHORT_BINBYTES"),
        (0x81, "NEWOBJ"),
        (0x82, "EXT1"),
        (0x83, "EXT2"),
        (0x84, "EXT4"),
        (0x8b, "LONG4"),
        (0x8d, "BINUNICODE8"),
        (0x8e, "BINBYTES8"),
        (0x8f, "EMPTY_SET"),
        (0x90, "ADDITEMS"),
        (0x91, "FROZENSET"),
        (0x92, "NEWOBJ_EX"),
        (0x96, "BYTEARRAY8"),
        (0x97, "NEXT_BUFFER"),
    ];
    let known = NAMES.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| format!("{code:#04x}"), |(_, name)| (*name).to_owned())
}
