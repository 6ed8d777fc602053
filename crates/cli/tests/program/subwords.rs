//! Sub-words, from the text to what a trained model writes.

use std::fs;

use crate::common::Workplace;
use serde_json::Value;

/// A folder of texts that no two of which are alike, with characters of several bytes.
fn write_folder(place: &Workplace) {
    fs::create_dir(place.path("corpus")).unwrap();
    for number in 0..12 {
        let lines = (0..8)
            .map(|line| format!("Grüße von Nummer {number}, die Zeile {line} – wie die andere Zeile.\n"));
        place.write(&format!("corpus/{number:02}.txt"), lines.collect::<String>());
    }
}

#[test]
fn a_folder_of_texts_is_learnt_in_sub_words() {
    let place = Workplace::new();
    write_folder(&place);
    for tokenizer in ["bpe:300", "wordpiece:560", "unigram:300"] {
        let (flag, out) = (format!("--tokenizer={tokenizer}"), format!("--out={}", &tokenizer[..3]));
        let run = &tokenizer[..3];
        let events = place.train(&["corpus", &flag, "--steps=40", &out, "--json"]).json();
        assert_eq!(events[0]["examples"]["train"], 10);
        let recipe = String::from_utf8(place.read(&format!("{run}/recipe.toml"))).unwrap();
        assert!(recipe.contains(&format!("tokenizer = \"{tokenizer}\"")), "{recipe}");
        let stored: Value = serde_json::from_slice(&place.read(&format!("{run}/tokenizer.json"))).unwrap();
        assert_eq!(stored["version"], "1.0", "Hugging Face's format");

        let text = place.call(&["generate", run, "--prompt=Grüße ", "--tokens=30", "--seed=1"]).ok();
        assert!(text.starts_with("Grüße "), "{text}");
        let report = &place.call(&["evaluate", run, "--json"]).json()[0];
        let text: usize = (10..12)
            .map(|n| String::from_utf8(place.read(&format!("corpus/{n}.txt"))).unwrap().chars().count())
            .sum();
        assert_eq!(report["characters"].as_u64(), Some(text as u64 + 2), "{report}");
    }
}

#[test]
fn a_recipe_and_a_setting_take_what_the_flag_takes() {
    let place = Workplace::new();
    write_folder(&place);
    place.write("mine.toml", "[data]\ntokenizer = 'bpe:300'\n");
    place.train(&["corpus", "--recipe=mine.toml", "--steps=20", "--out=recipe"]).ok();
    place.train(&["corpus", "--set=data.tokenizer=bpe:300", "--steps=20", "--out=setting"]).ok();
    place.train(&["corpus", "--tokenizer=recipe/tokenizer.json", "--steps=20", "--out=file"]).ok();
    for run in ["setting", "file"] {
        for file in ["tokenizer.json", "model.safetensors"] {
            assert_eq!(
                place.read(&format!("{run}/{file}")),
                place.read(&format!("recipe/{file}")),
                "{run}/{file}"
            );
        }
    }
}
