//! A picture in tiles that overlap by as much as a network sees: what is kept of each is what it is in the whole picture.

use std::ops::Range;

/// A stretch of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    /// Where the tile begins.
    start: usize,
    /// What is kept of it.
    kept: Range<usize>,
}

/// A tile of a picture, in its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Row and column of its first pixel.
    pub(crate) start: [usize; 2],
    /// Rows and columns of the picture that are kept of it.
    pub(crate) kept: [Range<usize>; 2],
}

/// How a picture is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Height and width of every tile.
    pub(crate) size: [usize; 2],
    pub(crate) tiles: Vec<Tile>,
}

impl Cut {
    /// Tiles of at most `most` pixels a side, if that is more than what they overlap by, for a picture of this height and
    /// width. What is kept of a tile is `sees` pixels away from its edges, but for those of the picture.
    pub(crate) fn new(picture: [usize; 2], most: usize, sees: usize) -> Self {
        let most = most.max(2 * sees + 1);
        let size = picture.map(|side| fitting(side, most, sees));
        let rows = stretches(picture[0], size[0], sees);
        let columns = stretches(picture[1], size[1], sees);
        let tile = |row: &Stretch, column: &Stretch| Tile {
            start: [row.start, column.start],
            kept: [row.kept.clone(), column.kept.clone()],
        };
        let tiles = rows.iter().flat_map(|row| columns.iter().map(move |column| tile(row, column))).collect();
        Self { size, tiles }
    }
}

/// How many tiles of a length cover a side.
fn count(side: usize, length: usize, sees: usize) -> usize {
    if side <= length { 1 } else { 1 + (side - length).div_ceil(length - 2 * sees) }
}

/// The shortest length with which no more tiles are needed than with the greatest.
fn fitting(side: usize, most: usize, sees: usize) -> usize {
    match count(side, most, sees) {
        1 => side,
        count => (side + 2 * sees * (count - 1)).div_ceil(count).min(most),
    }
}

fn stretches(side: usize, length: usize, sees: usize) -> Vec<Stretch> {
    let count = count(side, length, sees);
    // The last one ends with the side.
    let start = |place: usize| (place * (length - 2 * sees)).min(side - length);
    let border = |place: usize| match place {
        0 => 0,
        _ if place == count => side,
        _ => start(place) + sees,
    };
    (0..count).map(|place| Stretch { start: start(place), kept: border(place)..border(place + 1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_kept_once_and_far_from_the_edges_of_its_tile() {
        for side in [1, 7, 64, 65, 100, 200, 1000, 1024] {
            for (most, sees) in [(64, 8), (100, 20), (50, 24), (10, 8), (33, 0)] {
                let Cut { size, tiles } = Cut::new([side, 3], most, sees);
                let mut next = 0;
                for (place, Tile { start, kept }) in tiles.iter().enumerate() {
                    let kept = &kept[0];
                    assert_eq!(kept.start, next, "{side} in {size:?}");
                    next = kept.end;
                    let end = start[0] + size[0];
                    assert!(end <= side && !kept.is_empty(), "{side}: {tiles:?}");
                    assert!(place == 0 || kept.start >= start[0] + sees, "{side}: {tiles:?}");
                    assert!(place + 1 == tiles.len() || kept.end + sees <= end, "{side}: {tiles:?}");
                }
                assert_eq!(next, side);
                assert!(size[0] <= most.max(2 * sees + 1), "{side}: {size:?}");
            }
        }
    }

    #[test]
    fn a_picture_that_fits_is_one_tile() {
        let whole = Tile { start: [0, 0], kept: [0..48, 0..40] };
        assert_eq!(Cut::new([48, 40], 64, 8), Cut { size: [48, 40], tiles: vec![whole] });
    }
}
