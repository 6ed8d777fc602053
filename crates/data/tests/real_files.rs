//! The real collections, which lie beside the project; skipped with a message where they are missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::{
    Batch, Format, Kind, Plan, SplitOptions, TokenStream, Tokenizer, Windows, read_pieces, split,
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

#[test]
fn irish_tunes() {
    let Some(file) = data("music/irish.abc") else { return };
    let read = read_pieces(&file, None).unwrap();
    assert_eq!((read.format, read.pieces.len()), (Format::Abc, 804));
    assert!(read.headers.is_empty());
    let tokenizer = Tokenizer::train(Kind::Character, read.pieces.iter().map(|p| p.text.as_str())).unwrap();
    assert_eq!(tokenizer.vocab_size(), 84, "83 characters and the end of a tune");
    let parts = split(read, &SplitOptions::default()).unwrap();
    let validation = TokenStream::new(&tokenizer, &parts.validation).unwrap();
    assert_eq!((validation.piece_count(), validation.len()), (81, 19_494));
    let plan = Plan::Pieces { batch: 16, length: 256, longest: None, shuffle: false };
    let mut windows = Windows::new(Arc::new(validation), plan, 0).unwrap();
    let (mut batch, mut targets) = (Batch::default(), 0);
    while windows.epoch() == 0 {
        windows.next_into(&mut batch);
        targets += batch.tokens();
    }
    assert_eq!(targets, 19_494);
}

#[test]
fn shakespeare() {
    let Some(file) = data("text/tinyshakespeare.txt") else { return };
    let read = read_pieces(&file, None).unwrap();
    assert_eq!((read.format, read.pieces.len()), (Format::Text, 1));
    let parts = split(read, &SplitOptions::default()).unwrap();
    let characters = parts.train[0].text.chars().count();
    assert!(characters.abs_diff(1_115_394 * 9 / 10) < 80, "{characters}");
    assert_eq!(characters + parts.validation[0].text.chars().count(), 1_115_394);
}

#[test]
fn a_folder_of_names() {
    let Some(folder) = data("names") else { return };
    let read = read_pieces(&folder, None).unwrap();
    assert_eq!((read.format, read.pieces.len(), read.skipped.len()), (Format::Text, 18, 0));
}
