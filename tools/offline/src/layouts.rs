//! Layouts where Vulkan wants none.
//!
//! naga says how every array and struct lies in memory, also those of workgroup memory and of registers, where Vulkan has
//! no use for it and forbids it (VUID-StandaloneSpirv-None-10684; gfx-rs/wgpu#9295 is about it). wgpu gives drivers the
//! modules so, and they pay no attention. A validator stops there, and would see nothing else: so these are taken out
//! before it is asked, and no other.

use std::collections::{BTreeMap, BTreeSet};

/// Words before the first instruction.
const HEADER: usize = 5;

const OP_TYPE_ARRAY: u32 = 28;
const OP_TYPE_RUNTIME_ARRAY: u32 = 29;
const OP_TYPE_STRUCT: u32 = 30;
const OP_TYPE_POINTER: u32 = 32;
const OP_DECORATE: u32 = 71;
const OP_MEMBER_DECORATE: u32 = 72;

const ARRAY_STRIDE: u32 = 6;
/// `RowMajor`, `ColMajor`, `MatrixStride`, `Offset`.
const OF_MEMBERS: [u32; 4] = [4, 5, 7, 35];

/// `Uniform`, `PushConstant`, `StorageBuffer`: memory that others see, too.
const LAID_OUT: [u32; 3] = [2, 9, 12];

/// The module without layouts of what no buffer has.
pub(crate) fn without_needless(words: &[u32]) -> Vec<u32> {
    let laid_out = laid_out(words);
    let is_needless = |instruction: &[u32]| match *instruction {
        [op, target, decoration, ..] if op & 0xffff == OP_DECORATE => {
            decoration == ARRAY_STRIDE && !laid_out.contains(&target)
        }
        [op, target, _, decoration, ..] if op & 0xffff == OP_MEMBER_DECORATE => {
            OF_MEMBERS.contains(&decoration) && !laid_out.contains(&target)
        }
        _ => false,
    };
    let kept = instructions(words).filter(|instruction| !is_needless(instruction));
    words[..HEADER].iter().chain(kept.flatten()).copied().collect()
}

/// The types of everything that lies in buffers.
fn laid_out(words: &[u32]) -> BTreeSet<u32> {
    let (mut parts, mut open) = (BTreeMap::new(), vec![]);
    for instruction in instructions(words) {
        match *instruction {
            [op, id, element, ..] if [OP_TYPE_ARRAY, OP_TYPE_RUNTIME_ARRAY].contains(&(op & 0xffff)) => {
                parts.insert(id, vec![element]);
            }
            [op, id, ref members @ ..] if op & 0xffff == OP_TYPE_STRUCT => {
                parts.insert(id, members.to_vec());
            }
            [op, _, class, of] if op & 0xffff == OP_TYPE_POINTER && LAID_OUT.contains(&class) => {
                open.push(of);
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(parts.get(&id).into_iter().flatten());
        }
    }
    found
}

/// Each with its own words; the first has their number above the operation.
fn instructions(words: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = &words[HEADER..];
    std::iter::from_fn(move || {
        let length = (*rest.first()? >> 16) as usize;
        let (instruction, after) = rest.split_at(length.clamp(1, rest.len()));
        rest = after;
        Some(instruction)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_of_workgroup_memory_go_and_those_of_buffers_stay() {
        let instruction =
            |op: u32, operands: &[u32]| [&[((operands.len() as u32 + 1) << 16) | op], operands].concat();
        let stride = |id| instruction(OP_DECORATE, &[id, ARRAY_STRIDE, 16]);
        let offset = |id| instruction(OP_MEMBER_DECORATE, &[id, 0, 35, 0]);
        let binding = instruction(OP_DECORATE, &[10, 33, 0]);
        let rest = [
            instruction(OP_TYPE_ARRAY, &[10, 1, 2]),
            instruction(OP_TYPE_RUNTIME_ARRAY, &[11, 1]),
            instruction(OP_TYPE_STRUCT, &[12, 11]),
            instruction(OP_TYPE_STRUCT, &[13, 1]),
            instruction(OP_TYPE_POINTER, &[20, 4, 10]),
            instruction(OP_TYPE_POINTER, &[21, 12, 12]),
            instruction(OP_TYPE_POINTER, &[22, 7, 13]),
        ]
        .concat();
        let header = [0; HEADER];
        let given =
            [&header[..], &stride(10), &binding, &stride(11), &offset(12), &offset(13), &rest].concat();
        let wanted = [&header[..], &binding, &stride(11), &offset(12), &rest].concat();
        assert_eq!(without_needless(&given), wanted);
    }
}
