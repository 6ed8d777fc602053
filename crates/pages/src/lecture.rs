//! The page of a lecture: each statement, how it was tried, what came out.

use anaphora::lecture::picture::{self, Drawing, Picture, Style};
use anaphora::lecture::{Chapter, Check, Lecture, Side};
use anaphora_music::abc;

use crate::Page;
use crate::chart::{
    Axis, Band, BarMark, BarSeries, Bars, Chart, Column, HeatMap, Line, Lines, Path, Places, Plane, Point,
    Sounding, Table, Text, Tune,
};
use crate::html::{Html, tag, text};
use crate::inspection;

/// Views of what a model did, and how they are read.
const INSPECTED: [(&str, &str); 2] = [
    (
        "next",
        "The stronger the shade, the less the character was expected; beside it, what was expected there.",
    ),
    ("gates", "A row is a unit, a column a character; gates are between 0 (shut) and 1 (open)."),
];

/// The page of a lecture; `made_with` are the settings for people, names with their values.
pub fn lecture(lecture: &Lecture, made_with: &[(&str, String)]) -> String {
    let mut page = Page::new("A lecture on sequence models, tried");
    page.paragraph(
        "Each statement of the lecture was tried on this machine, with the models and data that each chapter names. Whether it holds was \
         computed from what was measured; where it does not, that is said. The settings, not the clock, decide how much was tried: the same \
         settings give the same figures.",
    );
    page.without_contents();
    page.facts(made_with);
    page.notes(&lecture.notes());
    page.push(overview(lecture));
    for (number, chapter) in lecture.chapters.iter().enumerate() {
        section(&mut page, number + 1, chapter);
    }
    page.write()
}

/// What came out of each chapter, with a link to it.
fn overview(lecture: &Lecture) -> Html {
    let rows = lecture.chapters.iter().map(|chapter| {
        let link = tag("a", &[("href", &format!("#{}", chapter.id))], [text(&chapter.title)]);
        tag("li", &[], [link, text(" "), verdict(chapter.held)])
    });
    tag("ol", &[("class", "verdicts")], rows.collect::<Vec<_>>())
}

/// Whether a statement holds, as a badge.
fn verdict(held: Option<bool>) -> Html {
    let (class, words) = match held {
        Some(true) => ("verdict holds", "holds"),
        Some(false) => ("verdict fails", "does not hold"),
        None => ("verdict open", "not decided"),
    };
    tag("span", &[("class", class)], [text(words)])
}

fn section(page: &mut Page, number: usize, chapter: &Chapter) {
    page.section(chapter.id.name(), format!("{number}. {}", chapter.title));
    page.push(tag("blockquote", &[("class", "statement")], [text(&chapter.statement)]));
    page.push(tag("p", &[], [text("Here it "), verdict(chapter.held), text(".")]));
    if !chapter.checks.is_empty() {
        page.push(checks(&chapter.checks));
    }
    let notes: Vec<String> = chapter.cut().into_iter().chain(chapter.notes.iter().cloned()).collect();
    page.notes(&notes);
    heading(page, "How it was tried");
    page.paragraph(&chapter.experiment);
    page.paragraph(&chapter.data);
    heading(page, "How to read the pictures");
    page.paragraph(&chapter.reading);
    for picture in &chapter.pictures {
        figure(page, picture);
    }
    heading(page, "What it does not show");
    page.paragraph(&chapter.limits);
    heading(page, "Try it yourself");
    page.paragraph(
        "These commands run as they stand, one after the other in an empty folder. A file of your own of the same form can take the place of \
         one that is written by the first.",
    );
    page.push(tag("pre", &[("class", "commands")], [text(&chapter.command)]));
    if !(chapter.figures.is_empty() && chapter.times.is_empty()) {
        let figures = chapter.figures.iter().chain(&chapter.times).map(|(name, value)| {
            let name = tag("td", &[], [text(&name.replace('_', " "))]);
            tag("tr", &[], [name, tag("td", &[("class", "number")], [text(&number_of(*value))])])
        });
        let table = tag("table", &[("class", "figures")], [tag("tbody", &[], figures.collect::<Vec<_>>())]);
        let summary = tag("summary", &[], [text("All figures")]);
        page.push(tag("details", &[], [summary, table]));
    }
}

fn heading(page: &mut Page, words: &str) {
    page.push(tag("h3", &[], [text(words)]));
}

/// What was asked of the figures.
fn checks(checks: &[Check]) -> Html {
    let row = |check: &Check| {
        let side = if check.side == Side::AtLeast { "at least" } else { "at most" };
        let asked = format!("{side} {}", number_of(check.threshold));
        let mut cells = vec![check.what.clone(), number_of(check.value), asked];
        // A share of a second is not told as that.
        cells.push(if check.unsure > 0.0 {
            format!("± {}", number_of(check.unsure))
        } else {
            String::new()
        });
        let cell = |(at, cell): (usize, &String)| {
            tag("td", &[("class", if at == 0 { "" } else { "number" })], [text(cell)])
        };
        let mut cells: Vec<Html> = cells.iter().enumerate().map(cell).collect();
        cells.push(tag("td", &[], [verdict(check.held)]));
        tag("tr", &[], cells)
    };
    let heads = ["what is asked", "measured", "threshold", "unsure by", ""];
    let head = tag("tr", &[], heads.map(|head| tag("th", &[("scope", "col")], [text(head)])));
    let body = checks.iter().map(row).collect::<Vec<_>>();
    let table = tag("table", &[("class", "checks")], [tag("thead", &[], [head]), tag("tbody", &[], body)]);
    tag("div", &[("class", "scrolls")], [table])
}

/// A number with three digits or so.
fn number_of(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "no number".to_owned(),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e7).contains(&size) => format!("{value:.1e}"),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 1e3 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A picture as one figure or several.
fn figure(page: &mut Page, Picture { title, caption, drawing }: &Picture) {
    let (title, caption) = (title.clone(), caption.as_str());
    match drawing {
        Drawing::Lines { x, y, series, equal: true } => page.figure(&paths(title, x, y, series), caption),
        Drawing::Lines { x, y, series, .. } => page.figure(&lines(title, x, y, series), caption),
        Drawing::Bars { y, names, series, marks } => {
            let one = |(name, values): &(String, Vec<f64>)| BarSeries {
                name: name.clone(),
                values: values.clone(),
                ..BarSeries::default()
            };
            let mark = |(label, value): &(String, f64)| BarMark { value: *value, label: label.clone() };
            let bars = Bars {
                title,
                label: y.label.clone(),
                names: names.clone(),
                series: series.iter().map(one).collect(),
                marks: marks.iter().map(mark).collect(),
                low: Some(0.0),
                ..Bars::default()
            };
            page.figure(&Chart::Bars(bars), caption);
        }
        Drawing::Heat { rows, columns, maps, range } => {
            let several = maps.len() > 1;
            if several {
                page.push(tag("div", &[("class", "chart-title")], [text(&title)]));
            }
            let map = |map: &picture::Map| heat(&title, map, [rows, columns], *range, several);
            let charts: Vec<Chart> = maps.iter().map(map).collect();
            match &charts[..] {
                [only] => page.figure(only, caption),
                charts => page.figures(charts, caption),
            }
        }
        Drawing::Table { columns, rows } => {
            let table = Table {
                title,
                columns: columns.iter().map(Column::new).collect(),
                rows: rows.iter().map(|row| row.iter().map(|cell| cell.as_str().into()).collect()).collect(),
                sortable: false,
            };
            page.figure(&Chart::Table(table), caption);
        }
        Drawing::Shaded { meaning, lines, range } => {
            let line = |line: &picture::Shades| {
                let (tokens, shades) = line.pieces.iter().cloned().unzip();
                let title = line.name.clone();
                let label = meaning.clone();
                Chart::Text(Text {
                    title,
                    label,
                    tokens,
                    between: " ".into(),
                    shades,
                    range: Some(*range),
                    described: None,
                })
            };
            page.push(tag("div", &[("class", "chart-title")], [text(&title)]));
            page.framed("column", &lines.iter().map(line).collect::<Vec<_>>(), caption);
        }
        Drawing::Points { x, y, points } => page.figure(&plane(title, x, y, points), caption),
        Drawing::Tunes { tunes } => {
            page.push(tag("div", &[("class", "chart-title")], [text(&title)]));
            page.framed("wide", &tunes.iter().map(tune).collect::<Vec<_>>(), caption);
        }
        Drawing::Inspected { inspection } => {
            page.push(tag("div", &[("class", "chart-title")], [text(&title)]));
            page.paragraph(caption);
            let has_notes = inspection.about.contains_key("notes");
            let tune = has_notes.then_some(("tune", "The tune as it is written; repeats are not followed."));
            let views = tune.into_iter().chain(INSPECTED).collect::<Vec<_>>();
            inspection::part(page, inspection, &views);
        }
        Drawing::Unrolled { steps, matrices } => {
            page.push(tag("div", &[("class", "chart-title")], [text(&title)]));
            page.push(unrolled(steps, matrices));
            page.push(tag("p", &[("class", "said")], [text(caption)]));
        }
    }
}

fn axis(axis: &picture::Axis) -> Axis {
    if axis.log { Axis::log(&axis.label) } else { Axis::new(&axis.label) }
}

fn lines(title: String, x: &picture::Axis, y: &picture::Axis, series: &[picture::Series]) -> Chart {
    let line = |series: &picture::Series| {
        let (x, y) = series.points.iter().map(|point| (point[0], point[1])).unzip();
        let (low, high): (Vec<f64>, Vec<f64>) = series.band.iter().map(|band| (band[0], band[1])).unzip();
        let bands = if low.is_empty() { Vec::new() } else { vec![Band { low, high }] };
        Line { name: series.name.clone(), x, y, bands, dashed: series.style == Style::Dashed, colour: None }
    };
    let series = series.iter().map(line).collect();
    Chart::Lines(Lines { title, x: axis(x), y: axis(y), series, marks: Vec::new() })
}

fn paths(title: String, x: &picture::Axis, y: &picture::Axis, series: &[picture::Series]) -> Chart {
    let (dots, lines): (Vec<_>, Vec<_>) = series.iter().partition(|series| series.style == Style::Dots);
    let path = |(colour, series): (usize, &&picture::Series)| {
        let (x, y) = series.points.iter().map(|point| (point[0], point[1])).unzip();
        let dashed = series.style == Style::Dashed;
        Path { name: series.name.clone(), x, y, dashed, colour: Some(colour + dots.len()) }
    };
    let point = |(group, series): (usize, &&picture::Series)| {
        let point = move |point: &[f64; 2]| Point {
            x: point[0],
            y: point[1],
            name: String::new(),
            group: Some(group),
        };
        series.points.iter().map(point).collect::<Vec<_>>()
    };
    Chart::Plane(Plane {
        title,
        x: x.label.clone(),
        y: y.label.clone(),
        points: dots.iter().enumerate().flat_map(point).collect(),
        groups: dots.iter().map(|series| series.name.clone()).collect(),
        paths: lines.iter().enumerate().map(path).collect(),
        square: true,
    })
}

fn plane(title: String, x: &picture::Axis, y: &picture::Axis, points: &[picture::Point]) -> Chart {
    let mut groups: Vec<String> = points.iter().map(|point| point.group.clone()).collect();
    groups.sort();
    groups.dedup();
    let point = |point: &picture::Point| Point {
        x: point.x,
        y: point.y,
        name: point.name.clone(),
        group: groups.iter().position(|group| *group == point.group),
    };
    let points = points.iter().map(point).collect();
    let (x, y) = (x.label.clone(), y.label.clone());
    Chart::Plane(Plane { title, x, y, points, groups, paths: Vec::new(), square: false })
}

fn heat(
    title: &str,
    map: &picture::Map,
    [rows, columns]: [&String; 2],
    range: [f64; 2],
    several: bool,
) -> Chart {
    let places = |label: &str, names: &[String], count: usize| match names {
        [] => Places::numbered(label, count),
        names => Places::named(label, names.to_vec()),
    };
    let width = map.values.first().map_or(0, Vec::len);
    Chart::HeatMap(HeatMap {
        title: if map.name.is_empty() { title.to_owned() } else { map.name.clone() },
        label: String::new(),
        rows: places(if several { "" } else { rows }, &map.rows, map.values.len()),
        columns: places(if several { "" } else { columns }, &map.columns, width),
        values: map.values.concat(),
        range: Some(range.map(|end| end as f32)),
        square: several,
        zoom: false,
    })
}

fn tune(tune: &picture::Tune) -> Chart {
    let (read, _) = abc::parse_tune(&tune.abc);
    let sounding = |(start, end, note): (f64, f64, anaphora_music::Note)| Sounding {
        start,
        seconds: end - start,
        pitch: note.pitch,
        step: None,
    };
    let complete = if tune.complete { "complete" } else { "not complete" };
    let given = tune.abc.get(..tune.given).unwrap_or_default().chars().count();
    let given = if given > 0 { format!("; the first {given} characters were given") } else { String::new() };
    let notes: Vec<Sounding> = read.score().in_seconds().into_iter().map(sounding).collect();
    let silent = if notes.is_empty() { "; it has no note that can be read" } else { "" };
    let title = format!("{} ({complete}{given}{silent})", tune.name);
    Chart::Tune(Tune { title, abc: tune.abc.clone(), notes, ..Tune::default() })
}

/// Width of a step of an unrolled model, and of the room in front for what its rows are.
const STEP: usize = 112;
const NAMES: usize = 64;
/// Pixels of a unit, and units of a row.
const UNIT: usize = 15;
const ACROSS: usize = 4;
/// Where the rows of the picture begin: loss, guesses, state, input, and where it ends.
const LOSS: usize = 24;
const GUESSES: usize = 40;
const STATE: usize = 142;
const INPUT: usize = 250;
const END: usize = 318;

/// A recurrent model unrolled: input, state, guesses and loss of each step, one colour for each shared matrix.
fn unrolled(steps: &[picture::Step], matrices: &[(String, [usize; 2])]) -> Html {
    let width = NAMES + steps.len() * STEP + 8;
    let mut parts: Vec<Html> =
        [("loss", LOSS), ("next, guessed", GUESSES + 30), ("state h", STATE + 30), ("input x", INPUT + 20)]
            .iter()
            .flat_map(|(name, y)| {
                let words = name.split(' ').enumerate();
                words.map(|(line, word)| label(word, 4, y + 14 * line, "soft", "start")).collect::<Vec<_>>()
            })
            .collect();
    for (number, step) in steps.iter().enumerate() {
        let middle = NAMES + number * STEP + STEP / 2;
        parts.push(label(&format!("{:.2}", step.loss), middle, LOSS, "", "middle"));
        for (line, (symbol, probability)) in step.guesses.iter().enumerate() {
            let y = GUESSES + 12 + 18 * line;
            let long = (probability * 44.0).round().max(1.0) as usize;
            let is_next = if *symbol == step.target { 1.0 } else { 0.35 };
            parts.push(rect(
                [middle - 10, y - 10, long, 12],
                &format!("fill: var(--series-2); opacity: {is_next}"),
            ));
            parts.push(label(&shown(symbol), middle - 16, y, "", "end"));
        }
        parts.push(label(&format!("then {}", shown(&step.target)), middle, GUESSES + 72, "soft", "middle"));
        arrow(&mut parts, [middle, STATE - 2, middle, GUESSES + 80], 2);
        let left = middle - ACROSS * UNIT / 2;
        for (unit, value) in step.state.iter().enumerate() {
            let colour = if *value < 0.0 { "--cold" } else { "--hot" };
            let opacity = value.abs().min(1.0);
            let place = [left + unit % ACROSS * UNIT, STATE + unit / ACROSS * UNIT, UNIT - 1, UNIT - 1];
            parts.push(rect(place, &format!("fill: var({colour}); opacity: {opacity:.2}")));
        }
        let bottom = STATE + step.state.len().div_ceil(ACROSS) * UNIT;
        let style = "fill: none; stroke: var(--rule)";
        parts.push(rect([left - 3, STATE - 3, ACROSS * UNIT + 5, bottom - STATE + 5], style));
        arrow(&mut parts, [middle, INPUT + 6, middle, bottom + 6], 0);
        parts.push(label(&shown(&step.input), middle, INPUT + 24, "", "middle"));
        if number + 1 < steps.len() {
            let y = STATE + 2 * UNIT;
            arrow(&mut parts, [left + ACROSS * UNIT + 4, y, left + STEP - 5, y], 1);
        }
    }
    let sum: f64 = steps.iter().map(|step| step.loss).sum();
    let mut x = NAMES;
    for (colour, (name, [rows, columns])) in matrices.iter().enumerate() {
        parts.push(rect([x, END - 12, 14, 4], &format!("fill: var(--series-{colour})")));
        let words = format!("{name} {rows} × {columns}");
        parts.push(label(&words, x + 20, END - 4, "", "start"));
        x += 40 + 8 * words.chars().count();
    }
    parts.push(label(&format!("sum of the losses {sum:.2} nats"), x, END - 4, "", "start"));
    let width = width.max(x + 220);
    let size = [width.to_string(), (END + 6).to_string(), format!("0 0 {width} {}", END + 6)];
    let described =
        format!("A recurrent network over {} steps; the losses add up to {sum:.2} nats.", steps.len());
    let attributes = [
        ("width", &*size[0]),
        ("height", &*size[1]),
        ("viewBox", &*size[2]),
        ("role", "img"),
        ("aria-label", &*described),
        ("style", "max-width: none"),
    ];
    let drawn = tag("svg", &attributes, parts);
    tag("div", &[("class", "chart wide scrolls"), ("tabindex", "0")], [drawn])
}

/// A symbol that can be seen.
fn shown(symbol: &str) -> String {
    symbol.replace("\\n", "⏎").replace('\n', "⏎").replace(' ', "␣").replace('\t', "⇥")
}

fn label(words: &str, x: usize, y: usize, class: &str, anchor: &str) -> Html {
    let (x, y) = (x.to_string(), y.to_string());
    tag("text", &[("x", &x), ("y", &y), ("class", class), ("text-anchor", anchor)], [text(words)])
}

fn rect([x, y, width, height]: [usize; 4], style: &str) -> Html {
    let [x, y, width, height] = [x, y, width, height].map(|number| number.to_string());
    tag("rect", &[("x", &x), ("y", &y), ("width", &width), ("height", &height), ("style", style)], [])
}

/// An arrow in the colour of a matrix.
fn arrow(parts: &mut Vec<Html>, [x, y, to_x, to_y]: [usize; 4], colour: usize) {
    let style = format!("stroke: var(--series-{colour}); stroke-width: 2; fill: none");
    let (head_x, head_y) = if x == to_x {
        ([to_x - 4, to_x, to_x + 4], [to_y + 6, to_y, to_y + 6])
    } else {
        ([to_x - 6, to_x, to_x - 6], [to_y - 4, to_y, to_y + 4])
    };
    let head: Vec<String> = head_x.iter().zip(head_y).map(|(x, y)| format!("{x} {y}")).collect();
    let d = format!("M{x} {y} L{to_x} {to_y} M{} L{} L{}", head[0], head[1], head[2]);
    parts.push(tag("path", &[("d", &d), ("style", &style)], []));
}

#[cfg(test)]
mod tests {
    use anaphora::lecture::Id;

    use super::*;

    #[test]
    fn a_page_says_what_held_and_escapes_what_was_written() {
        let mut chapter = Chapter::new(Id::Recurrence, "A state", "It passes <a state> on.");
        chapter.check(Check::at_least("loss & gain", 0.25, 0.5, 0.0));
        chapter.figure("loss_at_8", 0.25);
        let step = picture::Step {
            input: "<".into(),
            target: "\n".into(),
            guesses: vec![("\n".into(), 0.75)],
            state: vec![0.5, -0.5],
            loss: 0.288,
        };
        let drawing = Drawing::Unrolled { steps: vec![step], matrices: vec![("W_hh".into(), [2, 2])] };
        chapter.pictures.push(Picture::new("Unrolled", "The same matrices.", drawing));
        let tune = picture::Tune {
            name: "New".into(),
            abc: "X:1\nL:1/4\nK:C\nCD|\n".into(),
            given: 3,
            complete: true,
        };
        chapter.pictures.push(Picture::new("Tunes", "", Drawing::Tunes { tunes: vec![tune] }));
        let page = lecture(
            &Lecture {
                file: Some("<my> tunes.abc".into()),
                share_of_steps: 0.2,
                chapters: vec![chapter],
                seconds: 1.0,
            },
            &[("seed", "1".into())],
        );
        for part in [
            "does not hold",
            "It passes &lt;a state&gt; on.",
            "loss &amp; gain",
            "at least 0.500",
            "W_hh 2 × 2",
            "sum of the losses 0.29 nats",
            "id=\"recurrence\"",
            "href=\"#recurrence\"",
            "\"pitch\":62",
            "loss at 8",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<a state>"));
    }

    #[test]
    fn numbers_read_well() {
        let written = [0.0, 1e-5, 0.25, 31.25, 250.0, 12_345.6, 1e8, f64::NAN].map(number_of);
        assert_eq!(written, ["0", "1.0e-5", "0.250", "31.2", "250.0", "12346", "1.0e8", "no number"]);
    }
}
