//! The generator of torch on NVIDIA cards: Philox 4x32-10 of Salmon, Moraes, Dror and Shaw ("Parallel random
//! numbers: as easy as 1, 2, 3", 2011), with Box-Muller as cuRAND writes it.
//!
//! Philox has no state to step through: four words are a function of a counter and a key. The key is the seed;
//! two words of the counter number the draw, two number the value, so a card makes all values at once.

/// Multipliers of a round, and what is added to the key after each.
const MULTIPLY: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const KEY_STEP: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
const ROUNDS: usize = 10;

/// A generator on an NVIDIA card after `manual_seed(seed)`.
///
/// A card starts a wave of threads and each makes every wave-th value, so for tensors longer than its wave cards
/// disagree with each other. By default the wave is taken as endless, as AUTOMATIC1111's `rng_philox` does: that
/// is what every card with at least as many threads as values draws (65,536 for 1024×1024 pixels: 32
/// multiprocessors of 2,048 threads, or 43 of 1,536).
#[derive(Debug, Clone)]
pub struct Philox {
    key: [u32; 2],
    /// Counts up by one for every four values that a thread has made.
    draw: u64,
    wave: usize,
}

impl Philox {
    /// A fresh generator; all 64 bits of the seed count.
    pub fn seed(seed: u64) -> Self {
        Self { key: split(seed), draw: 0, wave: usize::MAX }
    }

    /// The generator of a card that runs `threads` threads at once: 256 × multiprocessors × (threads of one / 256).
    pub fn with_wave(mut self, threads: usize) -> Self {
        self.wave = threads.max(1);
        self
    }

    /// `torch.randn(count, device="cuda")`.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        self.draw_each(count, normal)
    }

    /// `torch.rand(count, device="cuda")`: in (0, 1] on the card, where torch turns 1 into 0.
    pub fn uniforms(&mut self, count: usize) -> Vec<f32> {
        self.draw_each(count, |words, lane| {
            let value = unit(words[lane]);
            if value == 1.0 { 0.0 } else { value }
        })
    }

    /// Value i is the lane (i / wave) mod 4 of what thread i mod wave makes.
    fn draw_each(&mut self, count: usize, value: impl Fn([u32; 4], usize) -> f32) -> Vec<f32> {
        let wave = self.wave.min(count).max(1);
        let at = |i: usize| {
            let turn = i / wave;
            let [draw_low, draw_high] = split(self.draw + (turn / 4) as u64);
            let [thread_low, thread_high] = split((i % wave) as u64);
            value(philox(self.key, [draw_low, draw_high, thread_low, thread_high]), turn % 4)
        };
        let values = (0..count).map(at).collect();
        self.draw += count.div_ceil(wave).div_ceil(4) as u64;
        values
    }
}

/// Low and high word.
fn split(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Ten rounds over the counter.
fn philox(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let [a_low, a_high] = split(u64::from(counter[0]) * u64::from(MULTIPLY[0]));
        let [b_low, b_high] = split(u64::from(counter[2]) * u64::from(MULTIPLY[1]));
        counter = [b_high ^ counter[1] ^ key[0], b_low, a_high ^ counter[3] ^ key[1], a_low];
        key = [key[0].wrapping_add(KEY_STEP[0]), key[1].wrapping_add(KEY_STEP[1])];
    }
    counter
}

/// A word as a value in (0, 1]: the middle of its 2⁻³² wide interval.
fn unit(word: u32) -> f32 {
    word as f32 * f32::powi(2.0, -32) + f32::powi(2.0, -33)
}

/// One lane of cuRAND's `normal4`: each pair of words gives a sine and a cosine.
///
/// Radius and angle are rounded to f32 where the card does. Its own fast sine has an error of about 5e-7, so
/// agreement with a card ends there.
fn normal(words: [u32; 4], lane: usize) -> f32 {
    let pair = lane / 2 * 2;
    let radius = (-2.0 * f64::from(unit(words[pair])).ln()).sqrt();
    let turn = f32::powi(2.0, -32) * std::f32::consts::TAU;
    let angle = f64::from(words[pair + 1] as f32 * turn + turn / 2.0);
    let direction = if lane == pair { angle.sin() } else { angle.cos() };
    (radius * direction) as f32
}
