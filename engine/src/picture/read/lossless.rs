//! How many sets of codes a lossless WebP stream has, read without unpacking it.
//!
//! A picture of any size may ask for 65,536 sets of five tables each, which a decoder builds before the first pixel: some
//! megabytes of a file become more than a gigabyte. Encoders write at most a few thousand. Their number is the largest
//! value in a small picture of its own, and values come only from literals: what is copied stood there before. So that
//! picture, and those of the transforms before it, are followed without being kept.

/// The alphabets of a set: green with lengths, red, blue, alpha, distances.
const ALPHABETS: [usize; 5] = [256 + LENGTHS, 256, 256, 256, 40];

/// Symbols of lengths behind the values of green.
const LENGTHS: usize = 24;

/// The order in which lengths of the code of lengths are written.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const LONGEST_CODE: usize = 15;

/// The sets of codes of a stream for a picture of this size; `None` where it is damaged or ends early.
pub(super) fn sets(stream: &[u8], [width, height]: [usize; 2]) -> Option<usize> {
    let mut bits = Bits { stream, at: 0 };
    let mut across = width;
    let mut seen = [false; 4];
    while bits.take(1)? == 1 {
        let transform = bits.take(2)?;
        if std::mem::replace(&mut seen[transform], true) {
            return None;
        }
        match transform {
            2 => {}
            3 => {
                let colours = bits.take(8)? + 1;
                bits.picture([colours, 1])?;
                // Of few colours, several pixels share one.
                let together = [2, 4, 16].iter().filter(|&&most| colours <= most).count();
                across = across.div_ceil(1 << together);
            }
            _ => {
                let side = 1 << (bits.take(3)? + 2);
                bits.picture([across.div_ceil(side), height.div_ceil(side)])?;
            }
        }
    }
    bits.cache()?;
    if bits.take(1)? == 0 {
        return Some(1);
    }
    let side = 1 << (bits.take(3)? + 2);
    Some(bits.picture([across.div_ceil(side), height.div_ceil(side)])? + 1)
}

/// A stream, its lowest bits first.
struct Bits<'a> {
    stream: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for i in 0..count {
            let byte = self.stream.get(self.at / 8)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Some(value)
    }

    /// Colours that are kept for being named again.
    fn cache(&mut self) -> Option<usize> {
        if self.take(1)? == 0 {
            return Some(0);
        }
        let bits = self.take(4)?;
        (1..=11).contains(&bits).then_some(1 << bits)
    }

    /// Follows a picture of one set of codes; the largest 16 bits of red and green in it.
    fn picture(&mut self, [width, height]: [usize; 2]) -> Option<usize> {
        let cache = self.cache()?;
        let mut codes = Vec::with_capacity(ALPHABETS.len());
        for (i, alphabet) in ALPHABETS.into_iter().enumerate() {
            codes.push(self.code(if i == 0 { alphabet + cache } else { alphabet })?);
        }
        let (mut largest, mut left) = (0, width * height);
        while left > 0 {
            let green = codes[0].read(self)?;
            let covered = if green < 256 {
                let red = codes[1].read(self)?;
                codes[2].read(self)?;
                codes[3].read(self)?;
                largest = largest.max(red << 8 | green);
                1
            } else if green < 256 + LENGTHS {
                let length = self.number(green - 256)?;
                let distance = codes[4].read(self)?;
                self.number(distance)?;
                length
            } else {
                1
            };
            left = left.saturating_sub(covered);
        }
        Some(largest)
    }

    /// A length or distance, of which a symbol has the highest bits.
    fn number(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let more = (symbol - 2) >> 1;
        Some(((2 + (symbol & 1)) << more) + self.take(more)? + 1)
    }

    fn code(&mut self, alphabet: usize) -> Option<Code> {
        if self.take(1)? == 1 {
            let two = self.take(1)? == 1;
            let bits = if self.take(1)? == 1 { 8 } else { 1 };
            let first = self.take(bits)?;
            return Some(match two {
                false => Code::one(first),
                true => Code { counts: counts_of_one_length(), symbols: vec![first, self.take(8)?] },
            });
        }
        let mut lengths = [0; ORDER.len()];
        for place in &ORDER[..self.take(4)? + 4] {
            lengths[*place] = self.take(3)?;
        }
        let of_lengths = Code::of(&lengths)?;
        let written = if self.take(1)? == 1 {
            let bits = 2 + 2 * self.take(3)?;
            2 + self.take(bits)?
        } else {
            alphabet
        };
        let lengths = self.lengths(&of_lengths, written, alphabet)?;
        Code::of(&lengths)
    }

    fn lengths(&mut self, code: &Code, written: usize, alphabet: usize) -> Option<Vec<usize>> {
        let (mut lengths, mut last) = (Vec::with_capacity(alphabet), 8);
        for _ in 0..written {
            if lengths.len() == alphabet {
                break;
            }
            let (length, times) = match code.read(self)? {
                16 => (last, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                18 => (0, 11 + self.take(7)?),
                length => (length, 1),
            };
            if length > 0 {
                last = length;
            }
            lengths.resize(lengths.len() + times, length);
        }
        (lengths.len() <= alphabet).then_some(lengths)
    }
}

/// A canonical prefix code: how many codes there are of each length, and their symbols in order.
struct Code {
    counts: [usize; LONGEST_CODE + 1],
    symbols: Vec<usize>,
}

fn counts_of_one_length() -> [usize; LONGEST_CODE + 1] {
    let mut counts = [0; LONGEST_CODE + 1];
    counts[1] = 2;
    counts
}

impl Code {
    /// A symbol that needs no bits.
    fn one(symbol: usize) -> Self {
        Self { counts: [0; LONGEST_CODE + 1], symbols: vec![symbol] }
    }

    /// `None` unless every row of bits is a code.
    fn of(lengths: &[usize]) -> Option<Self> {
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|&symbol| lengths[symbol] > 0).collect();
        if let [symbol] = symbols[..] {
            return Some(Self::one(symbol));
        }
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        let mut counts = [0; LONGEST_CODE + 1];
        symbols.iter().for_each(|&symbol| counts[lengths[symbol]] += 1);
        let taken: usize = (1..=LONGEST_CODE).map(|length| counts[length] << (LONGEST_CODE - length)).sum();
        (taken == 1 << LONGEST_CODE).then_some(Self { counts, symbols })
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        if let [symbol] = self.symbols[..] {
            return Some(symbol);
        }
        let (mut code, mut first, mut before) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get(before + code - first).copied();
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}
