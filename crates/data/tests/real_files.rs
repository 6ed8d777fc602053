//! The real collections, which lie beside the project; skipped with a message where they are missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::{
    Batch, DataError, Format, Kind, Plan, Section, Spill, Texts, TokenStream, Tokenizer, Windows, split,
};

fn data(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let file = std::env::var_os("ANAPHORA_DATA").map_or_else(beside, PathBuf::from).join(path);
    if !file.exists() {
        println!("skipped: there is no {}", file.display());
        return None;
    }
    Some(file)
}

/// Characters of each piece.
fn lengths(section: &Section) -> Vec<usize> {
    let mut lengths = vec![];
    let read = section.each_piece(|piece| {
        lengths.push(piece.chars().count());
        Ok::<_, DataError>(())
    });
    read.unwrap();
    lengths
}

#[test]
fn irish_tunes() {
    let Some(file) = data("music/irish.abc") else { return };
    let texts = Texts::open(&file, None).unwrap();
    let pieces = texts.pieces().unwrap();
    assert_eq!((texts.format(), pieces.len()), (Format::Abc, 804));
    let tokenizer = Tokenizer::train(Kind::Character, pieces.iter().map(|p| p.text.as_str())).unwrap();
    assert_eq!(tokenizer.vocab_size(), 84, "83 characters and the end of a tune");
    let parts = split(Arc::new(texts), 0.1).unwrap();
    let validation = TokenStream::of(&tokenizer, &parts.validation, &Spill::to_scratch()).unwrap();
    assert_eq!((validation.piece_count(), validation.len()), (81, 19_494));
    let plan = Plan::Pieces { batch: 16, length: 256, longest: None, shuffle: false };
    let mut windows = Windows::new(Arc::new(validation), plan, 0).unwrap();
    let (mut batch, mut targets) = (Batch::default(), 0);
    while windows.epoch() == 0 {
        windows.next_into(&mut batch).unwrap();
        targets += batch.tokens();
    }
    assert_eq!(targets, 19_494);
}

#[test]
fn shakespeare() {
    let Some(file) = data("text/tinyshakespeare.txt") else { return };
    let texts = Texts::open(&file, None).unwrap();
    assert_eq!(texts.format(), Format::Text);
    let parts = split(Arc::new(texts), 0.1).unwrap();
    let (train, validation) = (lengths(&parts.train), lengths(&parts.validation));
    assert_eq!((train.len(), validation.len()), (1, 1));
    assert!(train[0].abs_diff(1_115_394 * 9 / 10) < 80, "{train:?}");
    assert_eq!(train[0] + validation[0], 1_115_394);
}

#[test]
fn a_folder_of_names() {
    let Some(folder) = data("names") else { return };
    let texts = Texts::open(&folder, None).unwrap();
    assert_eq!((texts.format(), texts.pieces().unwrap().len(), texts.skipped().len()), (Format::Text, 18, 0));
}
