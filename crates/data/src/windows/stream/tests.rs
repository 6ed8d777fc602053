use std::fs::{self, File};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::texts::Texts;
use crate::tokenizer::Kind;

/// A stream of pieces of tokens below `symbols`, of which the last closes a piece.
fn build(pieces: &[Vec<u32>], symbols: usize, spill: &Spill) -> TokenStream {
    let mut builder = StreamBuilder::new(symbols, spill);
    for piece in pieces {
        builder.push(piece).unwrap();
        builder.end(symbols as u32 - 1).unwrap();
    }
    builder.finish().unwrap()
}

fn all(stream: &TokenStream) -> Vec<u32> {
    let mut tokens = vec![];
    stream.read(0..stream.len(), &mut tokens).unwrap();
    tokens
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn small_streams_write_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens/train.tokens");
    assert!(!build(&[vec![1, 2, 3]], 5, &Spill::to(&path).above(4)).is_in_file());
    assert!(names(folder.path()).is_empty());
    assert!(build(&[vec![1, 2, 3]], 5, &Spill::to(&path).above(3)).is_in_file());
    assert_eq!(names(&folder.path().join("tokens")), ["train.tokens"]);
}

#[test]
fn a_file_that_is_not_finished_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = StreamBuilder::new(5, &Spill::to(folder.path().join("train.tokens")).above(0));
    builder.push(&[1; 100]).unwrap();
    assert_eq!(names(folder.path()).len(), 1);
    drop(builder);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tokens");
    build(&[vec![1, 2, 3], vec![], vec![3]], 5, &Spill::to(&path).above(0));
    let sound = fs::read(&path).unwrap();
    assert_eq!(sound.len(), 40 + 7 + 24);
    let message = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        TokenStream::open(&path, 5).unwrap_err().to_string()
    };
    let changed = |at: usize, to: u8| {
        let mut bytes = sound.clone();
        bytes[at] = to;
        message(&bytes)
    };
    for (message, expected) in [
        (message(&[]), "it has 0 bytes"),
        (message(&sound[..50]), "it has 50 bytes, which are not 7 tokens of 1 bytes in 3 pieces"),
        (message(&[&sound[..], b"more"].concat()), "it has 75 bytes, which are not"),
        (changed(0, b'x'), "it does not begin as one"),
        (changed(8, 9), "it has version 9, this program reads version 1"),
        (changed(41, 1), "its tokens have changed since they were written"),
        (changed(41, 200), "its tokens are not those of a vocabulary of 5"),
        (changed(47, 5), "a piece ends at token 5, behind one at 5"),
        (changed(63, 6), "the last piece ends at token 6 of 7"),
    ] {
        assert!(message.contains(expected) && message.contains("a.tokens is no sound file"), "{message}");
    }
    fs::write(&path, &sound).unwrap();
    assert!(TokenStream::open(&path, 300).unwrap_err().to_string().contains("a vocabulary of 300"));
    TokenStream::open(&path, 5).unwrap();
}

#[test]
fn a_file_that_is_cut_off_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tokens");
    let stream = build(&[vec![1; 10_000]], 5, &Spill::to(&path).above(0));
    File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    let mut tokens = vec![];
    let message = stream.read(50..90, &mut tokens).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot read {}", path.display())), "{message}");
}

#[test]
fn an_unknown_character_is_found_behind_many_stretches() {
    let line = "words and words\n";
    let text = format!("<|endoftext|>\n{}ä", line.repeat(200_000));
    let tokenizer = Tokenizer::train(Kind::Character, [line]).unwrap();
    let texts = Texts::of(text, Path::new("any"), None).unwrap();
    let stream = TokenStream::of(&tokenizer, &Section::whole(Arc::new(texts)), &Spill::to_scratch());
    let message = stream.unwrap_err().to_string();
    assert!(message.starts_with("the piece that begins at line 2: 'ä'"), "{message}");
    assert!(message.contains("at character 3200001 "), "{message}");
}

#[test]
fn tokens_do_not_depend_on_stretches() {
    let text: String = (0..60_000u64)
        .map(|i| format!("Line {} of it, with  some\n\n words#\n", u64::pow(i, 2) % 977))
        .collect();
    for kind in [
        Kind::Byte,
        Kind::Word { minimum_count: 1, maximum_size: 2_000 },
        Kind::Bpe { minimum_count: 2, maximum_size: 600 },
        Kind::WordPiece { minimum_count: 2, maximum_size: 800 },
    ] {
        let texts = Arc::new(Texts::of(text.clone(), Path::new("any"), None).unwrap());
        let mut trainer = crate::tokenizer::Trainer::new(kind, texts.bytes());
        let section = Section::whole(texts);
        trainer.read(&section).unwrap();
        let tokenizer = trainer.finish().unwrap();
        assert!(tokenizer == Tokenizer::train(kind, [text.as_str()]).unwrap(), "{kind:?}");
        let mut expected = tokenizer.encode(&text).unwrap();
        expected.push(tokenizer.end_id());
        assert!(all(&TokenStream::of(&tokenizer, &section, &Spill::to_scratch()).unwrap()) == expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        pieces in proptest::collection::vec(proptest::collection::vec(0u32..100_000, 0..40), 1..8),
        symbols in prop_oneof![Just(1usize), Just(256), Just(257), Just(65_536), Just(65_537), Just(100_000)],
        from: prop::sample::Index, to: prop::sample::Index,
    ) {
        let pieces: Vec<Vec<u32>> =
            pieces.into_iter().map(|piece| piece.into_iter().map(|t| t % symbols as u32).collect()).collect();
        let end = symbols as u32 - 1;
        let expected: Vec<u32> = pieces.iter().flat_map(|piece| piece.iter().copied().chain([end])).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tokens");
        let memory = build(&pieces, symbols, &Spill::to_scratch());
        let file = build(&pieces, symbols, &Spill::to(&path).above(0));
        let opened = TokenStream::open(&path, symbols).unwrap();
        let (a, b) = (from.index(expected.len() + 1), to.index(expected.len() + 1));
        let range = a.min(b)..a.max(b);
        for stream in [&memory, &file, &opened] {
            prop_assert_eq!(&all(stream), &expected);
            prop_assert_eq!(stream.fingerprint(), memory.fingerprint());
            prop_assert_eq!(stream.piece_count(), pieces.len());
            let mut part = vec![];
            stream.read(range.clone(), &mut part).unwrap();
            prop_assert_eq!(&part, &expected[range.clone()]);
        }
    }

    #[test]
    fn any_file_is_read_or_refused(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tokens");
        build(&[vec![1, 2, 3], vec![], vec![3]], 5, &Spill::to(&path).above(0));
        let mut bytes = fs::read(&path).unwrap();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(2 * bytes.len()));
        fs::write(&path, bytes).unwrap();
        if let Ok(stream) = TokenStream::open(&path, 5) {
            prop_assert!(all(&stream).iter().all(|&token| token < 5));
        }
    }
}
