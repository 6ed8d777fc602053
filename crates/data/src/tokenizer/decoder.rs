//! Text from tokens as they come.

use super::Tokenizer;

/// Decodes a stream of tokens; the bytes of an unfinished character are held back until it is complete.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    tokenizer: &'a Tokenizer,
    /// Bytes that may still become a character: at most three between two calls.
    pending: Vec<u8>,
    text: String,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Decoder { tokenizer, pending: Vec::new(), text: String::new() }
    }

    /// The text that this token completes, possibly none.
    pub fn push(&mut self, id: u32) -> &str {
        self.tokenizer.append_bytes(id, &mut self.pending);
        self.text.clear();
        let mut read = 0;
        for chunk in self.pending.utf8_chunks() {
            self.text.push_str(chunk.valid());
            read += chunk.valid().len();
            let invalid = chunk.invalid();
            let unfinished = read + invalid.len() == self.pending.len()
                && std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
            if !invalid.is_empty() && !unfinished {
                self.text.push(char::REPLACEMENT_CHARACTER);
                read += invalid.len();
            }
        }
        self.pending.drain(..read);
        &self.text
    }

    /// Ends the stream: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self) -> &str {
        self.text.clear();
        if !self.pending.is_empty() {
            self.pending.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Kind;
    use super::*;

    #[test]
    fn an_unfinished_character_is_held_back() {
        let tokenizer = Tokenizer::train(Kind::Byte, []).unwrap();
        let mut decoder = tokenizer.decoder();
        let mut parts = vec![];
        for byte in "a€".bytes().chain([0xE2, b'b', 0xC3]) {
            parts.push(decoder.push(u32::from(byte) + 1).to_owned());
        }
        parts.push(decoder.finish().to_owned());
        assert_eq!(parts, ["a", "", "", "€", "", "\u{FFFD}b", "", "\u{FFFD}"]);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_as_the_standard_library_does(bytes: Vec<u8>) {
            let tokenizer = Tokenizer::train(Kind::Byte, []).unwrap();
            let ids: Vec<u32> = bytes.iter().map(|&b| u32::from(b) + 1).collect();
            prop_assert_eq!(tokenizer.decode(&ids), String::from_utf8_lossy(&bytes));
        }
    }
}
