//! Whether repeats, endings, ties and tuplets are whole: each that begins also ends.

use super::{Element, Item, Tune, Voice};
use crate::Problem;

impl Tune {
    /// Repeats, endings, ties and tuplets that begin and do not end as they should.
    ///
    /// They are played as best they can be, but players and programs will differ about them. A
    /// `:|` without a `|:` is none of them: it goes back to the beginning of its section.
    pub fn structure_problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for voice in &self.voices {
            repeats(voice, &mut problems);
            ties(voice, &mut problems);
            tuplets(voice, &mut problems);
            ornaments(voice, &mut problems);
        }
        problems.sort();
        problems
    }
}

fn problem(item: &Item, message: &str) -> Problem {
    Problem::new(item.line, item.column, message)
}

/// How far a row of variant endings has come.
enum Endings<'a> {
    /// There is none here.
    Outside,
    /// In an ending that is to be closed by `:|`.
    First(&'a Item),
    /// Behind that `:|`: the next ending is to follow.
    Between(&'a Item),
    /// In a later ending, to be closed by `:|` or a double bar line.
    Later(&'a Item),
}

fn repeats(voice: &Voice, problems: &mut Vec<Problem>) {
    let mut open: Option<&Item> = None;
    let mut endings = Endings::Outside;
    for item in &voice.items {
        match &item.element {
            Element::Bar(bar) => {
                endings = match endings {
                    Endings::First(first) if bar.repeats_before > 0 => Endings::Between(first),
                    Endings::First(first) if bar.repeats_after > 0 => {
                        problems.push(problem(first, "this first ending is to end with :|"));
                        Endings::Outside
                    }
                    // It may be followed by a third ending.
                    Endings::Later(later) if bar.repeats_before > 0 && bar.repeats_after == 0 => {
                        Endings::Later(later)
                    }
                    Endings::Later(_) if bar.is_section() => Endings::Outside,
                    other => other,
                };
                let begun = open.map_or(1, |item| match &item.element {
                    Element::Bar(bar) => bar.repeats_after,
                    _ => 1,
                });
                if bar.repeats_before > 1 && bar.repeats_before != begun {
                    problems.push(problem(item, "as many colons are to begin a repeat as end it"));
                }
                if bar.repeats_before > 0 {
                    open = None;
                }
                if bar.repeats_after > 0
                    && let Some(earlier) = open.replace(item)
                {
                    problems.push(problem(earlier, "this repeat is begun and never closed by :|"));
                }
            }
            Element::Ending(passes) => {
                endings = match (endings, passes.contains(&1)) {
                    (Endings::First(first), _) => {
                        problems.push(problem(first, "this first ending is to end with :|"));
                        if passes.contains(&1) { Endings::First(item) } else { Endings::Later(item) }
                    }
                    (_, true) => Endings::First(item),
                    (Endings::Between(_) | Endings::Later(_), false) => Endings::Later(item),
                    (Endings::Outside, false) => {
                        problems.push(problem(item, "this ending comes without a first ending before it"));
                        Endings::Later(item)
                    }
                };
            }
            element if element.duration().is_some() => {
                if let Endings::Between(first) = endings {
                    problems.push(problem(first, "this first ending is not followed by a second"));
                    endings = Endings::Outside;
                }
            }
            _ => {}
        }
    }
    let last_bar = voice.items.iter().rev().find_map(|i| match &i.element {
        Element::Bar(bar) => Some(bar),
        _ => None,
    });
    match endings {
        Endings::First(first) => problems.push(problem(first, "this first ending is to end with :|")),
        Endings::Between(first) => {
            problems.push(problem(first, "this first ending is not followed by a second"))
        }
        Endings::Later(later) if !last_bar.is_some_and(|bar| bar.is_section()) => {
            problems.push(problem(later, "this last ending is to end with |], || or :|"));
        }
        _ => {}
    }
    if let Some(open) = open {
        problems.push(problem(open, "this repeat is begun and never closed by :|"));
    }
}

/// A tie is to lead to a note of the same pitch; at a repeat it may lead to another place.
fn ties(voice: &Voice, problems: &mut Vec<Problem>) {
    let mut tied: Option<(&Item, Vec<u8>)> = None;
    for item in &voice.items {
        match &item.element {
            Element::Sound(sound) => {
                let has = |pitch: &u8| sound.tones.iter().any(|t| t.pitch == *pitch);
                if let Some((from, pitches)) = &tied
                    && !pitches.iter().all(has)
                {
                    problems.push(problem(from, "this note is tied to one of another pitch"));
                }
                let pitches: Vec<u8> = sound.tones.iter().filter(|t| t.tie).map(|t| t.pitch).collect();
                tied = (!pitches.is_empty()).then_some((item, pitches));
            }
            Element::Bar(bar) if bar.is_section() => tied = None,
            element if element.duration().is_some() => {
                if let Some((from, _)) = tied.take() {
                    problems.push(problem(from, "this note is tied to a rest"));
                }
            }
            _ => {}
        }
    }
    if let Some((from, _)) = tied {
        problems.push(problem(from, "this note is tied to nothing"));
    }
}

/// A tuplet is to be filled before the bar or another tuplet begins.
fn tuplets(voice: &Voice, problems: &mut Vec<Problem>) {
    let mut open: Option<(&Item, u8)> = None;
    for item in &voice.items {
        let ends = match &item.element {
            Element::Tuplet { .. } | Element::Bar(_) => true,
            element if element.duration().is_some() => {
                open = open.and_then(|(from, left)| (left > 1).then_some((from, left - 1)));
                false
            }
            _ => false,
        };
        if let Some((from, _)) = open.take_if(|_| ends) {
            problems.push(problem(from, "this tuplet has too few notes in its bar"));
        }
        if let Element::Tuplet { r, .. } = item.element {
            open = Some((item, r));
        }
    }
    if let Some((from, _)) = open {
        problems.push(problem(from, "this tuplet has too few notes in its bar"));
    }
}

/// A sign such as `~` is to have its note in the same bar; fermata, segno and coda may be the bar's.
fn ornaments(voice: &Voice, problems: &mut Vec<Problem>) {
    let mut open: Option<&Item> = None;
    for item in &voice.items {
        match &item.element {
            Element::Decoration(name) if name.chars().count() == 1 && !"HSO".contains(name.as_str()) => {
                open = Some(item);
            }
            Element::Bar(_) | Element::LineBreak => {
                if let Some(from) = open.take() {
                    problems.push(problem(from, "this ornament is to stand before a note"));
                }
            }
            element if element.duration().is_some() => open = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::abc::parse_tune;

    /// Columns of what is found incomplete.
    fn wrong(body: &str) -> Vec<u32> {
        let (tune, problems) = parse_tune(&format!("X:1\nM:none\nL:1/8\nK:C\n{body}\n"));
        assert_eq!(problems, []);
        tune.structure_problems().iter().map(|p| p.column).collect()
    }

    #[test]
    fn what_begins_is_to_end() {
        for (body, columns) in [
            ("|:A:|B:|:C::D:|", vec![]),
            ("|:A|", vec![1]),
            ("A|:B|:C:|", vec![2]),
            ("|:A::B|]", vec![4]),
            ("|:A|1B:|2C|]", vec![]),
            ("|:A|1B:|2C:|3D|]", vec![]),
            ("A[1B:|[2C|]D:|", vec![]),
            ("|:A|1B|2C|]", vec![1, 5]),
            ("|:A|1B:|C|]", vec![5]),
            ("|:A|1B:|", vec![5]),
            ("|:A:|2B|]C||", vec![6]),
            ("|:A|1B:|2C|", vec![9]),
            ("A-A|A-|A", vec![]),
            ("A-B|", vec![1]),
            ("A-z|", vec![1]),
            ("[AC]-[AC]|[A-C]A|A-", vec![18]),
            ("|:^A-|A:|A-:|", vec![]),
            ("(3ABC(2AB|", vec![]),
            ("(3AB|C", vec![1]),
            ("(3AB(2CD|", vec![1]),
            ("(3A", vec![1]),
            ("|::A::|", vec![]),
            ("|:A::|", vec![4]),
            ("~A!trill!B|H|", vec![]),
            ("A~|.", vec![2, 4]),
        ] {
            assert_eq!(wrong(body), columns, "{body}");
        }
    }
}
