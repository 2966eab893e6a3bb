//! The change of one layer, put together from its tensors.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::matrix::Matrix;
use super::names::Role;
use crate::weights::stored::StoredTensor;
use crate::weights::weight::{View, Weight};

/// What makes a change out of the tensors of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    LoRa,
    LoHa,
    LoKr,
    Full,
}

/// A layer's change.
#[derive(Debug)]
pub(super) struct Layer {
    /// As the file calls it.
    pub(super) name: String,
    pub(super) change: Change,
    pub(super) method: Method,
}

/// Factors with more rows than this are no LoRA's.
const MOST_RANKS: usize = 1 << 14;
/// Numbers of a factor that is made here out of smaller ones: four times SDXL's largest weight.
const LARGEST: usize = 1 << 27;

/// What a LoRA does to one layer.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) weight: Option<Arc<Delta>>,
    pub(super) bias: Option<Arc<Delta>>,
}

/// A difference of a tensor.
#[derive(Debug)]
pub(in crate::weights) struct Delta {
    pub(super) matrix: Matrix,
    /// What the difference is multiplied by at full strength: alpha over rank.
    pub(super) scale: f32,
    /// The rank, where there is one.
    pub(super) rank: Option<usize>,
    /// DoRA's lengths that the rows or columns of the changed weight have.
    pub(super) magnitude: Option<Magnitude>,
}

#[derive(Debug, Clone)]
pub(super) enum Magnitude {
    OfRows(Arc<[f32]>),
    OfColumns(Arc<[f32]>),
}

/// The tensors of one layer, by what they are.
#[derive(Debug, Default)]
pub(super) struct Parts(pub(super) BTreeMap<Role, StoredTensor>);

impl Parts {
    /// The change, or what is wrong, as the rest of a sentence that begins with the layer.
    /// `stated` is what a rank's difference is multiplied by where no tensor says.
    pub(super) fn change(&self, stated: impl Fn(usize) -> Option<f32>) -> Result<Change, String> {
        let factored = self.factored()?;
        let (rank, scale) = match &factored {
            Some(Factored { rank: Some(rank), .. }) => {
                (Some(*rank), self.scale(*rank)?.or_else(|| stated(*rank)).unwrap_or(1.0))
            }
            _ => (None, 1.0),
        };
        let magnitude = self.magnitude()?;
        let plain = |matrix| Arc::new(Delta { matrix, scale: 1.0, rank: None, magnitude: None });
        let weight = match (factored, self.stored(Role::Diff)?) {
            (Some(_), Some(_)) => return Err("has factors and a difference as well".into()),
            (Some(Factored { matrix, .. }), None) => Some(Arc::new(Delta { matrix, scale, rank, magnitude })),
            (None, Some(matrix)) => Some(Arc::new(Delta { matrix, scale: 1.0, rank: None, magnitude })),
            (None, None) if magnitude.is_some() => return Err("has magnitudes without factors".into()),
            (None, None) => None,
        };
        let bias = match (self.stored(Role::UpBias)?, self.stored(Role::DiffBias)?) {
            (Some(matrix), _) => Some(Arc::new(Delta { matrix, scale, rank: None, magnitude: None })),
            (None, diff) => diff.map(plain),
        };
        if weight.is_none() && bias.is_none() {
            return Err("has no weights, only marks".into());
        }
        Ok(Change { weight, bias })
    }

    fn factored(&self) -> Result<Option<Factored>, String> {
        let is_any = |roles: &[Role]| roles.iter().any(|role| self.0.contains_key(role));
        if is_any(&[Role::HadaW1A, Role::HadaW1B, Role::HadaW2A, Role::HadaW2B]) {
            return self.hadamard().map(Some);
        }
        if is_any(&[Role::LokrW1, Role::LokrW1A, Role::LokrW2, Role::LokrW2A]) {
            return self.kronecker().map(Some);
        }
        if !is_any(&[Role::Down, Role::Up]) {
            return Ok(None);
        }
        let (up, down) = (self.stored_factor(Role::Up)?, self.stored_factor(Role::Down)?);
        let rank = Some(down.outputs());
        let down = match self.0.contains_key(&Role::Mid) {
            true => self.tucker(Role::Mid, self.factor(Role::Down)?)?.weight(),
            false => down,
        };
        Ok(Some(Factored { matrix: product(up, down)?, rank }))
    }

    fn hadamard(&self) -> Result<Factored, String> {
        let rank = self.factor(Role::HadaW1B)?.rows;
        let one = |a, b, t| {
            let (a, b) = (self.factor(a)?, self.factor(b)?);
            let a = if self.0.contains_key(&t) { a.transposed() } else { a };
            product(a.weight(), self.tucker(t, b)?.weight())
        };
        let first = one(Role::HadaW1A, Role::HadaW1B, Role::HadaT1)?;
        let second = one(Role::HadaW2A, Role::HadaW2B, Role::HadaT2)?;
        if (first.rows(), first.columns()) != (second.rows(), second.columns()) {
            return Err("has two pairs of factors that do not fit together".into());
        }
        Ok(Factored { matrix: Matrix::Hadamard(Box::new([first, second])), rank: Some(rank) })
    }

    fn kronecker(&self) -> Result<Factored, String> {
        let mut rank = None;
        let right = match self.stored(Role::LokrW2)? {
            Some(matrix) => matrix,
            None => {
                let (a, b) = (self.factor(Role::LokrW2A)?, self.factor(Role::LokrW2B)?);
                rank = Some(b.rows);
                let a = if self.0.contains_key(&Role::LokrT2) { a.transposed() } else { a };
                product(a.weight(), self.tucker(Role::LokrT2, b)?.weight())?
            }
        };
        let left = match self.0.contains_key(&Role::LokrW1) {
            true => self.factor(Role::LokrW1)?,
            false => {
                let (a, b) = (self.factor(Role::LokrW1A)?, self.factor(Role::LokrW1B)?);
                rank = Some(b.rows);
                a.times(&b)?
            }
        };
        if left.rows.checked_mul(right.rows()).is_none()
            || left.columns.checked_mul(right.columns()).is_none()
        {
            return Err("is larger than any memory".into());
        }
        let (across, left) = (left.columns, left.numbers);
        Ok(Factored { matrix: Matrix::Kronecker { left, across, right: Box::new(right) }, rank })
    }

    /// The lower factor with the core between the two folded into it: `[r, c, taps] · [c, in] = [r, in · taps]`.
    fn tucker(&self, core: Role, down: Factor) -> Result<Factor, String> {
        let Some(stored) = self.0.get(&core) else { return Ok(down) };
        let wrong = || format!("has a core of shape {:?} that does not fit its factors", stored.shape);
        let (rows, inner) = match stored.shape[..] {
            [rows, inner, ..] if inner == down.rows && rows <= MOST_RANKS => (rows, inner),
            _ => return Err(wrong()),
        };
        let taps: usize = stored.shape[2..].iter().product();
        let made = rows.checked_mul(taps).and_then(|n| n.checked_mul(down.columns)).filter(|n| *n <= LARGEST);
        let mut numbers = vec![0.0; made.filter(|n| *n > 0).ok_or_else(wrong)?];
        let core = numbers_of(stored)?;
        for (row, out) in numbers.chunks_exact_mut(taps * down.columns).enumerate() {
            for (c, line) in down.numbers.chunks_exact(down.columns).enumerate() {
                let core = &core[(row * inner + c) * taps..][..taps];
                for (out, value) in out.chunks_exact_mut(taps).zip(line) {
                    out.iter_mut().zip(core).for_each(|(out, core)| *out += core * value);
                }
            }
        }
        Ok(Factor { rows, columns: taps * down.columns, numbers })
    }

    /// What the product of the factors is multiplied by. Trainers write 0 for "as the rank".
    fn scale(&self, rank: usize) -> Result<Option<f32>, String> {
        let Some(stored) = self.0.get(&Role::Alpha) else { return Ok(None) };
        match numbers_of(stored)?[..] {
            [alpha] if alpha != 0.0 => Ok(Some(alpha / rank as f32)),
            [_] => Ok(Some(1.0)),
            _ => Err(format!("has an alpha of shape {:?}, which is not a number", stored.shape)),
        }
    }

    fn magnitude(&self) -> Result<Option<Magnitude>, String> {
        if let Some(stored) = self.0.get(&Role::RowMagnitude) {
            return Ok(Some(Magnitude::OfRows(numbers_of(stored)?.into())));
        }
        let Some(stored) = self.0.get(&Role::Magnitude) else { return Ok(None) };
        let numbers: Arc<[f32]> = numbers_of(stored)?.into();
        match stored.shape[..] {
            [1, columns, ..] if columns > 1 && columns == numbers.len() => {
                Ok(Some(Magnitude::OfColumns(numbers)))
            }
            [rows, ..] if rows == numbers.len() => Ok(Some(Magnitude::OfRows(numbers))),
            _ => {
                let shape = &stored.shape;
                Err(format!(
                    "has magnitudes of shape {shape:?}, which are neither the rows' nor the columns'"
                ))
            }
        }
    }

    /// A tensor that is read in place.
    fn stored(&self, role: Role) -> Result<Option<Matrix>, String> {
        self.0.get(&role).map(|stored| Ok(Matrix::StoredTensor(weight_of(stored)?))).transpose()
    }

    /// A factor that is read in place: a matrix, with all extents but the first taken together.
    fn stored_factor(&self, role: Role) -> Result<Weight, String> {
        let stored = self.0.get(&role).ok_or_else(|| format!("lacks one of its factors ({role:?})"))?;
        let weight = weight_of(stored)?;
        if weight.is_empty() { Err("has an empty factor".into()) } else { Ok(weight) }
    }

    /// The same in memory.
    fn factor(&self, role: Role) -> Result<Factor, String> {
        let weight = self.stored_factor(role)?;
        Ok(Factor { rows: weight.outputs(), columns: weight.fan_in(), numbers: weight.to_f32() })
    }
}

/// A difference in factors.
struct Factored {
    matrix: Matrix,
    /// What alpha is divided by, where alpha counts.
    rank: Option<usize>,
}

struct Factor {
    rows: usize,
    columns: usize,
    numbers: Vec<f32>,
}

impl Factor {
    fn weight(self) -> Weight {
        Weight::from_f32("", vec![self.rows, self.columns], &self.numbers)
    }

    fn transposed(self) -> Self {
        let (rows, columns) = (self.columns, self.rows);
        let column = |i: usize| self.numbers.iter().skip(i).step_by(rows).copied();
        Self { rows, columns, numbers: (0..rows).flat_map(column).collect() }
    }

    fn times(&self, other: &Self) -> Result<Self, String> {
        let numbers = self.rows.checked_mul(other.columns).filter(|numbers| *numbers <= LARGEST);
        let Some(numbers) = numbers.filter(|_| self.columns == other.rows) else {
            return Err("has factors that do not fit together".into());
        };
        let mut out = vec![0.0; numbers];
        for (out, row) in out.chunks_exact_mut(other.columns).zip(self.numbers.chunks_exact(self.columns)) {
            for (by, line) in row.iter().zip(other.numbers.chunks_exact(other.columns)) {
                out.iter_mut().zip(line).for_each(|(out, value)| *out += by * value);
            }
        }
        Ok(Self { rows: self.rows, columns: other.columns, numbers: out })
    }
}

/// The product of two factors.
fn product(up: Weight, down: Weight) -> Result<Matrix, String> {
    let (mine, others) = (up.fan_in(), down.outputs());
    if mine != others {
        return Err(format!("has factors of ranks {mine} and {others}, which do not fit together"));
    }
    Ok(Matrix::LowRank { up, down })
}

fn numbers_of(stored: &StoredTensor) -> Result<Vec<f32>, String> {
    Ok(weight_of(stored)?.to_f32())
}

/// A tensor of the file, to be read in place.
fn weight_of(stored: &StoredTensor) -> Result<Weight, String> {
    let unknown = |other| format!("is stored as {other}; Fulmen reads F16, BF16 and F32");
    let numbers = stored.numbers.clone().map_err(unknown)?;
    if !numbers.all_finite(&stored.bytes) {
        return Err(format!("holds values that are not finite, in `{}`", stored.key));
    }
    Ok(Weight::of(stored.key.as_str(), stored.shape.clone(), numbers, View::Whole, stored.bytes.clone()))
}
