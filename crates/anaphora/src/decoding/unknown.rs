//! Unknown words of what is written, by those of what was read (Luong et al. 2015, "Addressing the Rare Word Problem").

use anaphora_data::Tokenizer;

/// A text in which each unknown word is the one of the source that it looked at most; `weights` are `[tokens, steps]`.
pub fn with_words(target: &Tokenizer, ids: &[u32], weights: &[f32], steps: usize, words: &[&str]) -> String {
    let mut text = String::new();
    let mut known = Vec::new();
    for (&id, looks) in ids.iter().zip(weights.chunks_exact(steps)) {
        if Some(id) != target.unknown_id() {
            known.push(id);
            continue;
        }
        text += &target.decode(&std::mem::take(&mut known));
        // The source's last step is its end.
        let most = (0..words.len().min(steps)).max_by(|&a, &b| looks[a].total_cmp(&looks[b]));
        text += most.map_or("", |place| words[place].trim_start());
    }
    (text + &target.decode(&known)).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use anaphora_data::Kind;

    use super::*;

    #[test]
    fn an_unknown_word_is_the_one_that_was_looked_at_most() {
        let kind = Kind::Word { minimum_count: 1, maximum_size: 100 };
        let tokenizer = Tokenizer::train(kind, ["now call me please"]).unwrap();
        let source = "call zebra now";
        let words = tokenizer.words(source).unwrap();
        assert_eq!(words, ["call", " ", "zebra", " ", "now"]);
        assert_eq!(words.len(), tokenizer.encode(source).unwrap().len());
        let ids = tokenizer.encode("now call zebra please").unwrap();
        let unknown = ids.iter().position(|&id| Some(id) == tokenizer.unknown_id()).unwrap();
        // The source has an end too.
        let mut weights = vec![0.1; ids.len() * 6];
        weights[unknown * 6 + 2] = 0.5;
        assert_eq!(with_words(&tokenizer, &ids, &weights, 6, &words), "now call zebra please");
        weights[unknown * 6 + 4] = 0.9;
        assert_eq!(with_words(&tokenizer, &ids, &weights, 6, &words), "now call now please");
    }
}
