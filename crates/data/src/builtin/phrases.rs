//! Sentences whose words have tags: phrases of nouns and of verbs, persons, places and organisations, in IOB2.

use rand::RngExt;

use super::{Random, choice, seeded};

/// A word and its tag.
pub type TaggedWord = (String, String);

/// Words that are a noun or a verb, whichever their place asks for: without and with `s`.
const BOTH: &[&str] = &[
    "plant", "work", "ship", "order", "market", "guard", "check", "visit", "report", "plan", "trade",
    "study", "move", "drive", "record", "support", "offer", "change",
];
/// Words that are an adjective in front of a noun, else a verb.
const QUALITIES: &[&str] = &["clean", "open", "free", "empty", "clear", "dry"];
const ADJECTIVES: &[&str] = &["old", "small", "new", "heavy", "quiet", "first"];
const NOUNS: &[&str] = &["house", "river", "letter", "engine", "road", "garden", "bridge", "field"];
const ADVERBS: &[&str] = &["often", "never", "rarely", "soon"];
/// Names of persons, half of which are names of places too.
const GIVEN: &[&str] = &[
    "Florence", "Austin", "Victoria", "Sydney", "Georgia", "Dallas", "Anna", "Peter", "Maria", "Oscar",
    "Nina", "Hugo",
];
const PLACES: &[&str] = &["Florence", "Austin", "Victoria", "Sydney", "Georgia", "Dallas", "Bergen", "Lyon"];
const FIRST: &[&str] =
    &["Mar", "Hal", "Win", "Ash", "Bren", "Thorn", "Cal", "Lan", "Stan", "Whit", "Ral", "Ked"];
const MIDDLE: &[&str] = &["", "", "er", "in", "a", "den", "low"];
/// How surnames end, and how places do; the last two ends serve both.
const OF_PERSONS: &[&str] = &["son", "well", "man", "ton", "ley"];
const OF_PLACES: &[&str] = &["ville", "burg", "ford", "ton", "ley"];
const BEFORE_PLACES: &[&str] = &["New", "Port", "Lake"];
const COMPANIES: &[&str] = &["Bank", "Steel", "Press", "Works", "Trade"];

/// Sentences by a small grammar in which the tag of many a word follows from its context, and from nothing else: `market` is
/// a noun or a verb by its place, `Florence` a person, a place or the first or last word of an organisation. What stands
/// behind decides too: `guard plans change the market` is on the plans of guards, `guard plans with Anna` an order. Names
/// are made of syllables, so that many are met for the first time; `to Halerson` and `to Halerford` differ by their
/// endings alone. Each sentence as a whole says which tags are right. They are IOB2's of NP, VP, PER, LOC and ORG.
pub fn phrases(seed: u64, count: usize) -> Vec<Vec<TaggedWord>> {
    let mut random = seeded(seed);
    (0..count).map(|_| Sentence::made(&mut random)).collect()
}

/// What part a common word of [`phrases`] can have: words of one part can stand in the same places. None of names that are made
/// of syllables.
pub fn part_of_speech(word: &str) -> Option<&'static str> {
    let is_with_s = |words: &[&str]| words.iter().any(|known| with_s(known) == word);
    Some(match word {
        "the" | "a" | "this" | "some" | "these" => "article",
        "she" | "it" | "they" | "we" => "pronoun",
        "will" | "must" | "can" => "auxiliary",
        "in" | "near" | "from" | "for" | "with" | "to" | "of" => "preposition",
        "." => "full stop",
        _ if BOTH.contains(&word) => "noun or verb",
        _ if is_with_s(BOTH) => "noun or verb with s",
        _ if NOUNS.contains(&word) => "noun",
        _ if is_with_s(NOUNS) => "noun with s",
        _ if QUALITIES.contains(&word) => "adjective or verb",
        _ if is_with_s(QUALITIES) => "verb with s",
        _ if ADJECTIVES.contains(&word) => "adjective",
        _ if ADVERBS.contains(&word) => "adverb",
        _ if PLACES.contains(&word) || GIVEN.contains(&word) || BEFORE_PLACES.contains(&word) => "name",
        _ if COMPANIES.contains(&word) => "name of a firm",
        _ => return None,
    })
}

/// A sentence that is being made.
struct Sentence<'a> {
    random: &'a mut Random,
    words: Vec<TaggedWord>,
}

impl Sentence<'_> {
    fn made(random: &mut Random) -> Vec<TaggedWord> {
        let mut sentence = Sentence { random, words: Vec::new() };
        if sentence.sometimes(4) {
            let verb = sentence.bare_verb();
            sentence.span("VP", vec![verb]);
        } else {
            let plural = sentence.subject();
            sentence.verb(plural);
        }
        sentence.noun_phrase(None);
        match sentence.random.random_range(0..6) {
            0 => sentence.behind(&["in", "near", "from"], Sentence::place),
            1 => sentence.behind(&["for"], Sentence::organisation),
            2 => sentence.behind(&["with"], Sentence::person),
            3 => sentence.behind(&["to"], Sentence::ending),
            _ => {}
        }
        sentence.outside(".");
        sentence.words
    }

    /// A name behind a preposition.
    fn behind(&mut self, prepositions: &[&str], name: impl Fn(&mut Self)) {
        let preposition = self.one_of(prepositions);
        self.outside(&preposition);
        name(self);
    }

    /// A name that its ending alone says to be a person's or a place's.
    fn ending(&mut self) {
        let (kind, endings) = choice(self.random, &[("PER", OF_PERSONS), ("LOC", OF_PLACES)]);
        let name = self.name(&endings[..3]);
        self.span(kind, vec![name]);
    }

    fn one_of(&mut self, words: &[&str]) -> String {
        choice(self.random, words).to_owned()
    }

    fn sometimes(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    fn outside(&mut self, word: &str) {
        self.words.push((word.to_owned(), "O".to_owned()));
    }

    /// Words that are one span.
    fn span(&mut self, kind: &str, words: Vec<String>) {
        for (index, word) in words.into_iter().enumerate() {
            self.words.push((word, format!("{}-{kind}", if index == 0 { "B" } else { "I" })));
        }
    }

    /// Says whether it is a plural.
    fn subject(&mut self) -> bool {
        match self.random.random_range(0..6) {
            0 => self.person(),
            1 => self.organisation(),
            2 => {
                let (word, plural) =
                    choice(self.random, &[("she", false), ("it", false), ("they", true), ("we", true)]);
                self.span("NP", vec![word.to_owned()]);
                return plural;
            }
            _ => {
                let plural = self.sometimes(2);
                self.noun_phrase(Some(plural));
                return plural;
            }
        }
        false
    }

    /// An article, adjectives and a noun or two; any number where none is asked for. A plural may stand without an article.
    fn noun_phrase(&mut self, plural: Option<bool>) {
        let plural = plural.unwrap_or_else(|| self.sometimes(2));
        let mut words = Vec::new();
        if !plural || self.sometimes(3) {
            words.push(self.one_of(if plural { &["the", "some", "these"] } else { &["the", "a", "this"] }));
        }
        if self.sometimes(4) {
            words.push(self.one_of(ADJECTIVES));
        }
        if self.sometimes(4) {
            words.push(self.one_of(QUALITIES));
        }
        if plural && self.sometimes(2) {
            words.push(self.one_of(BOTH));
        }
        let nouns = if self.sometimes(4) { NOUNS } else { BOTH };
        let noun = self.one_of(nouns);
        words.push(if plural { with_s(&noun) } else { noun });
        self.span("NP", words);
    }

    fn bare_verb(&mut self) -> String {
        let verbs = if self.sometimes(4) { QUALITIES } else { BOTH };
        self.one_of(verbs)
    }

    fn verb(&mut self, plural: bool) {
        if self.sometimes(4) {
            let word = self.one_of(ADVERBS);
            self.outside(&word);
        }
        let verb = self.bare_verb();
        let words = match self.random.random_range(0..3) {
            0 => vec![self.one_of(&["will", "must", "can"]), verb],
            _ if plural => vec![verb],
            _ => vec![with_s(&verb)],
        };
        self.span("VP", words);
    }

    fn name(&mut self, last: &[&str]) -> String {
        self.one_of(FIRST) + &self.one_of(MIDDLE) + &self.one_of(MIDDLE) + &self.one_of(last)
    }

    fn person(&mut self) {
        let mut words = vec![self.one_of(GIVEN)];
        if self.sometimes(2) {
            words.push(self.name(OF_PERSONS));
        }
        self.span("PER", words);
    }

    fn place_name(&mut self) -> String {
        if self.sometimes(2) { self.one_of(PLACES) } else { self.name(OF_PLACES) }
    }

    fn place(&mut self) {
        let mut words = Vec::new();
        if self.sometimes(4) {
            words.push(self.one_of(BEFORE_PLACES));
        }
        words.push(self.place_name());
        self.span("LOC", words);
    }

    fn organisation(&mut self) {
        let company = self.one_of(COMPANIES);
        let words = match self.random.random_range(0..3) {
            0 => vec![company, "of".to_owned(), self.place_name()],
            1 => vec![self.name(OF_PERSONS), company],
            _ => vec![self.place_name(), company],
        };
        self.span("ORG", words);
    }
}

/// A plural, or a verb's third person.
fn with_s(word: &str) -> String {
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{word}s"),
    }
}
