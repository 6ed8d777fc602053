//! What there is to track in a text: properties of each character that follow from the text alone, by rule.

mod tune;

/// Properties of each character of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Whether something holds there.
    pub flags: Vec<(&'static str, Vec<bool>)>,
    /// A number that belongs there; not a number where none does.
    pub numbers: Vec<(&'static str, Vec<f32>)>,
}

impl Features {
    /// Of a text: classes of characters, what encloses them, and distances.
    pub fn of_text(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let each = |is: &dyn Fn(char) -> bool| characters.iter().map(|&c| is(c)).collect::<Vec<bool>>();
        let is_vowel =
            |c: char| "aeiouäëïöüáéíóúàèìòùâêîôûåæøœ".contains(c.to_lowercase().next().unwrap_or(c));
        let mut flags = vec![
            ("letter", each(&|c| c.is_alphabetic())),
            ("vowel", each(&is_vowel)),
            ("upper case", each(&|c| c.is_uppercase())),
            ("digit", each(&|c| c.is_numeric())),
            ("punctuation", each(&|c| !c.is_alphanumeric() && !c.is_whitespace())),
            ("blank", each(&|c| c.is_whitespace() && c != '\n')),
            ("end of line", each(&|c| c == '\n')),
            ("inside quotes", inside_quotes(&characters)),
            ("inside brackets", inside_brackets(&characters)),
        ];
        let ends_word = |index: usize| {
            let next = characters.get(index + 1).is_none_or(|c| !c.is_alphanumeric());
            characters[index].is_alphanumeric() && next
        };
        flags.push(("last of a word", (0..characters.len()).map(ends_word).collect()));
        let since = |resets: &dyn Fn(char) -> bool| -> Vec<f32> {
            let mut count = 0.0;
            let mut next = |&c: &char| {
                count = if resets(c) { 0.0 } else { count + 1.0 };
                count
            };
            characters.iter().map(&mut next).collect()
        };
        let numbers = vec![
            ("characters since the line began", since(&|c| c == '\n')),
            ("place in the word", since(&|c| !c.is_alphanumeric())),
            ("place in the text", (0..characters.len()).map(|index| index as f32).collect()),
        ];
        Self { flags, numbers }
    }

    /// Of a tune in ABC: those of its text, and what the notes mean.
    pub fn of_tune(text: &str) -> Self {
        let mut features = Self::of_text(text);
        tune::add(&mut features, text);
        features
    }

    /// Those of the characters at some places.
    pub fn at(&self, places: &[usize]) -> Self {
        let flags =
            self.flags.iter().map(|(name, all)| (*name, places.iter().map(|&place| all[place]).collect()));
        let numbers =
            self.numbers.iter().map(|(name, all)| (*name, places.iter().map(|&place| all[place]).collect()));
        Self { flags: flags.collect(), numbers: numbers.collect() }
    }

    /// Puts those of another text behind these.
    pub fn extend(&mut self, other: &Self) {
        if self.flags.is_empty() && self.numbers.is_empty() {
            *self = other.clone();
            return;
        }
        self.flags.iter_mut().zip(&other.flags).for_each(|((_, own), (_, other))| own.extend(other));
        self.numbers.iter_mut().zip(&other.numbers).for_each(|((_, own), (_, other))| own.extend(other));
    }
}

/// Whether characters stand between two double quotes of one paragraph, the first quote counted in, the last not: the state
/// that a reader must keep.
fn inside_quotes(characters: &[char]) -> Vec<bool> {
    let mut inside = false;
    let mut lines = 0;
    let see = |&c: &char| {
        lines = if c == '\n' { lines + 1 } else { 0 };
        match c {
            '"' => inside = !inside,
            '“' | '„' | '«' => inside = true,
            '”' | '»' => inside = false,
            // A quote that was never closed ends with its paragraph.
            _ if lines > 1 => inside = false,
            _ => {}
        }
        inside
    };
    characters.iter().map(see).collect()
}

/// Whether characters stand between brackets of any kind.
fn inside_brackets(characters: &[char]) -> Vec<bool> {
    let mut depth = 0_usize;
    let see = |&c: &char| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 0
    };
    characters.iter().map(see).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(features: &Features, name: &str) -> String {
        let flags = &features.flags.iter().find(|(known, _)| *known == name).unwrap().1;
        flags.iter().map(|is| if *is { 'x' } else { '.' }).collect()
    }

    #[test]
    fn properties_follow_from_the_text() {
        let features = Features::of_text("He said: \"No (1)\".\nOh");
        assert_eq!(marks(&features, "inside quotes"), ".........xxxxxxx.....");
        assert_eq!(marks(&features, "inside brackets"), ".............xx......");
        assert_eq!(marks(&features, "last of a word"), ".x....x....x..x.....x");
        assert_eq!(marks(&features, "vowel"), ".x..xx.....x.......x.");
        assert_eq!(features.numbers[0].1[16..], [17.0, 18.0, 0.0, 1.0, 2.0]);
        assert_eq!(features.numbers[1].1[..4], [1.0, 2.0, 0.0, 1.0]);
    }

    #[test]
    fn properties_of_a_tune_follow_from_its_notes() {
        let features = Features::of_tune("X:1\nM:3/4\nL:1/4\nK:G\nG2B|d z/B/ G|");
        let body = |name| marks(&features, name)[20..].to_owned();
        assert_eq!(body("header"), ".............");
        assert_eq!(&marks(&features, "header")[..20], "xxxxxxxxxxxxxxxxxxxx");
        assert_eq!(body("note"), "xxx.x...xx.x.");
        assert_eq!(body("tonic"), "xx.........x.");
        assert_eq!(body("bar line"), "...x........x");
        let place = &features.numbers.iter().find(|(name, _)| *name == "place in the bar").unwrap().1[20..];
        assert_eq!(place[..5], [0.0, 0.0, 2.0, 3.0, 0.0]);
        assert_eq!(place[6..12], [1.0, 1.0, 1.5, 1.5, 1.5, 2.0]);
    }
}
