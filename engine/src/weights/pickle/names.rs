//! The names that a pickle may ask for: those of which dictionaries of tensors are made.

use safetensors::Dtype;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::weights) enum Name {
    /// `collections.OrderedDict`: a dictionary.
    Dictionary,
    /// `torch._utils._rebuild_tensor_v2`: a tensor over a storage.
    Tensor,
    /// `torch._utils._rebuild_parameter`: the tensor that it is given.
    Parameter,
    /// `torch.Size`: the tuple that it is given.
    Tuple,
    /// `torch.FloatStorage` and the like: numbers of a type.
    Storage(Dtype),
}

/// PyTorch's storages, by what is in them.
const STORAGES: [(&str, Dtype); 12] = [
    ("FloatStorage", Dtype::F32),
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("DoubleStorage", Dtype::F64),
    ("LongStorage", Dtype::I64),
    ("IntStorage", Dtype::I32),
    ("ShortStorage", Dtype::I16),
    ("CharStorage", Dtype::I8),
    ("ByteStorage", Dtype::U8),
    ("BoolStorage", Dtype::BOOL),
    ("Float8_e4m3fnStorage", Dtype::F8_E4M3),
    ("Float8_e5m2Storage", Dtype::F8_E5M2),
];

impl Name {
    /// What `module.name` stands for.
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::Dictionary),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::Tensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::Parameter),
            ("torch", "Size") => Some(Self::Tuple),
            ("torch", storage) => {
                let known = STORAGES.iter().find(|(known, _)| *known == storage);
                known.map(|(_, numbers)| Self::Storage(*numbers))
            }
            _ => None,
        }
    }
}
