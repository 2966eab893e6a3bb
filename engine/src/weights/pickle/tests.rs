//! Pickles as PyTorch writes them, and as nobody should.

use super::*;

/// A dictionary with one tensor, as `torch.save` writes it, without the memo.
fn dictionary(extra: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00a".to_vec();
    bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n");
    bytes.extend(b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89");
    bytes.extend(b"ccollections\nOrderedDict\n)RtRu");
    bytes.extend(extra);
    bytes.push(b'.');
    bytes
}

fn error(bytes: &[u8]) -> String {
    read(bytes).map(|_| ()).expect_err("no values")
}

#[test]
fn a_dictionary_of_tensors_is_read() {
    let bytes = dictionary(b"");
    let values = read(&bytes).expect("values");
    let Value::Dictionary(entries) = values.root() else { panic!("{:?}", values.root()) };
    let [[key, value]] = entries[..] else { panic!("{entries:?}") };
    let Value::Tensor(tensor) = values.at(value) else { panic!("{:?}", values.at(value)) };
    assert_eq!(values.text(key), Some("a"));
    assert_eq!((&tensor.shape[..], &tensor.strides[..]), (&[2, 3][..], &[3, 1][..]));
    assert_eq!((values.text(tensor.storage.key), tensor.storage.count), (Some("0"), 6));
}

#[test]
fn what_is_asked_for_besides_tensors_is_refused_by_its_name() {
    for (module, name) in
        [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("numpy.core.multiarray", "scalar")]
    {
        let bytes = format!("\u{0}c{module}\n{name}\n(X\u{2}\u{0}\u{0}\u{0}idtR.");
        let bytes = [b"\x80\x02", &bytes.as_bytes()[1..]].concat();
        let said = error(&bytes);
        assert!(said.starts_with(&format!("asks for `{module}.{name}` in its pickle")), "{said}");
    }
    // The same by the instruction of later protocols.
    let said = error(b"\x80\x04\x8c\x02os\x8c\x06system\x93.");
    assert!(said.starts_with("asks for `os.system`"), "{said}");
}

#[test]
fn every_instruction_beyond_those_of_dictionaries_is_refused_by_its_name() {
    let known = b".(NGKJMXqrhj])}ateusctQRb\x80\x85\x86\x87\x88\x89\x8a\x8c\x93\x94\x95";
    for code in 0..=u8::MAX {
        let said = read(&[&[code][..], &[b'.'; 16]].concat()).map_or_else(|error| error, |_| String::new());
        let is_refused = said.contains("which no dictionary of tensors needs");
        assert_eq!(is_refused, !known.contains(&code), "{code:#04x}: {said}");
    }
    assert!(error(b"\x80\x02(i__main__\nx\n.").contains("the instruction INST"));
    assert!(error(b"\x80\x02]2.").contains("the instruction DUP"));
    assert!(error(b"\x80\x02\xff.").contains("the instruction 0xff"));
}

#[test]
fn broken_pickles_are_called_so() {
    for bytes in [
        &b"\x80\x02."[..],
        b"\x80\x02t.",
        b"\x80\x02(.",
        b"\x80\x02h\x07.",
        b"\x80\x02Q.",
        b"\x80\x02NR.",
        b"\x80\x02NNs.",
        b"\x80\x02]Ns.",
        b"\x80\x02}(Nu.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02(]0",
    ] {
        let said = error(bytes);
        assert!(said.contains("damaged pickle") || said.contains("POP"), "{bytes:?}: {said}");
    }
    let whole = dictionary(b"");
    for end in 0..whole.len() {
        assert!(error(&whole[..end]).starts_with("ends within"), "{end}");
    }
}

#[test]
fn deep_and_long_pickles_end() {
    // A list in a list in a list …, which would overflow whatever calls itself.
    let deep = [&b"\x80\x02"[..], &b"]".repeat(100_000), &b"a".repeat(99_999), b"."].concat();
    assert!(matches!(read(&deep).expect("values").root(), Value::Row(row) if row.len() == 1));
    // A list that has itself as its member.
    assert!(read(b"\x80\x02]q\x00h\x00a.").is_ok());
    let many = [&b"\x80\x02"[..], &b"N".repeat(1 << 21), b"."].concat();
    assert!(error(&many).contains("values, far more than a network needs"));
    assert!(error(&vec![b'N'; (4 << 20) + 1]).contains("has a pickle of 4 MiB"));
    // One long row as the arguments of many calls.
    let row = [&b"\x80\x02ctorch\nSize\nq\x00("[..], &b"N".repeat(100_000), b"tq\x01"].concat();
    let calls = [&row[..], &b"h\x00h\x01R".repeat(500_000), b"."].concat();
    assert!(read(&calls).is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_whatever_are_a_surprise(mut bytes in proptest::collection::vec(0..=u8::MAX, 0..200), at in 0usize..200) {
        drop(read(&bytes));
        let mut whole = dictionary(b"");
        bytes.truncate(4);
        let at = at % whole.len();
        let end = (at + bytes.len()).min(whole.len());
        whole.splice(at..end, bytes);
        drop(read(&whole));
    }
}
