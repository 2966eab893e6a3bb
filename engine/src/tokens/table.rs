//! A vocabulary as bytes that are used as they lie: the numbers of its letters, then of its two marks, then its merges in
//! the order of what they merge. Nothing of the crate is used here but the alphabet: the build script makes the table of
//! CLIP's own vocabulary with this file, so that no start waits for it.

/// Words before the merges: a letter within a word and at its end for each byte, begin and end.
pub(super) const NUMBERS: usize = 2 * 256 + 2;

/// Words of a merge: left, right, what becomes of them, and how many merges come first.
const MERGE: usize = 4;

/// What becomes of two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) made: u32,
    /// The least goes first.
    pub(super) rank: u32,
}

/// The table of these `numbers`, and of `merges` as `[left, right, made]`, the strongest first. Of two merges of the
/// same pair the later one counts.
pub(super) fn table(numbers: [u32; NUMBERS], merges: &[[u32; 3]]) -> Vec<u8> {
    let ranked = (0..).zip(merges).map(|(rank, [left, right, made])| [*left, *right, *made, rank]);
    let mut rows: Vec<[u32; MERGE]> = ranked.collect();
    rows.sort_unstable_by_key(|[left, right, _, rank]| (*left, *right, std::cmp::Reverse(*rank)));
    rows.dedup_by_key(|[left, right, ..]| (*left, *right));
    numbers.iter().chain(rows.as_flattened()).flat_map(|word| word.to_le_bytes()).collect()
}

/// One of the numbers.
pub(super) fn number(table: &[u8], place: usize) -> u32 {
    let (words, _) = table.as_chunks::<4>();
    u32::from_le_bytes(words[place])
}

/// What becomes of two neighbours, if anything does.
pub(super) fn merge(table: &[u8], left: u32, right: u32) -> Option<Merge> {
    let (words, _) = table.as_chunks::<4>();
    let (rows, _) = words[NUMBERS..].as_chunks::<MERGE>();
    let pair = |row: &[[u8; 4]; MERGE]| (u32::from_le_bytes(row[0]), u32::from_le_bytes(row[1]));
    let place = rows.binary_search_by_key(&(left, right), pair).ok()?;
    let [_, _, made, rank] = rows[place].map(u32::from_le_bytes);
    Some(Merge { made, rank })
}
