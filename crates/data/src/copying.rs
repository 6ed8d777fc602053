//! How much of a generated text was copied from the training data.
//!
//! Both measures come of one pass through the training data, in time linear in its length: it is walked through the suffix
//! automaton of the generated text (Blumer et al., 1985), which is small.

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

/// Looks for passages of a generated text in training data that come stretch by stretch.
pub struct Copying {
    /// Of the generated text.
    characters: Vec<char>,
    automaton: Automaton,
    /// Passages of so many characters are counted.
    n: usize,
    /// Where each begins in the generated text, until it is found.
    waiting: HashMap<Vec<char>, Vec<usize>>,
    /// Where those begin that have been found.
    found: Vec<usize>,
    /// The longest passage that ends where the training data have been read to.
    state: usize,
    length: usize,
    /// Training pieces that have been read.
    piece: usize,
    /// Length, end and training piece of the longest passage.
    best: (usize, usize, usize),
}

impl Copying {
    /// Looks for the passages of `generated`, of those of `n` characters for each.
    pub fn new(generated: &str, n: usize) -> Self {
        let characters: Vec<char> = generated.chars().collect();
        let mut waiting: HashMap<Vec<char>, Vec<usize>> = HashMap::new();
        if n > 0 {
            for (from, passage) in characters.windows(n).enumerate() {
                waiting.entry(passage.to_vec()).or_default().push(from);
            }
        }
        let (automaton, found) = (Automaton::new(generated.chars()), Vec::new());
        Self { characters, automaton, n, waiting, found, state: 0, length: 0, piece: 0, best: (0, 0, 0) }
    }

    /// Goes on with a training piece.
    pub fn read(&mut self, stretch: &str) {
        for c in stretch.chars() {
            (self.state, self.length) = self.automaton.step(self.state, self.length, c);
            if self.length > self.best.0 {
                self.best = (self.length, self.automaton.states[self.state].end, self.piece);
            }
            if self.n > 0 && self.length >= self.n {
                let end = self.automaton.states[self.state].end;
                let passage = &self.characters[end - self.n..end];
                self.found.extend(self.waiting.remove(passage).unwrap_or_default());
            }
        }
    }

    /// The training piece is at its end.
    pub fn end_piece(&mut self) {
        (self.state, self.length) = (0, 0);
        self.piece += 1;
    }

    /// The longest passage that the generated text shares with any of the training pieces; none if they share no character.
    pub fn longest(&self) -> Option<Shared> {
        let (length, end, piece) = self.best;
        let bytes = |until: usize| self.characters[..until].iter().map(|c| c.len_utf8()).sum();
        (length > 0).then(|| Shared { length, range: bytes(end - length)..bytes(end), piece })
    }

    /// The share, in 0 to 1, of the generated text's passages of `n` characters that occur in the training data. None if
    /// the text is shorter than `n`, or `n` is 0.
    pub fn share(&self) -> Option<f64> {
        let passages =
            (self.characters.len() + 1).checked_sub(self.n).filter(|&count| count > 0 && self.n > 0)?;
        Some(self.found.len() as f64 / passages as f64)
    }

    /// What of the generated text lies in passages of `n` characters that occur in the training data: places of characters, in order
    /// and apart from one another.
    pub fn copied(&self) -> Vec<Range<usize>> {
        let mut found = self.found.clone();
        found.sort_unstable();
        let mut copied: Vec<Range<usize>> = Vec::new();
        for from in found {
            match copied.last_mut().filter(|last| last.end >= from) {
                Some(last) => last.end = from + self.n,
                None => copied.push(from..from + self.n),
            }
        }
        copied
    }
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

    /// From the longest passage that ends before `c` to the longest that ends with it: its state and its length.
    fn step(&self, mut state: usize, mut length: usize, c: char) -> (usize, usize) {
        loop {
            match (self.states[state].follow(c), self.states[state].link) {
                (Some(target), _) => return (target, length + 1),
                (None, Some(link)) => (state, length) = (link, self.states[link].length),
                (None, None) => return (state, length),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found in these pieces, each in stretches of a few characters.
    fn read<T: AsRef<str>>(generated: &str, training: &[T], n: usize) -> Copying {
        let mut copying = Copying::new(generated, n);
        for piece in training {
            let characters: Vec<char> = piece.as_ref().chars().collect();
            characters.chunks(3).for_each(|part| copying.read(&part.iter().collect::<String>()));
            copying.end_piece();
        }
        copying
    }

    fn longest_shared<T: AsRef<str>>(generated: &str, training: &[T]) -> Option<Shared> {
        read(generated, training, 0).longest()
    }

    fn ngram_share(generated: &str, training: &[&str], n: usize) -> Option<f64> {
        read(generated, training, n).share()
    }

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
        let shared = longest_shared(generated, &["kein rotes", "ein grünes Hemd", "grünes Haus"]).unwrap();
        assert_eq!((shared.length, &generated[shared.range], shared.piece), (12, "ein grünes H", 1));
        assert_eq!(longest_shared("abc", &["xyz", ""]), None);
        assert_eq!(longest_shared("", &["xyz"]), None);
    }

    #[test]
    fn shares_count_every_passage() {
        assert_eq!(ngram_share("abcabx", &["zabc", "ca"], 2), Some(0.8), "ab, bc, ca, ab, not bx");
        assert_eq!(ngram_share("abc", &["abc"], 4), None);
        assert_eq!(ngram_share("abc", &["abc"], 0), None);
        assert_eq!(ngram_share("abc", &["xabcx"], 3), Some(1.0));
        assert_eq!(ngram_share("abc", &["ab", "c"], 3), Some(0.0), "not across pieces");
    }

    #[test]
    fn what_is_copied_is_told_once() {
        let copied = |generated: &str, training: &[&str]| -> Vec<[usize; 2]> {
            let copied = read(generated, training, 3).copied();
            copied.into_iter().map(|part| [part.start, part.end]).collect()
        };
        assert_eq!(copied("abcXdefgY", &["abc", "defg"]), [[0, 3], [4, 8]]);
        assert_eq!(copied("äbcäbc", &["äbc"]), [[0, 6]]);
        assert_eq!(copied("abcdef", &["abcd", "cdef"]), [[0, 6]]);
        assert_eq!(copied("abc", &["xyz"]), [[0; 2]; 0]);
    }

    proptest! {
        #[test]
        fn the_automaton_agrees_with_trial(
            generated in "[abä]{0,30}", training in proptest::collection::vec("[abäc]{0,30}", 0..4),
        ) {
            let shared = longest_shared(&generated, &training);
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
