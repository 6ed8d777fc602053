//! How much of a generated text was copied from the training data.
//!
//! Both measures read the training data once, in time linear in its length: the longest shared passage walks it through
//! the suffix automaton of the generated text (Blumer et al., 1985), which is small.

use std::collections::HashMap;
use std::ops::Range;

/// A passage of the generated text that occurs in the training data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its length in characters.
    pub length: usize,
    /// Where it is in the generated text, in bytes: `&generated[shared.range]` is the passage.
    pub range: Range<usize>,
    /// The training piece that has it, counted from 0; the first one, if several have.
    pub piece: usize,
}

/// The longest passage that a generated text shares with any of the training pieces; none if they share no character.
pub fn longest_shared<'a>(generated: &str, training: impl IntoIterator<Item = &'a str>) -> Option<Shared> {
    let automaton = Automaton::new(generated.chars());
    let mut best: Option<Match> = None;
    let mut best_piece = 0;
    for (piece, text) in training.into_iter().enumerate() {
        let found = automaton.longest_match(text.chars());
        if found.length > best.map_or(0, |b| b.length) {
            (best, best_piece) = (Some(found), piece);
        }
    }
    let Match { length, end } = best?;
    let offset =
        |character: usize| generated.char_indices().nth(character).map_or(generated.len(), |(at, _)| at);
    Some(Shared { length, range: offset(end - length)..offset(end), piece: best_piece })
}

/// The share, in 0 to 1, of the generated text's passages of `n` characters that occur in the training data. None if
/// the text is shorter than `n`, or `n` is 0.
pub fn ngram_share<'a>(
    generated: &str,
    training: impl IntoIterator<Item = &'a str>,
    n: usize,
) -> Option<f64> {
    let characters: Vec<char> = generated.chars().collect();
    if n == 0 || characters.len() < n {
        return None;
    }
    let mut waiting: HashMap<&[char], usize> = HashMap::new();
    for passage in characters.windows(n) {
        *waiting.entry(passage).or_default() += 1;
    }
    let mut found = 0;
    let mut piece = Vec::new();
    for text in training {
        piece.clear();
        piece.extend(text.chars());
        found += piece.windows(n).filter_map(|passage| waiting.remove(passage)).sum::<usize>();
    }
    Some(found as f64 / (characters.len() + 1 - n) as f64)
}

/// A passage of the automaton's text: its length and where it ends, in characters.
#[derive(Debug, Clone, Copy)]
struct Match {
    length: usize,
    end: usize,
}

/// The smallest automaton that reads every passage of a text; state 0 stands for the empty one.
struct Automaton {
    states: Vec<State>,
}

/// The passages that end at the same places.
#[derive(Clone, Default)]
struct State {
    /// Length of the longest of them.
    length: usize,
    /// Where its first occurrence ends.
    end: usize,
    /// The state of the longest passage that ends at more places too.
    link: Option<usize>,
    /// Sorted by character.
    next: Vec<(char, usize)>,
}

impl State {
    fn follow(&self, c: char) -> Option<usize> {
        self.next.binary_search_by_key(&c, |edge| edge.0).ok().map(|at| self.next[at].1)
    }

    fn set(&mut self, c: char, target: usize) {
        match self.next.binary_search_by_key(&c, |edge| edge.0) {
            Ok(at) => self.next[at].1 = target,
            Err(at) => self.next.insert(at, (c, target)),
        }
    }
}

impl Automaton {
    fn new(text: impl Iterator<Item = char>) -> Self {
        let mut automaton = Automaton { states: vec![State::default()] };
        let mut last = 0;
        text.for_each(|c| last = automaton.extend(last, c));
        automaton
    }

    /// Appends a character to the text that `last` is the state of.
    fn extend(&mut self, last: usize, c: char) -> usize {
        let states = &mut self.states;
        let new = states.len();
        let length = states[last].length + 1;
        states.push(State { length, end: length, link: Some(0), next: vec![] });
        let mut at = Some(last);
        while let Some(state) = at {
            let Some(target) = states[state].follow(c) else {
                states[state].set(c, new);
                at = states[state].link;
                continue;
            };
            let length = states[state].length + 1;
            let link = if states[target].length == length {
                target
            } else {
                // Only the shorter passages of the target end here too: they become a state of their own.
                let split = states.len();
                states.push(State { length, ..states[target].clone() });
                states[target].link = Some(split);
                let mut from = Some(state);
                while let Some(state) = from.filter(|&s| states[s].follow(c) == Some(target)) {
                    states[state].set(c, split);
                    from = states[state].link;
                }
                split
            };
            states[new].link = Some(link);
            break;
        }
        new
    }

    fn longest_match(&self, text: impl Iterator<Item = char>) -> Match {
        let mut best = Match { length: 0, end: 0 };
        let (mut state, mut length) = (0, 0);
        for c in text {
            let target = loop {
                match (self.states[state].follow(c), self.states[state].link) {
                    (Some(target), _) => break Some(target),
                    (None, Some(link)) => (state, length) = (link, self.states[link].length),
                    (None, None) => break None,
                }
            };
            let Some(target) = target else { continue };
            (state, length) = (target, length + 1);
            if length > best.length {
                best = Match { length, end: self.states[state].end };
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The longest shared passage by trying all of them.
    fn longest_by_trial(generated: &str, training: &[String]) -> usize {
        let characters: Vec<char> = generated.chars().collect();
        let passages =
            (0..characters.len()).flat_map(|from| (from + 1..=characters.len()).map(move |to| (from, to)));
        let shared = passages.filter(|&(from, to)| {
            let passage: String = characters[from..to].iter().collect();
            training.iter().any(|piece| piece.contains(&passage))
        });
        shared.map(|(from, to)| to - from).max().unwrap_or(0)
    }

    #[test]
    fn the_longest_passage_is_found_and_named() {
        let generated = "ein grünes Haus am See";
        let shared = longest_shared(generated, ["kein rotes", "ein grünes Hemd", "grünes Haus"]).unwrap();
        assert_eq!((shared.length, &generated[shared.range], shared.piece), (12, "ein grünes H", 1));
        assert_eq!(longest_shared("abc", ["xyz", ""]), None);
        assert_eq!(longest_shared("", ["xyz"]), None);
    }

    #[test]
    fn shares_count_every_passage() {
        assert_eq!(ngram_share("abcabx", ["zabc", "ca"], 2), Some(0.8), "ab, bc, ca, ab, not bx");
        assert_eq!(ngram_share("abc", ["abc"], 4), None);
        assert_eq!(ngram_share("abc", ["abc"], 0), None);
        assert_eq!(ngram_share("abc", ["xabcx"], 3), Some(1.0));
        assert_eq!(ngram_share("abc", ["ab", "c"], 3), Some(0.0), "not across pieces");
    }

    proptest! {
        #[test]
        fn the_automaton_agrees_with_trial(
            generated in "[abä]{0,30}", training in proptest::collection::vec("[abäc]{0,30}", 0..4),
        ) {
            let shared = longest_shared(&generated, training.iter().map(String::as_str));
            prop_assert_eq!(shared.as_ref().map_or(0, |s| s.length), longest_by_trial(&generated, &training));
            if let Some(shared) = shared {
                let passage = &generated[shared.range];
                prop_assert_eq!(passage.chars().count(), shared.length);
                prop_assert!(training[shared.piece].contains(passage));
                prop_assert!(!training[..shared.piece].iter().any(|piece| piece.contains(passage)));
            }
        }
    }
}
