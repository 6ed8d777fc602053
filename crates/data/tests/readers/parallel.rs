//! Parallel text.

use anaphora_data::parallel::{Pair, ParallelError, read_parallel, read_parallel_table};
use anaphora_data::table::{Column, TableOptions};

use proptest::prelude::*;

use crate::{data, folder};

#[test]
fn line_by_line() {
    let folder = folder(&[("a.de", b"eins \n\n\nzwei\n"), ("a.en", b"one\n\nx\ntwo"), ("short", b"one\n")]);
    let [de, en, short] = ["a.de", "a.en", "short"].map(|name| folder.path().join(name));
    let (all, good) = (TableOptions::default(), TableOptions { skip_bad: true, ..Default::default() });
    let error = read_parallel(&de, &en, &all).unwrap_err().to_string();
    assert!(error.ends_with("a.de, line 3: the text is empty, at least one character is needed"), "{error}");
    let error = read_parallel(&en, &de, &all).unwrap_err().to_string();
    assert!(error.ends_with("a.de, line 3: the text is empty, at least one character is needed"), "{error}");
    let read = read_parallel(&de, &en, &good).unwrap();
    let pair = |source: &str, target: &str, line| Pair { source: source.into(), target: target.into(), line };
    assert_eq!(read.pairs, [pair("eins", "one", 1), pair("zwei", "two", 4)]);
    assert_eq!(read.skipped.len(), 1);
    let error = read_parallel(&de, &short, &good).unwrap_err();
    assert!(matches!(error, ParallelError::Lines { source_lines: 4, target_lines: 1, .. }), "{error}");
    assert!(
        read_parallel(&de, &folder.path().join("none"), &good)
            .unwrap_err()
            .to_string()
            .contains("no such file")
    );
}

#[test]
fn one_table() {
    let folder = folder(&[("a.tsv", b"one\teins\nto\tzwei\tx\ntwo\tzwei\n")]);
    let file = folder.path().join("a.tsv");
    let options = TableOptions { skip_bad: true, ..Default::default() };
    let read = read_parallel_table(&file, None, &options).unwrap();
    assert_eq!((read.pairs.len(), read.skipped[0].line), (2, 2));
    let swapped = Some((&Column::Number(2), &Column::Number(1)));
    let read = read_parallel_table(&file, swapped, &options).unwrap();
    assert_eq!((read.pairs[1].source.as_str(), read.pairs[1].line), ("zwei", 3));
    assert!(read_parallel_table(&file, None, &TableOptions::default()).is_err());
}

#[test]
fn multi30k() {
    let Some(folder) = data("translation") else { return };
    for (part, count) in [("train", 29_000), ("val", 1_014), ("test", 1_000)] {
        let [de, en] = ["de", "en"].map(|language| folder.join(format!("multi30k.{part}.{language}")));
        let read = read_parallel(&de, &en, &TableOptions::default()).unwrap();
        assert_eq!((read.pairs.len(), read.skipped.len()), (count, 0));
        if part == "train" {
            assert_eq!(
                read.pairs[0].source,
                "zwei junge weiße männer sind im freien in der nähe vieler büsche ."
            );
            assert_eq!(read.pairs[0].target, "two young , white males are outside near many bushes .");
        }
    }
}

proptest! {
    #[test]
    fn any_two_files_are_pairs_or_refused(
        [one, other] in prop::array::uniform2(prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), Just(b'a'), any::<u8>()], 0..20)),
        skip_bad: bool,
    ) {
        let folder = folder(&[("one", &one), ("other", &other)]);
        if let Ok(read) = read_parallel(
            &folder.path().join("one"),
            &folder.path().join("other"),
            &TableOptions { skip_bad, ..Default::default() },
        ) {
            prop_assert!(!read.pairs.is_empty() && (skip_bad || read.skipped.is_empty()));
            prop_assert!(read.pairs.iter().all(|pair| !pair.source.is_empty() && !pair.target.is_empty()));
        }
    }
}
