//! The loss curves of several runs in one picture.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::{FAINT, FONT, INK, Line, grouped, loss_range, smoothed, thinned};

/// Colours that most people can tell apart (Okabe & Ito 2008), but for the yellow, which is too faint on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
const WIDTH: u32 = 1160;
const PANEL_HEIGHT: u32 = 430;
const HEAD: u32 = 52;
/// The legend: entries a row, and the height of one.
const COLUMNS: usize = 3;
const ROW: u32 = 24;
/// Characters of an entry's text that are shown.
const LONGEST: usize = 46;

/// The losses of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// What the legend says.
    pub name: String,
    /// Training losses.
    pub train: Vec<Point>,
    /// Validation losses.
    pub validation: Vec<Point>,
}

/// A loss and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Optimizer steps done.
    pub step: u64,
    /// Seconds of training done.
    pub seconds: f64,
    /// The loss.
    pub loss: f64,
}

/// Draws the curves against optimizer steps and against time, as SVG; `unit` says what a loss is measured in. Losses that are no
/// numbers are left out.
pub fn comparison(curves: &[Curve], unit: &str) -> String {
    let legend = ROW * curves.len().div_ceil(COLUMNS) as u32;
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (WIDTH, HEAD + legend + PANEL_HEIGHT)).into_drawing_area();
    draw(&root, curves, unit, legend).expect("drawing into a string does not fail");
    drop(root);
    svg
}

/// What a panel's horizontal axis measures.
struct Axis {
    name: &'static str,
    of: fn(&Point) -> f64,
    /// How much of what `of` says is 1 on the axis.
    scale: f64,
}

type Drawn<D> = Result<(), DrawingAreaErrorKind<<D as DrawingBackend>::ErrorType>>;

fn draw<D: DrawingBackend>(
    root: &DrawingArea<D, Shift>,
    curves: &[Curve],
    unit: &str,
    legend: u32,
) -> Drawn<D> {
    root.fill(&WHITE)?;
    let text = |size: u32| (FONT, size).into_font().color(&INK);
    let explained = format!("loss, {unit}; thick: validation, its lowest marked; thin: training, smoothed");
    root.draw(&Text::new(explained, (24, 18), text(15)))?;
    for (index, curve) in curves.iter().enumerate() {
        let x = 24 + (index % COLUMNS * (WIDTH as usize - 48) / COLUMNS) as i32;
        let y = HEAD as i32 + (index / COLUMNS) as i32 * ROW as i32;
        sample(root, index, (x, y))?;
        root.draw(&Text::new(shortened(&curve.name), (x + 44, y - 7), text(14)))?;
    }
    let last = curves.iter().flat_map(|curve| curve.train.iter().chain(&curve.validation));
    let (unit, scale) = match last.map(|point| point.seconds).fold(0.0, f64::max) {
        ..300.0 => ("seconds of training", 1.0),
        300.0..10_800.0 => ("minutes of training", 60.0),
        _ => ("hours of training", 3600.0),
    };
    let steps = Axis { name: "optimizer steps", of: |point| point.step as f64, scale: 1.0 };
    let time = Axis { name: unit, of: |point| point.seconds, scale };
    let (_, panels) = root.split_vertically(HEAD + legend - 8);
    let (left, right) = panels.split_horizontally(WIDTH / 2);
    panel(&left, curves, &steps)?;
    panel(&right, curves, &time)?;
    root.present()
}

/// A piece of the line of run `index`, for the legend.
fn sample<D: DrawingBackend>(root: &DrawingArea<D, Shift>, index: usize, (x, y): (i32, i32)) -> Drawn<D> {
    let style = COLOURS[index % COLOURS.len()].stroke_width(3);
    if index < COLOURS.len() {
        root.draw(&PathElement::new([(x, y), (x + 34, y)], style))
    } else {
        root.draw(&DashedPathElement::new([(x, y), (x + 34, y)], 7, 5, style))
    }
}

fn panel<D: DrawingBackend>(area: &DrawingArea<D, Shift>, curves: &[Curve], axis: &Axis) -> Drawn<D> {
    let line = |points: &[Point]| -> Line {
        let finite = points.iter().filter(|point| point.loss.is_finite());
        finite.map(|point| ((axis.of)(point) / axis.scale, point.loss)).collect()
    };
    let lines: Vec<(Line, Line)> = curves
        .iter()
        .map(|curve| (smoothed(&thinned(&line(&curve.train))), line(&curve.validation)))
        .collect();
    let all = |of: fn(&(Line, Line)) -> &Line| lines.iter().flat_map(of).copied().collect::<Line>();
    let (train, validation) = (all(|lines| &lines.0), all(|lines| &lines.1));
    let (low, high) = loss_range(&train, &validation);
    let end = train.iter().chain(&validation).map(|point| point.0).fold(0.0, f64::max);
    let end = if end > 0.0 { end } else { 1.0 };
    let shown = |line: &Line| -> Line { line.iter().map(|&(x, loss)| (x, loss.clamp(low, high))).collect() };

    let text = |size: u32| (FONT, size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(24)
        .x_label_area_size(48)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end * 1.02, low..high)?;
    let decimals = if high - low < 0.5 { 3 } else { 2 };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(text(13))
        .axis_desc_style(text(14))
        .x_desc(axis.name)
        .x_labels(7)
        .y_labels(7)
        .x_label_formatter(&|x| if end < 6.0 { format!("{x:.1}") } else { grouped(*x) })
        .y_label_formatter(&|loss| format!("{loss:.decimals$}"))
        .draw()?;
    for (index, (train, _)) in lines.iter().enumerate() {
        let faint = COLOURS[index % COLOURS.len()].mix(0.65).stroke_width(1);
        chart.draw_series(LineSeries::new(shown(train), faint))?;
    }
    for (index, (_, validation)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let points = shown(&thinned(validation));
        if index < COLOURS.len() {
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        } else {
            chart.draw_series(DashedLineSeries::new(points, 7, 5, colour.stroke_width(2)))?;
        }
        let best = validation.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        chart.draw_series(best.map(|best| Circle::new(best, 4, colour.filled())))?;
    }
    Ok(())
}

/// A text of at most [`LONGEST`] characters: the beginning of a path tells less than its end.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    text.chars()
        .skip(length - LONGEST + 1)
        .fold("…".to_owned(), |text, c| text + c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(name: &str, losses: &[f64]) -> Curve {
        let point = |(i, &loss): (usize, &f64)| Point { step: 10 * i as u64, seconds: 0.5 * i as f64, loss };
        let points: Vec<_> = losses.iter().enumerate().map(point).collect();
        Curve { name: name.to_owned(), train: points.clone(), validation: points }
    }

    #[test]
    fn all_runs_are_shown_on_both_axes() {
        let curves: Vec<_> =
            (0..9).map(|i| curve(&format!("run <{i}>"), &[3.0, 2.0, 1.5 + 0.1 * f64::from(i)])).collect();
        let svg = comparison(&curves, "nats a character");
        for said in ["run &lt;8&gt;", "nats a character", "optimizer steps", "seconds of training"] {
            assert!(svg.contains(said), "{said}");
        }
        assert_eq!(svg.matches("<circle").count(), 18, "the best of each, twice");
        assert!(
            comparison(&[curve(&"a".repeat(99), &[1.0])], "nats")
                .contains(&format!(">\n…{}\n<", "a".repeat(45)))
        );
    }

    #[test]
    fn any_runs_have_a_picture() {
        for losses in [&[][..], &[1.0], &[f64::NAN, f64::INFINITY], &[1e300, -1e300], &[0.0, 0.0]] {
            let svg = comparison(&[curve("any", losses), Curve::default()], "nats");
            assert!(svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"), "{losses:?}");
        }
        assert!(comparison(&[], "nats").contains("</svg>"));
    }
}
