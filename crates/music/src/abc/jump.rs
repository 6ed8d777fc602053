//! Jumps back: D.C. and D.S., to the end, to the Fine or to where they leave for the coda.

use std::ops::Range;

use super::{Element, Item, Tune, Voice};
use crate::Problem;

/// A sign of where to go on, or where to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Fine,
    Segno,
    /// Leaves for the coda the second time, or begins it.
    Coda,
    /// Leaves for the coda, behind its bar.
    ToCoda,
    /// Goes back: D.C. to the beginning, D.S. to the segno.
    Back {
        to_segno: bool,
        until: Until,
    },
}

/// How far a jump back is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// To the coda or the Fine that there is, else to the end.
    Whatever,
    Fine,
    Coda,
}

impl Sign {
    /// That of a decoration such as `!D.C.!` or of words such as `"^D.C. al Fine"`.
    fn of(element: &Element) -> Option<Self> {
        let text = match element {
            Element::Decoration(name) if name == "S" => return Some(Self::Segno),
            Element::Decoration(name) if name == "O" => return Some(Self::Coda),
            Element::Decoration(text) | Element::Annotation(text) => text,
            _ => return None,
        };
        let letters: String = text.chars().filter(|c| c.is_alphabetic()).collect();
        let letters = letters.to_lowercase();
        match &*letters {
            "fine" => return Some(Self::Fine),
            "segno" => return Some(Self::Segno),
            "coda" => return Some(Self::Coda),
            "dacoda" | "tocoda" => return Some(Self::ToCoda),
            _ => {}
        }
        let jumps = [("dacapo", false), ("dalsegno", true), ("dc", false), ("ds", true)];
        jumps.into_iter().find_map(|(word, to_segno)| {
            let until = match letters.strip_prefix(word)? {
                "" => Until::Whatever,
                "alfine" => Until::Fine,
                "alcoda" => Until::Coda,
                _ => return None,
            };
            Some(Self::Back { to_segno, until })
        })
    }
}

/// What is played of a voice that goes back: its items up to `from` with their repeats, then `again` without, then those from
/// the `coda` on with theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    pub from: usize,
    pub again: Range<usize>,
    pub coda: Option<usize>,
}

/// The jump of each voice of a tune; none where it has none.
///
/// # Errors
/// Jumps that are not followed, and why.
pub(super) fn jumps(tune: &Tune) -> Result<Vec<Option<Jump>>, Problem> {
    let jumps = tune.voices.iter().map(jump).collect::<Result<Vec<_>, _>>()?;
    let Some((voice, Some(jump))) = tune.voices.iter().zip(&jumps).find(|(_, jump)| jump.is_some()) else {
        return Ok(jumps);
    };
    let at = &voice.items[jump.from - 1];
    if tune.part_order.is_some() {
        return Err(not_followed(at, "P: says in which order the parts are played"));
    }
    let alike =
        |other: &Option<Jump>| other.as_ref().is_some_and(|o| o.coda.is_some() == jump.coda.is_some());
    if !jumps.iter().all(alike) {
        return Err(not_followed(at, "not all voices have it"));
    }
    Ok(jumps)
}

fn not_followed(item: &Item, why: &str) -> Problem {
    Problem::new(item.line, item.column, format!("the repeat by D.C. or D.S. is not played: {why}"))
}

fn jump(voice: &Voice) -> Result<Option<Jump>, Problem> {
    let items = &voice.items;
    let signs: Vec<(usize, Sign)> =
        items.iter().enumerate().filter_map(|(at, item)| Some((at, Sign::of(&item.element)?))).collect();
    let of = |wanted: Sign| signs.iter().filter(move |(_, sign)| *sign == wanted).map(|&(at, _)| at);
    let backs: Vec<_> = signs
        .iter()
        .filter_map(|&(at, sign)| match sign {
            Sign::Back { to_segno, until } => Some((at, to_segno, until)),
            _ => None,
        })
        .collect();
    let Some(&(at, to_segno, until)) = backs.first() else { return Ok(None) };
    let refused = |why| Err(not_followed(&items[at], why));
    let from = behind(items, at);
    let begin = match of(Sign::Segno).next() {
        _ if !to_segno => 0,
        Some(segno) if segno < from => segno,
        _ => return refused("there is no segno before it"),
    };
    let within = |end: &usize| begin < *end && *end <= from;
    let fine = of(Sign::Fine).map(|at| behind(items, at)).find(within);
    let coda = of(Sign::Coda).find(|&at| at >= from);
    let leaves = of(Sign::ToCoda)
        .map(|at| behind(items, at))
        .find(within)
        .or_else(|| of(Sign::Coda).filter(|&at| at < from).map(|at| at_bar_line(items, at)).find(within));
    let (end, coda) = match (until, leaves, coda) {
        (Until::Coda | Until::Whatever, Some(leaves), Some(coda)) => (leaves, Some(coda)),
        (Until::Coda, None, _) => return refused("no sign before it leads to the coda"),
        (Until::Coda, _, None) => return refused("there is no coda behind it"),
        (Until::Whatever, Some(_), None) | (Until::Whatever, None, Some(_)) if fine.is_none() => {
            return refused("of the two signs of a coda, before it and behind it, there is one");
        }
        _ => (fine.unwrap_or(from), None),
    };
    if items[from..coda.unwrap_or(items.len())].iter().any(sounds) {
        return refused("more music comes behind it");
    }
    if backs.iter().any(|&(at, ..)| behind(items, at) != from) {
        return refused("another one comes behind it");
    }
    Ok(Some(Jump { from, again: begin..end, coda }))
}

fn sounds(item: &Item) -> bool {
    item.element.duration().is_some()
}

/// The bar line at which a sign over the music stands: the one before where nothing sounds between them, else the next one.
fn at_bar_line(items: &[Item], at: usize) -> usize {
    let before = items[..at].iter().rposition(|item| sounds(item) || matches!(item.element, Element::Bar(_)));
    match before {
        Some(before) if !sounds(&items[before]) => before + 1,
        _ => behind(items, at),
    }
}

/// Behind the bar line up to which a sign holds: the next one; the one before where the sign stands at the end of its line.
fn behind(items: &[Item], at: usize) -> usize {
    for (index, item) in items.iter().enumerate().skip(at) {
        match item.element {
            Element::Bar(_) => return index + 1,
            Element::LineBreak => return index,
            _ => {}
        }
    }
    items.len()
}
