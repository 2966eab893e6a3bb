//! The stack machine: one instruction after the other, until the pickle says that it is at its end.

use std::collections::HashMap;

use super::names::Name;
use super::opcode::{self, Opcode};
use super::value::{self, Place, Storage, Tensor, Value, Values};
use crate::quote;

/// Bytes of a pickle: a network of a thousand tensors has a quarter of a megabyte.
const LONGEST: usize = 4 << 20;
/// Values: a tensor takes some twenty.
const MOST_VALUES: usize = 1 << 20;

/// Arguments of a call that are looked at.
const ARGUMENTS: usize = 5;

/// Reads a pickle; what is wrong with it, or what it asks for that is not done, as the rest of a sentence.
pub(in crate::weights) fn read(bytes: &[u8]) -> Result<Values<'_>, String> {
    if bytes.len() > LONGEST {
        return Err(format!("has a pickle of {} MiB, far more than a network needs", bytes.len() >> 20));
    }
    let mut machine = Machine { bytes, all: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
    let mut at = 0;
    loop {
        let (opcode, next) = opcode::read(bytes, at)?;
        at = next;
        if opcode == Opcode::Stop {
            let root = machine.pop()?;
            return Ok(Values { bytes, all: machine.all, root });
        }
        machine.step(opcode)?;
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    all: Vec<Value>,
    stack: Vec<Place>,
    /// How high the stack was where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
}

/// The sentence where a pickle breaks its own rules.
fn broken<T>() -> Result<T, String> {
    Err("has a damaged pickle; fetch it again".into())
}

impl Machine<'_> {
    fn step(&mut self, opcode: Opcode) -> Result<(), String> {
        match opcode {
            Opcode::Nothing | Opcode::Stop => Ok(()),
            Opcode::Mark => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            Opcode::Other => self.push(Value::Other),
            Opcode::Int(value) => self.push(Value::Int(value)),
            Opcode::Text(start, end) => self.push(Value::Text(start as u32, end as u32)),
            Opcode::EmptyRow => self.push(Value::Row(vec![])),
            Opcode::EmptyDictionary => self.push(Value::Dictionary(vec![])),
            Opcode::Tuple(count) => self.row(self.stack.len().checked_sub(count)),
            Opcode::TupleToMark => {
                let mark = self.marks.pop();
                self.row(mark)
            }
            Opcode::Append => self.append(self.stack.len().checked_sub(1)),
            Opcode::AppendToMark => {
                let mark = self.marks.pop();
                self.append(mark)
            }
            Opcode::Set => self.set(self.stack.len().checked_sub(2)),
            Opcode::SetToMark => {
                let mark = self.marks.pop();
                self.set(mark)
            }
            Opcode::Global(places) => self.global(places),
            Opcode::StackGlobal => self.stack_global(),
            Opcode::Persistent => self.persistent(),
            Opcode::Call => self.call(),
            // What is set on a dictionary besides its entries: versions of modules.
            Opcode::Build => self.pop().and_then(|_| self.top()).map(drop),
            Opcode::Put(key) => self.put(key),
            Opcode::PutNext => self.put(self.memo.len() as u32),
            Opcode::Get(key) => match self.memo.get(&key) {
                Some(&place) => {
                    self.stack.push(place);
                    Ok(())
                }
                None => broken(),
            },
        }
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        if self.all.len() == MOST_VALUES {
            return Err(format!(
                "has a pickle of more than {MOST_VALUES} values, far more than a network needs"
            ));
        }
        self.stack.push(self.all.len() as Place);
        self.all.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Place, String> {
        // What lies beneath a mark is not reached over it.
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return broken();
        }
        self.stack.pop().map_or_else(broken, Ok)
    }

    fn top(&self) -> Result<Place, String> {
        self.stack.last().copied().map_or_else(broken, Ok)
    }

    /// What lies on the stack from a height on, taken away.
    fn above(&mut self, height: Option<usize>) -> Result<Vec<Place>, String> {
        match height.filter(|height| *height <= self.stack.len()) {
            Some(height) => Ok(self.stack.split_off(height)),
            None => broken(),
        }
    }

    fn row(&mut self, height: Option<usize>) -> Result<(), String> {
        let row = self.above(height)?;
        self.push(Value::Row(row))
    }

    fn append(&mut self, height: Option<usize>) -> Result<(), String> {
        let more = self.above(height)?;
        let place = self.top()? as usize;
        match self.all.get_mut(place) {
            Some(Value::Row(row)) => {
                row.extend(more);
                Ok(())
            }
            _ => broken(),
        }
    }

    fn set(&mut self, height: Option<usize>) -> Result<(), String> {
        let more = self.above(height)?;
        let (pairs, rest) = more.as_chunks::<2>();
        let place = self.top()? as usize;
        match self.all.get_mut(place) {
            Some(Value::Dictionary(entries)) if rest.is_empty() => {
                entries.extend(pairs);
                Ok(())
            }
            _ => broken(),
        }
    }

    fn put(&mut self, key: u32) -> Result<(), String> {
        let place = self.top()?;
        if self.memo.len() == MOST_VALUES {
            return broken();
        }
        self.memo.insert(key, place);
        Ok(())
    }

    fn global(&mut self, [start, module, name, end]: [usize; 4]) -> Result<(), String> {
        let text = |range: std::ops::Range<usize>| self.bytes.get(range).map(String::from_utf8_lossy);
        match (text(start..module), text(name..end)) {
            (Some(module), Some(name)) => self.named(&module, &name),
            _ => broken(),
        }
    }

    fn stack_global(&mut self) -> Result<(), String> {
        let (name, module) = (self.pop()?, self.pop()?);
        let values = [module, name].map(|place| self.text(place).map(str::to_owned));
        match values {
            [Some(module), Some(name)] => self.named(&module, &name),
            _ => broken(),
        }
    }

    fn named(&mut self, module: &str, name: &str) -> Result<(), String> {
        match Name::of(module, name) {
            Some(name) => self.push(Value::Name(name)),
            None => {
                let asked = quote::quoted(&format!("{module}.{name}"));
                Err(format!(
                    "asks for `{asked}` in its pickle, which no dictionary of tensors needs and which is not run; \
                     fetch the network as safetensors"
                ))
            }
        }
    }

    fn text(&self, place: Place) -> Option<&str> {
        value::text(self.bytes, self.all.get(place as usize)?)
    }

    fn int(&self, place: Place) -> Option<usize> {
        match self.all.get(place as usize)? {
            Value::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    fn items(&self, place: Place) -> Option<&[Place]> {
        match self.all.get(place as usize)? {
            Value::Row(row) => Some(row),
            _ => None,
        }
    }

    /// A storage: `("storage", FloatStorage, key, device, count)`.
    fn persistent(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let storage = match self.items(id) {
            Some(&[kind, numbers, key, _, count]) if self.text(kind) == Some("storage") => {
                let numbers = match self.all.get(numbers as usize) {
                    Some(Value::Name(Name::Storage(numbers))) => Some(*numbers),
                    _ => None,
                };
                numbers.zip(self.text(key).map(|_| key)).zip(self.int(count))
            }
            _ => None,
        };
        match storage {
            Some(((numbers, key), count)) => self.push(Value::Storage(Storage { numbers, key, count })),
            None => broken(),
        }
    }

    /// Of a call of a known name, what comes of it.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Some(Value::Name(name)) = self.all.get(callee as usize).cloned() else { return broken() };
        // As many as are looked at: a long row may be given again and again.
        let Some(items) = self.items(arguments) else { return broken() };
        let arguments: Vec<Place> = items.iter().copied().take(ARGUMENTS).collect();
        match (name, &arguments[..]) {
            (Name::Dictionary, []) => self.push(Value::Dictionary(vec![])),
            (Name::Tensor, [storage, offset, shape, strides, ..]) => {
                match self.tensor([*storage, *offset, *shape, *strides]) {
                    Some(tensor) => self.push(Value::Tensor(Box::new(tensor))),
                    None => broken(),
                }
            }
            (Name::Parameter | Name::Tuple, [same, ..]) => {
                self.stack.push(*same);
                Ok(())
            }
            _ => broken(),
        }
    }

    fn tensor(&self, [storage, offset, shape, strides]: [Place; 4]) -> Option<Tensor> {
        /// More than any tensor of a network has.
        const DIMENSIONS: usize = 8;
        let numbers = |place| {
            let items = self.items(place).filter(|items| items.len() <= DIMENSIONS)?;
            items.iter().map(|item| self.int(*item)).collect::<Option<Vec<_>>>()
        };
        let Value::Storage(storage) = self.all.get(storage as usize)? else { return None };
        let (shape, strides) = (numbers(shape)?, numbers(strides)?);
        let same = shape.len() == strides.len();
        same.then_some(Tensor { storage: *storage, offset: self.int(offset)?, shape, strides })
    }
}
