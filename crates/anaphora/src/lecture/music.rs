//! Recurrent networks write music: the next note, and an unfinished piece carried on to its end.

use std::ops::ControlFlow;
use std::path::Path;

use super::chapter::{Chapter, Check, Id, standard_error};
use super::lab::{Lab, Training};
use super::picture::{Drawing, Picture, Tune};
use super::{Data, Experiment, Settings, language};
use crate::decoding::sampling::SamplingOptions;
use crate::decoding::{GenerateOptions, Generated};
use crate::inspect::{Inspection, Request, Source, View};
use crate::tasks::language::Generator;
use crate::{Error, Precision, Result, tasks};

pub const EXPERIMENT: Experiment =
    Experiment { id: Id::Music, data: Data::file(), trainings, seconds: 15.0, hold };

/// Pieces that are written, and those that carry on the half of one.
const WRITTEN: usize = 24;
const CARRIED: usize = 4;
/// Characters after which a piece is broken off.
const LONGEST: usize = 1_200;
/// Lines that a command line takes for the first half of a piece: of a built-in tune its header and first part.
const HEAD: usize = 8;
/// Characters of a piece that is looked into, at most, and the arrays that are shown of it.
const LOOKED: usize = 500;
const READ_AGAIN: [&str; 7] =
    ["logits", "targets", "gates.l0.i", "gates.l0.f", "gates.l0.o", "gates.l0.c", "gates.l0.h"];
/// Pieces that are shown of each kind.
const SHOWN: usize = 2;

fn trainings(settings: &Settings) -> Result<Vec<Training>> {
    Ok(vec![language::training(settings, language::LSTM)])
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Music,
        "Writing music",
        "A recurrent network that learnt to predict the next note writes new music, and carries an unfinished piece on to its end.",
    );
    chapter.experiment = format!(
        "The LSTM that learnt {} writes {WRITTEN} pieces, a character after the other: each is drawn from what the model expects (at \
         temperature 0.7) and read again as the next input. Then it is given half of a held-out piece and writes the rest, {CARRIED} \
         times. A tune is complete if it can be read as music, its bars have the length that its metre asks for, and it comes to an end \
         by itself. Each is compared with all that was learnt from: the longest passage that is the same, as a share of the piece.",
        language::what(lab.settings)
    );
    chapter.reading = "Listen, and look at the notes. The part of a tune that was given to the model stands in front. Nothing is taken \
        out or made better; each piece is the first that was drawn. Of one piece it is shown what the model expected at each \
        character and what the gates of its units did there: a dark character came unexpected."
        .into();
    chapter.limits = "A tune can be complete and not worth hearing. The built-in tunes follow rules that are easy to learn; real collections need longer \
        trainings. That no passage is copied whole does not mean that each idea is new."
        .into();
    chapter.commands(language::commands(lab.settings, &[language::LSTM]).into_iter().chain([
        format!("anaphora generate runs/{} --count {WRITTEN} --temperature 0.7", language::LSTM),
        format!("head -n {HEAD} {} > half.txt", language::data(lab.settings)),
        format!("anaphora generate runs/{} --prime half.txt --temperature 0.7", language::LSTM),
        format!("anaphora inspect runs/{} --show next,gates", language::LSTM),
    ]));
    let run = lab.run(language::LSTM)?;
    let is_music = language::is_music(lab)?;
    let generator = Generator::open(&run, Precision::F32)?;
    let corpus = generator.trained().corpus()?;
    let mut half = String::new();
    corpus.validation.each_piece(|piece| {
        if half.is_empty() {
            half = half_of(piece, is_music);
        }
        Ok::<_, Error>(())
    })?;
    let options = |prompt: &str, count: usize| GenerateOptions {
        prompts: vec![prompt.to_owned()],
        sampling: SamplingOptions { temperature: 0.7, ..SamplingOptions::default() },
        count,
        tokens: LONGEST,
        seed: u64::from(lab.settings.seed),
        ..GenerateOptions::default()
    };
    let (new, carried) = (options("", WRITTEN), options(&half, CARRIED));
    let mut compute = lab.compute();
    let mut write = |lab: &mut Lab, options: &GenerateOptions| -> Result<Vec<Generated>> {
        let mut stopped = Ok(());
        let pieces =
            generator.generate(&mut compute, options, &mut |_| match lab.progress("writing", 0.0) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    stopped = Err(error);
                    ControlFlow::Break(())
                }
            })?;
        stopped.map(|()| pieces)
    };
    let (new, carried) = (write(lab, &new)?, write(lab, &carried)?);
    let texts: Vec<&str> = new.iter().map(|piece| piece.text.as_str()).collect();
    let novelty = generator.novelty(&texts, &corpus.train)?;
    let shares: Vec<f64> = novelty
        .iter()
        .zip(&texts)
        .map(|(novelty, text)| novelty.longest as f64 / text.chars().count().max(1) as f64)
        .collect();
    let longest = novelty.iter().map(|novelty| novelty.longest).max().unwrap_or(0);
    let largest = shares.iter().copied().fold(0.0, f64::max);
    chapter.figure("longest_passage_copied_characters", longest as f64);
    chapter.figure("largest_share_of_a_piece_copied", largest);
    let mean = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
    chapter.figure("mean_share_of_a_piece_copied", mean);
    if is_music {
        let complete = |pieces: &[Generated]| {
            pieces.iter().filter(|piece| piece.incomplete.is_none()).count() as f64
                / pieces.len().max(1) as f64
        };
        chapter.figure("share_of_tunes_complete", complete(&new));
        chapter.figure("share_of_carried_tunes_complete", complete(&carried));
        chapter.check(Check::at_least(
            "share of the written tunes that are complete",
            complete(&new),
            0.5,
            2.0 * standard_error(complete(&new), new.len()),
        ));
        chapter.check(Check::at_least(
            "share of the carried tunes that are complete",
            complete(&carried),
            0.25,
            2.0 * standard_error(complete(&carried), carried.len()),
        ));
        chapter.check(Check::at_most(
            "share of a piece that is one copied passage, on average",
            mean,
            0.5,
            0.0,
        ));
    } else {
        let note = "The model learnt a text and not tunes: whether its pieces are complete cannot be told, so that nothing is decided.";
        chapter.notes.push(note.into());
    }
    let tune = |piece: &Generated, name: String, given: usize| Tune {
        name,
        abc: piece.text.clone(),
        given,
        complete: piece.incomplete.is_none(),
    };
    let mut tunes: Vec<Tune> = new
        .iter()
        .take(SHOWN)
        .enumerate()
        .map(|(number, piece)| tune(piece, format!("New piece {}", number + 1), 0))
        .collect();
    let rest = carried.iter().take(SHOWN).enumerate();
    tunes.extend(rest.map(|(number, piece)| tune(piece, format!("Carried on, {}", number + 1), half.len())));
    let drawing = if is_music { Drawing::Tunes { tunes } } else { as_table(tunes) };
    let caption = "The first pieces that were drawn, as they are.";
    chapter.pictures.push(Picture::new("What it writes", caption, drawing));
    if let Some(inspection) = read_again(lab, &run, &carried[0].text)? {
        let follows = if is_music {
            "Press play: the text, what was expected, and the gates follow the playhead. A click on a heat map leads to its place too."
        } else {
            "The pointer over a character, or a click on a heat map, moves all of them to that step."
        };
        let caption = format!(
            "The first {} characters were given, the model wrote the others. {follows}",
            half.chars().count()
        );
        let drawing = Drawing::Inspected { inspection };
        chapter.pictures.push(Picture::new(
            "Inside, while it reads the first piece that it carried on",
            caption,
            drawing,
        ));
    }
    Ok(chapter)
}

/// What the model expects and what its gates do while it reads a piece that it carried on: the beginning of it, if it is long.
fn read_again(lab: &mut Lab, run: &Path, text: &str) -> Result<Option<Inspection>> {
    let text: String = text.chars().take(LOOKED).collect();
    if text.trim().is_empty() {
        return Ok(None);
    }
    lab.progress("looking inside", 0.0)?;
    let request =
        Request { source: Source::Text(text), index: 0, views: Some([View::Next, View::Gates].into()) };
    let whole = tasks::inspect(run, &mut lab.compute(), &request)?;
    let mut part = Inspection::default();
    (part.about, part.labels, part.notes) = (whole.about.clone(), whole.labels.clone(), whole.notes.clone());
    part.about.remove("weights");
    // Four digits are more than colours show.
    let rounded = |value: &f32| (1e4 * value).round() / 1e4;
    for name in READ_AGAIN {
        let Some(array) = whole.get(name) else { continue };
        let axes: Vec<&str> = array.axes.iter().map(String::as_str).collect();
        let values = array.values.iter().map(rounded).collect();
        part.add(name, &axes, &array.shape, values, array.description.as_str());
    }
    Ok(Some(part))
}

/// The first half of a piece: of a tune up to a bar line.
fn half_of(piece: &str, is_music: bool) -> String {
    let notes = if is_music { piece.find("\nK:").unwrap_or(0) } else { 0 };
    let middle = notes + (piece.len() - notes) / 2;
    let is_end =
        |&(at, c): &(usize, char)| at >= middle && if is_music { c == '|' } else { c.is_whitespace() };
    let end = piece.char_indices().find(is_end).map_or(piece.len(), |(at, c)| at + c.len_utf8());
    piece[..end].to_owned()
}

fn as_table(texts: Vec<Tune>) -> Drawing {
    let rows = texts.into_iter().map(|text| vec![text.name, text.abc]).collect();
    Drawing::Table { columns: vec!["piece".into(), "text".into()], rows }
}

#[cfg(test)]
mod tests {
    use super::half_of;

    #[test]
    fn half_a_tune_ends_with_a_bar() {
        let half = half_of("X:1\nK:C\nCDEF|GABc|defg|abc'd'|\n", true);
        assert_eq!(half, "X:1\nK:C\nCDEF|GABc|");
        assert_eq!(half_of("one two three four", false), "one two three ");
        assert_eq!(half_of("", false), "");
    }
}
