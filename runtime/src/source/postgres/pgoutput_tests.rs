//! The decoder against an encoder of its own messages, and against bytes that are none.

use bytes::Bytes;
use covenant_model::codec::PgDatum;
use covenant_model::version::Lsn;
use proptest::prelude::*;

use super::assemble::{AssembleError, Assembler};
use super::pgoutput::{DecodeError, EPOCH_2000_US, Message, OldTuple, decode};
use crate::source::{DatumAt, Relation, RowOp, StreamItem, Tuple};

#[derive(Clone, Debug)]
enum Datum {
    Null,
    Unchanged,
    Text(Vec<u8>),
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn put_tuple(out: &mut Vec<u8>, datums: &[Datum]) {
    out.extend_from_slice(&(datums.len() as u16).to_be_bytes());
    for datum in datums {
        match datum {
            Datum::Null => out.push(b'n'),
            Datum::Unchanged => out.push(b'u'),
            Datum::Text(text) => {
                out.push(b't');
                out.extend_from_slice(&(text.len() as u32).to_be_bytes());
                out.extend_from_slice(text);
            }
        }
    }
}

fn begin(commit: u64, xid: u32) -> Bytes {
    let mut out = vec![b'B'];
    out.extend_from_slice(&commit.to_be_bytes());
    out.extend_from_slice(&7i64.to_be_bytes());
    out.extend_from_slice(&xid.to_be_bytes());
    out.into()
}

fn commit(commit: u64) -> Bytes {
    let mut out = vec![b'C', 0];
    out.extend_from_slice(&commit.to_be_bytes());
    out.extend_from_slice(&(commit + 8).to_be_bytes());
    out.extend_from_slice(&7i64.to_be_bytes());
    out.into()
}

fn relation(oid: u32, columns: &[(&str, bool, u32)]) -> Bytes {
    let mut out = vec![b'R'];
    out.extend_from_slice(&oid.to_be_bytes());
    put_text(&mut out, "public");
    put_text(&mut out, "t");
    out.push(b'd');
    out.extend_from_slice(&(columns.len() as u16).to_be_bytes());
    for (name, key, type_oid) in columns {
        out.push(u8::from(*key));
        put_text(&mut out, name);
        out.extend_from_slice(&type_oid.to_be_bytes());
        out.extend_from_slice(&u32::MAX.to_be_bytes());
    }
    out.into()
}

fn change(tag: u8, oid: u32, tuples: &[(u8, &[Datum])]) -> Bytes {
    let mut out = vec![tag];
    out.extend_from_slice(&oid.to_be_bytes());
    for (kind, datums) in tuples {
        out.push(*kind);
        put_tuple(&mut out, datums);
    }
    out.into()
}

fn truncate(oids: &[u32]) -> Bytes {
    let mut out = vec![b'T'];
    out.extend_from_slice(&(oids.len() as u32).to_be_bytes());
    out.push(0);
    for oid in oids {
        out.extend_from_slice(&oid.to_be_bytes());
    }
    out.into()
}

fn emitted(content: &[u8]) -> Bytes {
    let mut out = vec![b'M', 1];
    out.extend_from_slice(&9u64.to_be_bytes());
    put_text(&mut out, "covenant");
    out.extend_from_slice(&(content.len() as u32).to_be_bytes());
    out.extend_from_slice(content);
    out.into()
}

fn text(text: &str) -> Datum {
    Datum::Text(text.as_bytes().to_vec())
}

fn datums(tuple: &Tuple) -> Vec<PgDatum<'_>> {
    tuple.datums()
}

#[test]
fn every_message_is_read() {
    let at = 5_000;
    assert_eq!(
        decode(&begin(at, 3)),
        Ok(Message::Begin { commit: Lsn(at), committed_at_us: EPOCH_2000_US + 7, xid: 3 })
    );
    assert_eq!(
        decode(&commit(at)),
        Ok(Message::Commit {
            commit: Lsn(at),
            end: Lsn(at + 8),
            committed_at_us: EPOCH_2000_US + 7
        })
    );
    let Ok(Message::Relation { oid: 4, relation }) =
        decode(&relation(4, &[("id", true, 23), ("note", false, 25)]))
    else {
        panic!("no relation");
    };
    assert_eq!((relation.schema.as_str(), relation.table.as_str()), ("public", "t"));
    let keys: Vec<(bool, u32)> =
        relation.columns.iter().map(|column| (column.key, column.type_oid)).collect();
    assert_eq!(keys, [(true, 23), (false, 25)]);
    assert_eq!(decode(&truncate(&[4, 5])), Ok(Message::Truncate { oids: vec![4, 5] }));
    assert_eq!(decode(&emitted(b"x")), Ok(Message::Emitted));
    let mut origin = vec![b'O', 0, 0, 0, 0, 0, 0, 0, 1];
    put_text(&mut origin, "elsewhere");
    assert_eq!(decode(&origin.into()), Ok(Message::Origin));
    let mut ty = vec![b'Y', 0, 0, 0, 1];
    put_text(&mut ty, "public");
    put_text(&mut ty, "mood");
    assert_eq!(decode(&ty.into()), Ok(Message::Type));
}

#[test]
fn tuples_are_ranges_into_the_message() {
    let bytes = change(b'I', 4, &[(b'N', &[text("12"), Datum::Null, Datum::Unchanged])]);
    let Ok(Message::Insert { oid: 4, new }) = decode(&bytes) else { panic!("no insert") };
    assert_eq!(datums(&new), [PgDatum::Text(b"12"), PgDatum::Null, PgDatum::Unchanged]);
    assert_eq!(new.bytes.as_ptr(), bytes.as_ptr(), "no copy");
}

#[test]
fn the_full_old_row_fills_what_the_new_one_leaves_out() {
    let old: &[Datum] = &[text("1"), text("large")];
    let new: &[Datum] = &[text("2"), Datum::Unchanged];
    let full = decode(&change(b'U', 4, &[(b'O', old), (b'N', new)])).unwrap();
    let Message::Update { old: Some(OldTuple::Full(_)), new: filled, .. } = full else {
        panic!("no full update");
    };
    assert_eq!(datums(&filled), [PgDatum::Text(b"2"), PgDatum::Text(b"large")]);
    let key = decode(&change(b'U', 4, &[(b'K', old), (b'N', new)])).unwrap();
    let Message::Update { old: Some(OldTuple::Key(_)), new: kept, .. } = key else {
        panic!("no key update");
    };
    assert_eq!(kept.datums[1], DatumAt::Unchanged);
}

#[test]
fn what_is_unknown_is_refused_not_skipped() {
    for unknown in [b"S\0\0\0\0".as_slice(), b"Z", b"\0", b"b"] {
        let error = decode(&Bytes::copy_from_slice(unknown)).unwrap_err();
        assert!(matches!(error, DecodeError::Unknown { .. }), "{error}");
    }
    assert_eq!(decode(&Bytes::new()), Err(DecodeError::Empty));
    let mut long = begin(1, 1).to_vec();
    long.push(0);
    assert_eq!(decode(&long.into()), Err(DecodeError::Trailing { tag: 'B', extra: 1 }));
    let binary = Bytes::from_static(b"I\0\0\0\x04N\0\x01b\0\0\0\x01x");
    assert!(matches!(decode(&binary), Err(DecodeError::Unknown { tag: 'I', .. })));
    // a length of 4 GiB must not be believed
    let huge = Bytes::from_static(b"I\0\0\0\x04N\xff\xfft\xff\xff\xff\xffx");
    assert!(matches!(decode(&huge), Err(DecodeError::Short { .. })));
}

fn feed(assembler: &mut Assembler, messages: &[Bytes]) -> Result<Vec<String>, AssembleError> {
    let mut shown = Vec::new();
    for message in messages {
        let (name, changes) = match assembler.push(decode(message)?)? {
            Some(StreamItem::Transaction(whole)) => (whole.xid.to_string(), whole.changes),
            Some(StreamItem::Part(part)) => (format!("part at {}", part.commit.0), part.changes),
            None | Some(StreamItem::Passed(_)) => continue,
        };
        let changes = changes.iter().map(|change| {
            let op = match &change.op {
                RowOp::Insert { .. } => "insert",
                RowOp::Update { old: None, .. } => "update",
                RowOp::Update { old: Some(_), .. } => "move",
                RowOp::Delete { .. } => "delete",
                RowOp::Truncate => "truncate",
            };
            format!("{op} {}", change.ordinal)
        });
        shown.push(format!("{name}: {}", changes.collect::<Vec<_>>().join(", ")));
    }
    Ok(shown)
}

#[test]
fn ordinals_leave_room_for_moves() {
    let one: &[Datum] = &[text("1")];
    let two: &[Datum] = &[text("2")];
    let mut assembler = Assembler::new(1 << 20);
    let messages = [
        begin(100, 8),
        relation(4, &[("id", true, 23)]),
        change(b'I', 4, &[(b'N', one)]),
        change(b'U', 4, &[(b'N', one)]),
        change(b'U', 4, &[(b'K', one), (b'N', two)]),
        emitted(b""),
        change(b'D', 4, &[(b'K', two)]),
        truncate(&[4]),
        commit(100),
        begin(200, 9),
        change(b'I', 4, &[(b'N', one)]),
        commit(200),
    ];
    assert_eq!(
        feed(&mut assembler, &messages).unwrap(),
        ["8: insert 1, update 2, move 3, delete 5, truncate 6", "9: insert 1"]
    );
    assert!(!assembler.is_open());
}

#[test]
fn messages_out_of_order_are_refused() {
    let row: &[Datum] = &[text("1")];
    let described = || relation(4, &[("id", true, 23)]);
    let insert = || change(b'I', 4, &[(b'N', row)]);
    let cases: [(&str, Vec<Bytes>); 6] = [
        ("begin in begin", vec![begin(1, 1), begin(2, 2)]),
        ("commit without begin", vec![commit(1)]),
        ("commit of another", vec![begin(1, 1), commit(2)]),
        ("change outside", vec![described(), insert()]),
        ("unknown table", vec![begin(1, 1), insert()]),
        ("columns differ", vec![begin(1, 1), relation(4, &[]), insert()]),
    ];
    for (name, messages) in cases {
        assert!(feed(&mut Assembler::new(1 << 20), &messages).is_err(), "{name}");
    }
}

#[test]
fn what_is_too_large_comes_in_parts_with_the_ordinals_of_the_whole() {
    let large: &[Datum] = &[Datum::Text(vec![b'x'; 1_000])];
    let mut messages = vec![begin(1, 6), relation(4, &[("id", true, 23)])];
    messages.extend((0..7).map(|_| change(b'I', 4, &[(b'N', large)])));
    messages.push(commit(1));
    messages.extend([begin(9, 7), change(b'I', 4, &[(b'N', large)]), commit(9)]);
    let mut bounded = Assembler::new(3_000);
    assert_eq!(
        feed(&mut bounded, &messages).unwrap(),
        [
            "part at 1: insert 1, insert 2, insert 3",
            "part at 1: insert 4, insert 5, insert 6",
            "6: insert 7",
            "7: insert 1"
        ]
    );
    let mut whole = Assembler::new(1 << 20);
    assert_eq!(feed(&mut whole, &messages).unwrap().len(), 2);
}

fn any_datum() -> impl Strategy<Value = Datum> {
    prop_oneof![
        Just(Datum::Null),
        Just(Datum::Unchanged),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Datum::Text),
    ]
}

fn any_message() -> impl Strategy<Value = Bytes> {
    let tuple = || prop::collection::vec(any_datum(), 0..5);
    let oid = 0..3u32;
    prop_oneof![
        (any::<u64>(), any::<u32>()).prop_map(|(at, xid)| begin(at, xid)),
        (0..u64::MAX - 8).prop_map(commit),
        (oid.clone(), 0..4usize)
            .prop_map(|(oid, count)| relation(oid, &vec![("column", true, 23); count])),
        (oid.clone(), tuple()).prop_map(|(oid, new)| change(b'I', oid, &[(b'N', &new)])),
        (oid.clone(), tuple(), tuple()).prop_map(|(oid, old, new)| change(
            b'U',
            oid,
            &[(b'O', &old), (b'N', &new)]
        )),
        (oid.clone(), tuple()).prop_map(|(oid, old)| change(b'D', oid, &[(b'K', &old)])),
        prop::collection::vec(oid, 0..3).prop_map(|oids| truncate(&oids)),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|content| emitted(&content)),
    ]
}

/// Bytes changed, cut off, or put in.
#[derive(Clone, Debug)]
enum Damage {
    Set(u16, u8),
    Cut(u16),
    Put(u16, u8),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<(u16, u8)>().prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<u16>().prop_map(Damage::Cut),
        any::<(u16, u8)>().prop_map(|(at, byte)| Damage::Put(at, byte)),
    ]
}

fn damaged(message: &Bytes, damages: &[Damage]) -> Bytes {
    let mut bytes = message.to_vec();
    for damage in damages {
        let place = |at: u16, len: usize| usize::from(at) % len.max(1);
        match *damage {
            Damage::Set(at, byte) if !bytes.is_empty() => {
                let at = place(at, bytes.len());
                bytes[at] = byte;
            }
            Damage::Set(..) => {}
            Damage::Cut(at) => bytes.truncate(place(at, bytes.len() + 1)),
            Damage::Put(at, byte) => bytes.insert(place(at, bytes.len() + 1), byte),
        }
    }
    bytes.into()
}

/// Ranges of a decoded tuple lie within its bytes, whatever came in.
fn check_ranges(tuple: &Tuple) {
    for datum in &tuple.datums {
        if let DatumAt::Text(range) = datum {
            assert!(range.start <= range.end && range.end <= tuple.bytes.len());
        }
    }
}

fn check_message(message: &Message) {
    match message {
        Message::Insert { new, .. } => check_ranges(new),
        Message::Update { old, new, .. } => {
            check_ranges(new);
            if let Some(OldTuple::Key(old) | OldTuple::Full(old)) = old {
                check_ranges(old);
            }
        }
        Message::Delete { old: OldTuple::Key(old) | OldTuple::Full(old), .. } => check_ranges(old),
        Message::Begin { .. }
        | Message::Commit { .. }
        | Message::Origin
        | Message::Relation { relation: Relation { .. }, .. }
        | Message::Type
        | Message::Truncate { .. }
        | Message::Emitted => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whole_messages_are_read_and_every_prefix_is_refused(message in any_message()) {
        prop_assert!(decode(&message).is_ok());
        for end in 0..message.len() {
            prop_assert!(decode(&message.slice(..end)).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(
        messages in prop::collection::vec((any_message(), prop::collection::vec(any_damage(), 0..4)), 1..8),
    ) {
        let mut assembler = Assembler::new(1 << 16);
        for (message, damages) in &messages {
            if let Ok(message) = decode(&damaged(message, damages)) {
                check_message(&message);
                // an error is as good as a transaction here
                let _ = assembler.push(message);
            }
        }
    }

    #[test]
    fn noise_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(message) = decode(&bytes.into()) {
            check_message(&message);
        }
    }
}
