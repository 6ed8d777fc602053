//! Jumps back: D.C. and D.S., to the end or to the Fine.

use std::ops::Range;

use super::{Element, Item, Tune, Voice};
use crate::Problem;

/// A sign of where to go on, or where to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Fine,
    Segno,
    /// D.C.: from the beginning.
    Beginning,
    /// D.S.: from the segno.
    ToSegno,
    /// To a coda, by itself or as D.C. al coda.
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
        Some(match letters.to_lowercase().as_str() {
            "fine" => Self::Fine,
            "segno" => Self::Segno,
            "dc" | "dacapo" | "dcalfine" | "dacapoalfine" => Self::Beginning,
            "ds" | "dalsegno" | "dsalfine" | "dalsegnoalfine" => Self::ToSegno,
            "coda" | "dacoda" | "tocoda" | "alcoda" | "dcalcoda" | "dacapoalcoda" | "dsalcoda"
            | "dalsegnoalcoda" => Self::Coda,
            _ => return None,
        })
    }
}

/// What is played of a voice that goes back: its items up to `from` with their repeats, then `again` without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    pub from: usize,
    pub again: Range<usize>,
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
    if jumps.iter().any(Option::is_none) {
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
    let goes_back = |(_, sign): &&(usize, Sign)| matches!(sign, Sign::Beginning | Sign::ToSegno);
    let Some(&(at, sign)) = signs.iter().find(goes_back) else { return Ok(None) };
    let refused = |why| Err(not_followed(&items[at], why));
    if of(Sign::Coda).next().is_some() {
        return refused("it leads to a coda");
    }
    let from = behind(items, at);
    let sounds = |item: &Item| item.element.duration().is_some();
    if signs.iter().filter(goes_back).any(|&(at, _)| behind(items, at) != from)
        || items[from..].iter().any(sounds)
    {
        return refused("more music comes behind it");
    }
    let begin = match (sign, of(Sign::Segno).next()) {
        (Sign::Beginning, _) => 0,
        (_, Some(segno)) if segno < from => segno,
        _ => return refused("there is no segno before it"),
    };
    let fine = of(Sign::Fine).map(|at| behind(items, at)).find(|&end| begin < end && end <= from);
    Ok(Some(Jump { from, again: begin..fine.unwrap_or(from) }))
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
