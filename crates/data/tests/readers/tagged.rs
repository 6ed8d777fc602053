//! Sentences in columns.

use anaphora_data::Encoding;
use anaphora_data::table::{Column, TableOptions};
use anaphora_data::tagged::{TaggedOptions, is_in_columns, read_tagged, read_words};

use proptest::prelude::*;

use crate::folder;

const CONLLU: &str = "\
# text = Im Haus.
1-2\tIm\t_\t_\t_
1\tin\tin\tADP\t_
2\tdem\tder\tDET\t_
2.1\tleer\tleer\tADJ\t_
3\tHaus\tHaus\tNOUN\t_

1\tJa\tja\tINTJ\t_
";

#[test]
fn columns_comments_and_documents() {
    let folder = folder(&[
        (
            "a.txt",
            b"-DOCSTART- -X- O O\n\n# 1\nAnna NNP B-PER\n# between\nran VBD O\n\n\n# 2\n# NN O\n. . O\n",
        ),
        ("a.conllu", CONLLU.as_bytes()),
        ("named", b"# global.columns = FORM TAG NER\nAnna\tNNP\tB-PER\n"),
        ("words", b"Anna\nran\n\nNo\n"),
        ("lines", b"Anna ran\nNo\n"),
    ]);
    let path = |name: &str| folder.path().join(name);
    let options = TaggedOptions::default();
    let read = |name: &str, options: &TaggedOptions| read_tagged(&path(name), options).unwrap().sentences;
    let sentences = read("a.txt", &options);
    assert_eq!(sentences[0].words, ["Anna", "ran"]);
    assert_eq!(
        (&sentences[0].tags[..], &sentences[0].lines[..]),
        (&["B-PER", "O"].map(String::from)[..], &[4, 6][..])
    );
    // What begins a sentence as a comment does is one.
    assert_eq!((sentences.len(), &sentences[1].words[..]), (2, &[".".to_owned()][..]));
    let sentences = read("a.conllu", &options);
    assert_eq!(sentences[0].words, ["in", "dem", "Haus"]);
    assert_eq!(sentences[0].tags, ["ADP", "DET", "NOUN"]);
    assert_eq!(sentences[1].tags, ["INTJ"]);
    let second = TaggedOptions { tag: Some(Column::Number(2)), ..Default::default() };
    assert_eq!(read("a.txt", &second)[0].tags, ["NNP", "VBD"]);
    let named = TaggedOptions { tag: Some(Column::Name("TAG".into())), ..Default::default() };
    assert_eq!(read("named", &named)[0].tags, ["NNP"]);
    let refused =
        |name: &str, options: &TaggedOptions| read_tagged(&path(name), options).unwrap_err().to_string();
    let sentence = refused("a.txt", &named);
    assert!(
        sentence.ends_with("there is no column 'TAG', the columns are 1 to 3, without names"),
        "{sentence}"
    );
    let sentence = refused("words", &options);
    assert!(
        sentence.ends_with("words, line 1: there is one column, two are needed: a word and its tag"),
        "{sentence}"
    );
    assert_eq!(read_words(&path("words"), &options).unwrap().sentences[0].words, ["Anna", "ran"]);
    assert_eq!(
        ["a.conllu", "words", "lines"].map(|name| is_in_columns(&path(name), Encoding::AUTO).unwrap()),
        [true, true, false]
    );
}

#[test]
fn words_keep_their_blanks() {
    let folder = folder(&[
        ("tabs", "New York\tB-LOC\n10\u{a0}000\tO\n\u{a0}\tO\n# between\nwe\tO\n".as_bytes()),
        ("missing", b"the\tO\nNew York\nsaw\tO\n\nwe\tO\n"),
        ("blanks", "10\u{a0}000 O\n \t \nthe O\r\n\u{a0}\nman O\n".as_bytes()),
        ("marked", "\u{feff}the\tO\r\nman\tO\r\n".as_bytes()),
    ]);
    let read = |name: &str| read_tagged(&folder.path().join(name), &TaggedOptions::default());
    assert_eq!(read("tabs").unwrap().sentences[0].words, ["New York", "10\u{a0}000", "\u{a0}", "we"]);
    let sentence = read("missing").unwrap_err().to_string();
    assert!(
        sentence.ends_with("line 2: the number of columns is 1, 2 are needed as on line 1"),
        "{sentence}"
    );
    let sentences = read("blanks").unwrap().sentences;
    assert_eq!(sentences.iter().map(|s| &*s.words[0]).collect::<Vec<_>>(), ["10\u{a0}000", "the", "man"]);
    assert_eq!(read("marked").unwrap().sentences[0].words, ["the", "man"]);
}

#[test]
fn bad_lines_are_named_or_their_sentences_skipped() {
    let folder = folder(&[
        ("bad", b"a X\nb\n\nc Y\n\nd\tZ\ne\t\n"),
        ("empty", b"\n# nothing\n\n"),
        ("binary", b"a X\0"),
        ("latin", b"a X\n\xe4 Y\n"),
        // UTF-8, but for a byte of the second sentence.
        ("damaged", b"\xc3\xa4 X\n\n\xc3\xb6 Y\n\xfc Z\n\nb X\n"),
    ]);
    let read = |name: &str, skip_bad| {
        let table = TableOptions { skip_bad, ..Default::default() };
        read_tagged(&folder.path().join(name), &TaggedOptions { table, ..Default::default() })
    };
    let refused = |name: &str| read(name, false).unwrap_err().to_string();
    assert!(refused("bad").ends_with("bad, line 2: the number of columns is 1, 2 are needed as on line 1"));
    assert!(refused("empty").contains("no row of data was found"));
    assert!(refused("binary").contains("a binary file"));
    assert_eq!(read("latin", false).unwrap().sentences[0].words, ["a", "ä"]);
    assert!(
        refused("damaged").contains("byte 0xFC at offset 11 (line 4) is not valid utf-8"),
        "{}",
        refused("damaged")
    );
    let damaged = read("damaged", true).unwrap();
    assert_eq!((damaged.sentences.len(), damaged.skipped[0].line), (2, 4));
    let read = read("bad", true).unwrap();
    assert_eq!(read.sentences.len(), 1);
    assert_eq!(read.skipped.iter().map(|skipped| skipped.line).collect::<Vec<_>>(), [2, 7]);
    assert!(read.skipped[1].to_string().ends_with("the label is empty, each text needs one"));
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(
        content in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\t'), Just(b' '), Just(b'#'), Just(b'a'), Just(b'1'), Just(b'-'), any::<u8>()], 0..40),
        skip_bad: bool, conllu: bool, number in prop::option::of(0_usize..5),
    ) {
        let name = if conllu { "any.conllu" } else { "any" };
        let folder = folder(&[(name, &content)]);
        let path = folder.path().join(name);
        let table = TableOptions { skip_bad, ..Default::default() };
        let options = TaggedOptions { table, word: number.map(Column::Number), tag: None };
        if let Ok(read) = read_tagged(&path, &options) {
            prop_assert!(!read.sentences.is_empty() && (skip_bad || read.skipped.is_empty()));
            for sentence in read.sentences {
                prop_assert!(sentence.words.iter().chain(&sentence.tags).all(|cell| !cell.is_empty()));
                prop_assert!(!sentence.words.is_empty() && sentence.words.len() == sentence.tags.len());
                prop_assert_eq!(sentence.words.len(), sentence.lines.len());
            }
        }
        let _ = (read_words(&path, &options), is_in_columns(&path, Encoding::AUTO));
    }
}
