//! Whether bars add up, and whether a tune is a complete piece.

use super::{Element, Item, Tune, Voice};
use crate::{Metre, Problem, TICKS_PER_WHOLE, Ticks};

/// How far the rounding of odd tuplets may take a bar from its length.
const TOLERANCE: Ticks = TICKS_PER_WHOLE / 1024;

/// A stretch between two bar lines, with the music in it.
struct Measure<'a> {
    /// First note or rest, for its place in the text.
    first: &'a Item,
    /// The longest of its overlaid lines.
    length: Ticks,
    /// A full bar; `None` in free metre.
    full: Option<Ticks>,
    /// Whether a section, an ending or the tune begins with it.
    opens: bool,
    /// Whether a section, an ending or the tune ends with it.
    closes: bool,
    /// Overlaid lines that differ in length.
    uneven: bool,
}

impl Tune {
    /// Bars that do not add up to the metre, as a musician would judge them.
    ///
    /// A section may begin with a pick-up. A bar at the end of a section may be short by the
    /// pick-up that comes after it, be that of the next section or of its own repetition, or by
    /// the pick-up with which the tune began. Nothing is asked of music without metre.
    pub fn bar_problems(&self) -> Vec<Problem> {
        self.voices.iter().flat_map(|v| voice_problems(v, &self.metre)).collect()
    }

    /// What keeps the tune from being a complete piece, its bars apart: no `X:` or `K:`, no bar of
    /// notes, an end without a bar line.
    pub fn completeness_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |message: &str| problems.push(Problem::new(self.line, 1, message));
        if self.reference.is_none() {
            problem("the tune has no X: field with its number");
        }
        if self.key.is_none() {
            problem("the tune has no K: field");
        }
        let sounds = |v: &Voice| v.items.iter().any(|i| matches!(i.element, Element::Sound(_)));
        if !self.voices.iter().any(sounds) {
            problem("the tune has no notes");
        }
        for voice in &self.voices {
            let last = voice
                .items
                .iter()
                .rev()
                .find(|i| matches!(i.element, Element::Bar(_)) || i.element.duration().is_some());
            if let Some(Item { line, column, element }) = last
                && !matches!(element, Element::Bar(_))
            {
                problems.push(Problem::new(*line, *column, "the tune does not end with a bar line"));
            }
        }
        problems
    }
}

fn voice_problems(voice: &Voice, metre: &Metre) -> Vec<Problem> {
    let measures = measures(voice, metre);
    let mut problems = Vec::new();
    let upbeat = measures.first().filter(|m| m.is_short()).map(|m| m.length);
    let mut section_upbeat = 0;
    for (index, measure) in measures.iter().enumerate() {
        let Some(full) = measure.full else { continue };
        let mut problem = |message: String| {
            problems.push(Problem::new(measure.first.line, measure.first.column, message));
        };
        if measure.opens {
            section_upbeat = if measure.is_short() { measure.length } else { 0 };
        }
        if measure.uneven {
            problem("the lines laid over one another in this bar differ in length".to_owned());
        } else if measure.length > full + TOLERANCE {
            problem(format!(
                "this bar lasts {}, longer than the metre's {}",
                eighths(measure.length),
                eighths(full)
            ));
        } else if measure.is_short() && !measure.opens {
            let next = measures.get(index + 1).map_or(0, |m| if m.is_short() { m.length } else { 0 });
            let fits = |upbeat: Ticks| (measure.length + upbeat).abs_diff(full) <= TOLERANCE;
            let completed =
                measure.closes && (fits(next) || fits(section_upbeat) || upbeat.is_some_and(fits));
            if !completed {
                let (is, full) = (eighths(measure.length), eighths(full));
                problem(format!(
                    "this bar lasts {is}, shorter than the metre's {full}, and no pick-up completes it"
                ));
            }
        }
    }
    problems
}

impl Measure<'_> {
    fn is_short(&self) -> bool {
        self.full.is_some_and(|full| self.length + TOLERANCE < full)
    }
}

/// A length in eighth notes, for a message.
fn eighths(ticks: Ticks) -> String {
    let value = ticks as f64 / (TICKS_PER_WHOLE / 8) as f64;
    let value = (value * 100.0).round() / 100.0;
    format!("{value} eighth{}", if value == 1.0 { "" } else { "s" })
}

/// The measures of a voice, empty ones left out.
fn measures<'a>(voice: &'a Voice, metre: &Metre) -> Vec<Measure<'a>> {
    let mut out: Vec<Measure> = Vec::new();
    let mut full = metre.bar();
    let mut opens = true;
    let mut first = None;
    let (mut length, mut overlaid) = (0, None);
    for item in &voice.items {
        if let Some(duration) = item.element.duration() {
            // Whole bars of rest are right by themselves.
            if !matches!(item.element, Element::BarRest { .. }) {
                first.get_or_insert(item);
                length += duration;
            }
            continue;
        }
        let section = match &item.element {
            Element::Bar(bar) => Some(bar.is_section()),
            Element::Ending(_) | Element::Part(_) => Some(true),
            Element::Metre(metre) => {
                // Within a bar the change holds from the next on, unless nothing has sounded yet.
                full = metre.bar();
                None
            }
            Element::Overlay => {
                overlaid = Some(overlaid.unwrap_or(length));
                length = 0;
                None
            }
            _ => None,
        };
        let Some(section) = section else { continue };
        if let Some(first) = first.take() {
            let uneven = overlaid.is_some_and(|o| Ticks::abs_diff(o, length) > TOLERANCE);
            out.push(Measure {
                first,
                length: length.max(overlaid.unwrap_or(0)),
                full,
                opens,
                closes: section,
                uneven,
            });
            opens = section;
        } else if section {
            opens = true;
            if let Some(last) = out.last_mut() {
                last.closes = true;
            }
        }
        (length, overlaid) = (0, None);
    }
    if let Some(first) = first {
        out.push(Measure { first, length, full, opens, closes: true, uneven: false });
    }
    if let Some(last) = out.last_mut() {
        last.closes = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::abc::{parse_complete, parse_tune};

    /// Columns of the bars that are found wrong.
    fn wrong(metre: &str, body: &str) -> Vec<u32> {
        let (tune, problems) = parse_tune(&format!("X:1\nM:{metre}\nL:1/8\nK:C\n{body}\n"));
        assert_eq!(problems, []);
        tune.bar_problems().iter().map(|p| p.column).collect()
    }

    #[test]
    fn bars_as_a_musician_judges_them() {
        for (metre, body, columns) in [
            ("4/4", "C8|D8|]", vec![]),
            ("4/4", "C8|D7|E8|]", vec![4]),
            ("4/4", "C8|D9|E8|]", vec![4]),
            ("4/4", "C8|D7|]", vec![4]),
            ("4/4", "G2|C8|D6|]", vec![]),
            ("4/4", "G2|C8|D7|]", vec![7]),
            ("4/4", "G2|C8|D6:|G2|E8|F6:|", vec![]),
            ("4/4", "G2|C8|D6:|E8|F8:|", vec![]),
            ("4/4", "C8|D6:|G2|E8|F6|]", vec![]),
            ("4/4", "C8|D4:|:D4|E8|]", vec![]),
            ("4/4", "G2|C8|1D6:|2D6|]", vec![]),
            ("4/4", "C8|D8|[1E8|F6:|[2G2|E8|F8|]", vec![]),
            ("none", "C3|D7|E|]", vec![]),
            ("3/4", "C6|[M:4/4]D8|Z|E8|]", vec![]),
            ("4/4", "(3CDE (3CDE (3CDE (3CDE|(5CDEFG(5:4:5CDEFG z2|]", vec![]),
            ("4/4", "C8&E8|C8&E4|]", vec![7]),
            ("6/8", "CDE FGA|B6||c3|d6|e3|]", vec![]),
        ] {
            assert_eq!(wrong(metre, body), columns, "{metre} {body}");
        }
    }

    #[test]
    fn complete_pieces() {
        assert!(parse_complete("X:1\nM:4/4\nL:1/8\nK:G\nGABc d4|]\n").is_ok());
        for text in [
            "",
            "X:1\nM:4/4\nL:1/8\n",
            "X:1\nM:4/4\nL:1/8\nK:G\n",
            "M:4/4\nL:1/8\nK:G\nGABc d4|]\n",
            "X:1\nM:4/4\nL:1/8\nGABc d4|]\n",
            "X:1\nM:4/4\nL:1/8\nK:G\nz8|]\n",
            "X:1\nM:4/4\nL:1/8\nK:G\nGABc d4\n",
            "X:1\nM:4/4\nL:1/8\nK:G\nGABc d4|GAB|GABc d4|]\n",
            "X:1\nM:4/4\nL:1/8\nK:G\nGABc d;4|]\n",
        ] {
            assert!(parse_complete(text).is_err(), "{text:?}");
        }
    }
}
