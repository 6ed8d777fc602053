//! A piece in progress, written token by token.

use std::collections::VecDeque;

use anaphora_data::{Decoder, Tokenizer};

/// How a piece ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The model closed it.
    OfPiece,
    /// A stop text came.
    Stop,
}

/// The tokens of a piece and their text.
#[derive(Clone)]
pub struct Stream<'a> {
    /// All tokens so far, the prompt's included.
    pub ids: Vec<u32>,
    /// The text so far, the prompt's included.
    pub text: String,
    /// How it ended, if it has.
    pub ended: Option<End>,
    end_id: u32,
    decoder: Decoder<'a>,
    stops: Vec<String>,
    /// Fields that have not come yet, with the tokens that follow them.
    fields: Vec<(char, Vec<u32>)>,
    /// Tokens that are set instead of chosen.
    coming: VecDeque<u32>,
}

impl<'a> Stream<'a> {
    /// A piece that goes on from a prompt, given as tokens and as text.
    pub fn new(
        tokenizer: &'a Tokenizer,
        prompt: (&[u32], &str),
        fields: &[(char, Vec<u32>)],
        stops: &[String],
    ) -> Self {
        Self {
            ids: prompt.0.to_vec(),
            text: prompt.1.to_owned(),
            ended: None,
            end_id: tokenizer.end_id(),
            decoder: tokenizer.decoder(),
            stops: stops.to_vec(),
            fields: fields.to_vec(),
            coming: VecDeque::new(),
        }
    }

    /// The token that must come next, where there is one.
    pub fn set(&self) -> Option<u32> {
        self.coming.front().copied()
    }

    /// Adds a token: the one that is set, where there is one.
    pub fn push(&mut self, id: u32) {
        self.coming.pop_front();
        self.ids.push(id);
        if id == self.end_id {
            self.ended = Some(End::OfPiece);
            self.text.push_str(self.decoder.finish());
        } else {
            let before = self.text.len();
            self.text.push_str(self.decoder.push(id));
            self.look_for_stop(before);
            self.look_for_field();
        }
    }

    /// How much of the text stays whatever comes: an ending may still become a stop text.
    pub fn settled(&self) -> usize {
        let held_back = |stop: &String| {
            let longest = stop.len().saturating_sub(1);
            (1..=longest).rev().find(|&n| stop.is_char_boundary(n) && self.text.ends_with(&stop[..n]))
        };
        let unsettled = self.stops.iter().filter_map(held_back).max().unwrap_or(0);
        self.text.len() - if self.ended.is_none() { unsettled } else { 0 }
    }

    /// Ends the piece before the first stop text that the text from byte `new` on completes.
    fn look_for_stop(&mut self, new: usize) {
        let found = self.stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| {
            let mut from = (new + 1).saturating_sub(stop.len()).min(self.text.len());
            while !self.text.is_char_boundary(from) {
                from -= 1;
            }
            self.text[from..].find(stop.as_str()).map(|at| from + at)
        });
        if let Some(at) = found.min() {
            self.text.truncate(at);
            self.ended = Some(End::Stop);
        }
    }

    /// Sets what follows where the last line is the name of a field that is asked for.
    fn look_for_field(&mut self) {
        let line = &self.text[self.text.rfind('\n').map_or(0, |at| at + 1)..];
        let named = |field: char| line.strip_prefix(field) == Some(":");
        if let Some(at) = self.fields.iter().position(|&(field, _)| named(field)) {
            self.coming.extend(self.fields.swap_remove(at).1);
        }
    }
}

#[cfg(test)]
mod tests {
    use anaphora_data::tokenizer::Kind;

    use super::*;

    fn written(prompt: &str, text: &str, stops: &[&str], fields: &[(char, &str)]) -> (String, Option<End>) {
        let tokenizer = Tokenizer::train(Kind::Byte, []).unwrap();
        let fields: Vec<_> =
            fields.iter().map(|&(field, value)| (field, tokenizer.encode(value).unwrap())).collect();
        let stops: Vec<_> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let ids = tokenizer.encode(prompt).unwrap();
        let mut stream = Stream::new(&tokenizer, (&ids, prompt), &fields, &stops);
        let (mut next, mut settled) = (tokenizer.encode(text).unwrap().into_iter(), String::new());
        while stream.ended.is_none() {
            let Some(id) = stream.set().or_else(|| next.next()) else { break };
            stream.push(id);
            assert!(
                stream.text.starts_with(&settled),
                "what is settled stays: {settled:?}, {:?}",
                stream.text
            );
            stream.text[..stream.settled()].clone_into(&mut settled);
        }
        (stream.text, stream.ended)
    }

    #[test]
    fn a_stop_text_ends_a_piece_where_it_first_comes() {
        let stop = Some(End::Stop);
        assert_eq!(written("a", "bcd", &["cd", "bc"], &[]), ("a".into(), stop));
        assert_eq!(written("a\n", "\nb", &["\n\n"], &[]), ("a".into(), stop), "begun by the prompt");
        assert_eq!(
            written("a\n", "b\nc", &["\n"], &[]),
            ("a\nb".into(), stop),
            "but not of the prompt alone"
        );
        assert_eq!(written("", "aé€b", &["€"], &[]), ("aé".into(), stop));
        assert_eq!(written("", "ababc", &["abc", ""], &[]), ("ab".into(), stop));
        assert_eq!(written("", "abab", &["abc"], &[]), ("abab".into(), None));
    }

    #[test]
    fn a_field_is_set_where_it_first_comes() {
        let fields = [('K', "D\n"), ('M', "6/8\n")];
        let text = "T:K:\nK:C|\nK:G\nM:x";
        assert_eq!(written("", text, &[], &fields).0, "T:K:\nK:D\nC|\nK:G\nM:6/8\nx");
        assert_eq!(written("", text, &["\nK:D"], &fields).0, "T:K:");
    }
}
