//! In which order the written signs are played: repeats, variant endings, parts.

use super::jump::Jump;
use super::{Bar, Element, Item, Voice};
use crate::{TICKS_PER_QUARTER, Ticks};
use std::ops::Range;

/// Most items that are played of a voice; what repeats beyond it is cut.
pub(super) const MOST_ITEMS: usize = 400_000;

/// Longest time that is played of a voice: some 14 hours at a usual tempo.
pub(super) const MOST_QUARTERS: Ticks = 100_000;

/// Most parts that a `P:` order such as `A(AB)3` may come to.
const MOST_PARTS: usize = 1000;

/// A stretch of items that is played through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub items: Range<usize>,
    /// Which part of the part order it belongs to: all voices begin a part together.
    pub part: usize,
}

/// The order of play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unrolled {
    pub stretches: Vec<Stretch>,
    /// Whether the limit was reached.
    pub cut: bool,
}

/// Works out the order in which a voice's items are played; `jump` is where it goes back to behind them.
pub(super) fn unroll(voice: &Voice, part_order: Option<&str>, jump: Option<&Jump>) -> Unrolled {
    let items = &voice.items;
    let mut out = Unrolled::default();
    let mut room = MOST_ITEMS;
    let mut time = MOST_QUARTERS * TICKS_PER_QUARTER;
    let mut play = |range: Range<usize>, part: usize, again: bool, out: &mut Unrolled| {
        for items in repeats(&items[range.clone()], again) {
            let items = range.start + items.start..range.start + items.end;
            let duration: Ticks =
                voice.items[items.clone()].iter().filter_map(|i| i.element.duration()).sum();
            if duration > time {
                out.cut = true;
                return;
            }
            time -= duration;
            if items.len() > room {
                out.cut = true;
                out.stretches.push(Stretch { items: items.start..items.start + room, part });
                return;
            }
            room -= items.len();
            out.stretches.push(Stretch { items, part });
        }
    };
    let labels: Vec<(char, usize)> = items
        .iter()
        .enumerate()
        .filter_map(|(i, item)| match item.element {
            Element::Part(label) => Some((label, i)),
            _ => None,
        })
        .collect();
    let order = match part_order.map(expand_parts) {
        Some(order) if !labels.is_empty() => order,
        _ => {
            play(0..jump.map_or(items.len(), |jump| jump.from), 0, false, &mut out);
            if let Some(jump) = jump {
                play(jump.again.clone(), 0, true, &mut out);
                if let Some(coda) = jump.coda {
                    play(coda..items.len(), 0, false, &mut out);
                }
            }
            return out;
        }
    };
    // What stands before the first label is played first, whatever the order says.
    play(0..labels[0].1, 0, false, &mut out);
    for (number, label) in order.into_iter().enumerate() {
        let Some(at) = labels.iter().position(|l| l.0 == label) else { continue };
        let end = labels.get(at + 1).map_or(items.len(), |l| l.1);
        play(labels[at].1..end, number + 1, false, &mut out);
        if out.cut {
            break;
        }
    }
    out
}

/// Writes out a part order: `A(AB)2` is A A B A B; a number repeats what stands before it.
fn expand_parts(order: &str) -> Vec<char> {
    // A stack of open groups; each also knows where its last repeatable unit began.
    let mut groups: Vec<(Vec<char>, usize)> = vec![(Vec::new(), 0)];
    for c in order.chars() {
        match c {
            '(' => groups.push((Vec::new(), 0)),
            ')' if groups.len() > 1 => {
                let (inner, _) = groups.pop().unwrap_or_default();
                if let Some((outer, unit)) = groups.last_mut() {
                    *unit = outer.len();
                    outer.extend(inner);
                }
            }
            '1'..='9' => {
                if let Some((group, unit)) = groups.last_mut() {
                    let again = group[*unit..].to_vec();
                    for _ in 1..c.to_digit(10).unwrap_or(1) {
                        group.extend(&again);
                        group.truncate(MOST_PARTS);
                    }
                }
            }
            c if c.is_alphabetic() => {
                if let Some((group, unit)) = groups.last_mut() {
                    *unit = group.len();
                    group.push(c);
                }
            }
            _ => {} // dots and spaces are for the eye
        }
    }
    let mut all: Vec<char> = groups.into_iter().flat_map(|g| g.0).collect();
    all.truncate(MOST_PARTS);
    all
}

/// A section of a voice that is played once or more.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    /// Where it begins.
    start: usize,
    /// Where it ends.
    end: usize,
    /// How often it is played.
    times: u8,
    /// Its endings: the passes in which each is played, and where it lies.
    endings: Vec<(Vec<u8>, Range<usize>)>,
}

/// The stretches of items that are played, with repeats and endings followed; of what is played `again`, after a jump back,
/// each section only once and with its last ending.
fn repeats(items: &[Item], again: bool) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    for section in sections(items) {
        let common = section.endings.first().map_or(section.end, |e| e.1.start);
        for pass in if again { section.times } else { 1 }..=section.times {
            out.push(section.start..common);
            if let Some((_, range)) = section.endings.iter().find(|e| e.0.contains(&pass)) {
                out.push(range.clone());
            }
        }
    }
    out.retain(|r| !r.is_empty());
    out
}

/// Writes out each `|:` that is to be understood, so that other programs need not guess it.
pub(super) fn make_repeats_explicit(items: &mut Vec<Item>) {
    let mut new = Vec::new();
    for section in sections(items).into_iter().filter(|s| s.times > 1) {
        // Endings say themselves how often they are played.
        let repeats_after = if section.endings.is_empty() { section.times - 1 } else { 1 };
        // At the head of its line where the section begins one, else joined to the bar line before.
        let start = section.start;
        let breaks = items[start..].iter().take_while(|i| i.element == Element::LineBreak).count();
        if let Some(Element::Bar(bar)) = items[..start].last_mut().map(|i| &mut i.element)
            && (breaks == 0 || bar.repeats_after > 0)
        {
            *bar = Bar { repeats_after, repeats_before: bar.repeats_before, ..Bar::default() };
        } else {
            let element = Element::Bar(Bar { repeats_after, ..Bar::default() });
            let (line, column) = items.get(start + breaks).map_or((1, 1), |i| (i.line, i.column));
            new.push((start + breaks, Item { element, line, column }));
        }
    }
    let mut new = new.into_iter().peekable();
    let old = std::mem::take(items);
    for (index, item) in old.into_iter().enumerate() {
        while let Some((_, bar)) = new.next_if(|(at, _)| *at <= index) {
            items.push(bar);
        }
        items.push(item);
    }
}

/// Divides a voice into its sections.
///
/// * `:|` without a `|:` goes back to the last double bar line or end of a repeat, or to the start.
/// * A section with endings is played as often as its endings have numbers; a `:|` behind the last
///   of them repeats nothing more.
/// * An ending that follows another without a `:|` between is taken to have one.
fn sections(items: &[Item]) -> Vec<Section> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut explicit = false;
    let mut endings: Vec<(Vec<u8>, Range<usize>)> = Vec::new();
    // Ends the section before item `end`, having met a sign to repeat it `repeats` times.
    let mut close =
        |start: &mut usize, endings: &mut Vec<(Vec<u8>, Range<usize>)>, end: usize, repeats: u8| {
            let mut endings = std::mem::take(endings);
            if let Some(last) = endings.last_mut() {
                last.1.end = end;
            }
            let times = match endings.iter().flat_map(|e| &e.0).max() {
                Some(&passes) => passes.max(1 + repeats.min(1)),
                None => 1 + repeats,
            };
            out.push(Section { start: *start, end, times, endings });
            *start = end;
        };
    for (at, item) in items.iter().enumerate() {
        match &item.element {
            Element::Ending(passes) => {
                if passes.contains(&1) && !endings.is_empty() {
                    close(&mut start, &mut endings, at, 0);
                    explicit = false;
                }
                if let Some(last) = endings.last_mut() {
                    last.1.end = at;
                }
                endings.push((passes.clone(), at..at));
            }
            Element::Bar(bar) => {
                let goes_on = !endings.is_empty() && another_ending_follows(&items[at + 1..]);
                let ends = if bar.repeats_before > 0 || bar.repeats_after > 0 {
                    !goes_on
                } else {
                    bar.double && ends_section(&endings, explicit) && !goes_on
                };
                if ends {
                    close(&mut start, &mut endings, at + 1, bar.repeats_before);
                    explicit = bar.repeats_after > 0;
                }
            }
            _ => {}
        }
    }
    close(&mut start, &mut endings, items.len(), 0);
    out
}

/// Whether a double bar line ends the section: not within `|: … :|`, nor within its first ending.
fn ends_section(endings: &[(Vec<u8>, Range<usize>)], explicit: bool) -> bool {
    match endings.last() {
        Some((passes, _)) => !passes.contains(&1),
        None => !explicit,
    }
}

/// Whether a second or later ending comes before any music.
fn another_ending_follows(items: &[Item]) -> bool {
    let next = items
        .iter()
        .map(|i| &i.element)
        .find(|e| matches!(e, Element::Ending(_) | Element::Bar(_)) || e.duration().is_some());
    matches!(next, Some(Element::Ending(passes)) if !passes.contains(&1))
}

#[cfg(test)]
mod tests {
    use crate::abc::parse_tune;

    /// The letters of the notes in the order they are played.
    fn played(body: &str) -> String {
        played_in_order("", body)
    }

    fn played_in_order(header: &str, body: &str) -> String {
        let (tune, problems) = parse_tune(&format!("X:1\n{header}M:none\nL:1/4\nK:C\n{body}\n"));
        assert_eq!(problems, []);
        let notes = &tune.score().parts[0].notes;
        notes.iter().map(|n| char::from(b"C.D.EF.G.A.B"[usize::from(n.pitch % 12)])).collect()
    }

    #[test]
    fn repeats() {
        for (body, order) in [
            ("C|D|", "CD"),
            ("|:C|D:|", "CDCD"),
            ("C|D:|", "CDCD"),
            ("C|D:|E|F:|", "CDCDEFEF"),
            ("|:C|D::E|F:|", "CDCDEFEF"),
            ("|:C|D:||:E|F:|", "CDCDEFEF"),
            ("C||D:|", "CDD"),
            ("C|]D:|", "CDD"),
            ("|:C||D:|", "CDCD"),
            ("C|:D|", "CD"),
            ("|::C::|D", "CCCD"),
            ("|:C|:D:|", "CDD"),
        ] {
            assert_eq!(played(body), order, "{body}");
        }
    }

    #[test]
    fn endings() {
        for (body, order) in [
            ("|:C|1D:|2E|]", "CDCE"),
            ("C|[1D:|\n[2E|]\nF|G:|", "CDCEFGFG"),
            ("C|[1D:|[2E:|F", "CDCEF"),
            ("|:C|1D:|2E:|3F|]", "CDCECF"),
            ("|:C|1,3D:|2E:|4F|]", "CDCECDCF"),
            ("|:C|1-3D:|4E|]", "CDCDCDCE"),
            ("|:C|1D|2E||F", "CDCEF"),
            ("|:C|1D:|E:|", "CDCEE"),
            ("|:C|1D|E:|2F|G|]", "CDECFG"),
            ("|:C|1D:|2E|:F|1G:|2A|]", "CDCEFGFA"),
        ] {
            assert_eq!(played(body), order, "{body}");
        }
    }

    #[test]
    fn explicit_repeats_are_played_alike() {
        for (body, written) in [
            ("C|D:|E|F:|", "|:C|D::E|F:|\n"),
            ("C|D:|\nE|F:|", "|:C|D:|\n|:E|F:|\n"),
            ("C|[1D:|[2E|]F|G:|", "|:C| [1 D:| [2 E|:F|G:|\n"),
            ("|::C::|D|", "|::C::|D|\n"),
            ("C|D|]", "C|D|]\n"),
        ] {
            let (mut tune, _) = parse_tune(&format!("X:1\nM:none\nL:1/4\nK:C\n{body}\n"));
            let before = tune.score();
            tune.make_repeats_explicit();
            let text = crate::abc::write(&tune);
            assert!(text.ends_with(&format!("K:C\n{written}")), "{text}");
            assert_eq!(parse_tune(&text).0.score(), before, "{body}");
        }
    }

    #[test]
    fn jumps_back() {
        for (body, order) in [
            ("C|D!fine!|]E|F!D.C.!|]", "CDEFCD"),
            ("C|!fine!D|]E|!D.C.!F|]", "CDEFCD"),
            ("C|\"^Fine\"D|]E|F\"^D.C. al Fine\"|]", "CDEFCD"),
            ("C|D!fine!|]E|F|]!D.C.alfine!\n", "CDEFCD"),
            ("|:C|1D:|2E!fine!|]F|G:|A!dacapo!|]", "CDCEFGFGACE"),
            ("C|!segno!D|E!fine!|F|G!D.S.!|]", "CDEFGDE"),
            ("C|SD|E|F!D.S.!|]", "CDEFDEF"),
            ("C|D!fine!|]", "CD"),
            ("C|D!dacoda!|E|F!D.C.alcoda!|]!coda!G|A|]", "CDEFCDGA"),
            ("C|D|!coda!E|F!D.C.!|]\n!coda!G|A|]", "CDEFCDGA"),
            ("C|DE!coda!|F!dacapo!|]!coda!G|A|]", "CDEFCDEGA"),
            ("C|!segno!D|E\"^To Coda\"|F\"^D.S. al Coda\"|]\"^Coda\"G|]", "CDEFDEG"),
            ("C|SD|EO|F!D.S.alcoda!|]OG|]", "CDEFDEG"),
            ("|:C|1D:|2E!dacoda!|]F|G!D.C.alcoda!|]!coda!|:A|B:|", "CDCEFGCEABAB"),
            ("C!fine!|D!coda!|E!D.C.alfine!|]!coda!|]", "CDEC"),
            ("C!fine!|D!coda!|E!D.C.alcoda!|]!coda!F|]", "CDECDF"),
            ("C|!segno!D!fine!|E!D.S.alfine!|]", "CDED"),
        ] {
            assert_eq!(played(body), order, "{body}");
        }
    }

    #[test]
    fn a_jump_that_is_not_followed_is_told() {
        for (header, body, why) in [
            ("", "C|D|E!D.C.alcoda!|]!coda!F|]", "no sign before it leads to the coda"),
            ("", "C|D!dacoda!|E!D.C.alcoda!|]F|]", "there is no coda behind it"),
            ("", "C|D!coda!|E!D.C.!|]", "of the two signs of a coda, before it and behind it, there is one"),
            ("", "C|D!coda!|E!D.C.!|]F|!coda!G|]", "more music comes behind it"),
            ("", "C|D!coda!|E!D.C.!|]!coda!G|A!D.C.alfine!|]", "another one comes behind it"),
            ("", "V:1\nC|D!coda!|E!D.C.!|]!coda!F|]\nV:2\nC|D|E!D.C.!|]", "not all voices have it"),
            ("", "C|D!D.C.!|]E|]", "more music comes behind it"),
            ("", "C|D!D.S.!|]", "there is no segno before it"),
            ("P:AA\n", "P:A\nC|D!D.C.!|]", "P: says in which order the parts are played"),
            ("", "V:1\nC|D!D.C.!|]\nV:2\nE|F|]", "not all voices have it"),
        ] {
            let (tune, problems) = parse_tune(&format!("X:1\n{header}M:none\nL:1/4\nK:C\n{body}\n"));
            assert_eq!(problems.len(), 1, "{body}: {problems:?}");
            assert!(problems[0].message.ends_with(why), "{problems:?}");
            assert!(tune.score().parts[0].notes.len() >= 2);
        }
    }

    #[test]
    fn parts() {
        let body = "C|\nP:A\nD|\nP:B\nE|F|";
        for (order, notes) in [
            ("A", "CD"),
            ("BA", "CEFD"),
            ("A.B2", "CDEFEF"),
            ("(AB)2", "CDEFDEF"),
            ("A(B)2", "CDEFEF"),
            ("X", "C"),
        ] {
            assert_eq!(played_in_order(&format!("P:{order}\n"), body), notes, "{order}");
        }
        assert_eq!(played(body), "CDEF", "without an order");
    }

    #[test]
    fn nothing_grows_without_bound() {
        let order = "(".repeat(40) + "A" + &"9)9".repeat(40);
        let text = format!("X:1\nP:{order}\nL:1/4\nK:C\nP:A\n{}\n", "CDEF|".repeat(1000) + "::::::::|");
        let (tune, problems) = parse_tune(&text);
        assert!(problems.iter().any(|p| p.message.contains("repeats")), "{problems:?}");
        assert!(tune.score().parts[0].notes.len() <= super::MOST_ITEMS);
    }
}
