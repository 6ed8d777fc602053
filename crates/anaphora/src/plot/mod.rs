//! Loss curves and forecasts as pictures.

mod axes;
pub mod compare;
mod comparison;
mod forecast;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::run::log::Record;

pub(crate) use axes::digits;
pub use comparison::{Curve, Point, comparison};
pub use forecast::{Flight, Panel, flights, forecast};

const SIZE: (u32, u32) = (860, 480);
const TRAIN: RGBColor = RGBColor(31, 105, 178);
const TRAIN_RAW: RGBColor = RGBColor(150, 188, 224);
const VALIDATION: RGBColor = RGBColor(217, 95, 2);
const INK: RGBColor = RGBColor(60, 60, 67);
const FAINT: RGBColor = RGBColor(232, 232, 236);
const FONT: &str = "Helvetica, Arial, sans-serif";
/// The most points of a line: more than the picture has columns would only make the file large.
const MOST_POINTS: usize = 800;

/// Points from left to right.
pub type Line = Vec<(f64, f64)>;

/// Draws training and validation loss, measured in `unit`, against optimizer steps, as SVG. What a training did before it went back to an
/// earlier step is left out, and so are losses that are no numbers.
pub fn loss_curve(title: &str, unit: &str, records: &[Record]) -> String {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    draw(&root, title, unit, records).expect("drawing into a string does not fail");
    drop(root);
    svg
}

/// The two lines in the records.
fn lines(records: &[Record]) -> (Line, Line) {
    let (mut train, mut validation) = (Line::new(), Line::new());
    for record in records {
        let (line, loss) = match *record {
            Record::Train { loss, .. } => (&mut train, loss),
            Record::Validation { loss, .. } => (&mut validation, loss),
            Record::Note { .. } => continue,
        };
        let step = record.step() as f64;
        while line.pop_if(|last| last.0 >= step).is_some() {}
        if loss.is_finite() {
            line.push((step, loss));
        }
    }
    (train, validation)
}

/// At most [`MOST_POINTS`] points, each the mean of as many neighbours.
fn thinned(line: &Line) -> Line {
    let mean = |points: &[(f64, f64)]| {
        let n = points.len() as f64;
        (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n)
    };
    line.chunks(line.len().div_ceil(MOST_POINTS).max(1)).map(mean).collect()
}

/// A running mean over about a fortieth of the line on both sides.
fn smoothed(line: &Line) -> Line {
    let reach = line.len() / 40;
    let around = |i: usize| &line[i.saturating_sub(reach.min(i))..(i + reach + 1).min(line.len())];
    let mean = |points: &[(f64, f64)]| points.iter().map(|p| p.1).sum::<f64>() / points.len() as f64;
    (0..line.len()).map(|i| (line[i].0, mean(around(i)))).collect()
}

/// The range of the loss axis: all of the validation, and the training but for its first fall and single peaks.
fn loss_range(train: &Line, validation: &Line) -> (f64, f64) {
    let mut losses: Vec<f64> = train.iter().map(|p| p.1).collect();
    losses.sort_by(f64::total_cmp);
    let high_train = losses.get((losses.len() * 98 / 100).min(losses.len().saturating_sub(1))).copied();
    let of_validation = || validation.iter().map(|p| p.1);
    let low = losses.first().copied().into_iter().chain(of_validation()).fold(f64::INFINITY, f64::min);
    let high = high_train.into_iter().chain(of_validation()).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return (0.0, 1.0);
    }
    let margin = 0.05 * (high - low).max(0.1 * high.abs()).max(1e-6);
    ((low - margin).max(if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY }), high + margin)
}

fn draw<D: DrawingBackend>(
    root: &DrawingArea<D, plotters::coord::Shift>,
    title: &str,
    unit: &str,
    records: &[Record],
) -> Result<(), DrawingAreaErrorKind<D::ErrorType>> {
    root.fill(&WHITE)?;
    let (train, validation) = lines(records);
    let (raw, train) = (thinned(&train), smoothed(&thinned(&train)));
    let (low, high) = loss_range(&raw, &validation);
    let last_step = raw.iter().chain(&validation).map(|p| p.0).fold(1.0, f64::max);
    let shown =
        |line: &Line| -> Line { line.iter().map(|&(step, loss)| (step, loss.clamp(low, high))).collect() };

    let text = |size: u32| (FONT, size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(root)
        .caption(title, text(19))
        .margin(18)
        .margin_right(28)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..last_step * 1.01, low..high)?;
    let decimals = if high - low < 0.5 { 3 } else { 2 };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(text(13))
        .axis_desc_style(text(14))
        .x_desc("optimizer steps")
        .y_desc(format!("loss, {unit}"))
        .x_labels(8)
        .y_labels(7)
        .x_label_formatter(&|step| grouped(*step))
        .y_label_formatter(&|loss| format!("{loss:.decimals$}"))
        .draw()?;

    // Of a short training the two are one.
    if raw != train {
        chart
            .draw_series(LineSeries::new(shown(&raw), TRAIN_RAW.stroke_width(1)))?
            .label("training, ten steps each")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], TRAIN_RAW.stroke_width(1)));
    }
    if !train.is_empty() {
        chart
            .draw_series(LineSeries::new(shown(&train), TRAIN.stroke_width(2)))?
            .label("training, smoothed")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], TRAIN.stroke_width(2)));
    }
    if !validation.is_empty() {
        chart
            .draw_series(LineSeries::new(shown(&thinned(&validation)), VALIDATION.stroke_width(2)))?
            .label("validation")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], VALIDATION.stroke_width(2)));
    }
    if let Some(&best) = validation.iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
        let (side, shift) = if best.0 > 0.8 * last_step { (HPos::Right, -8) } else { (HPos::Left, 8) };
        let label = format!("{:.3} at step {}", best.1, grouped(best.0));
        let style = (FONT, 13).into_font().color(&VALIDATION).pos(Pos::new(side, VPos::Bottom));
        chart.draw_series([EmptyElement::at(best)
            + Circle::new((0, 0), 4, VALIDATION.filled())
            + Text::new(label, (shift, -8), style)])?;
    }
    if !train.is_empty() || !validation.is_empty() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .margin(14)
            .label_font(text(14))
            .background_style(WHITE.mix(0.85))
            .border_style(FAINT)
            .draw()?;
    }
    root.present()
}

/// A whole number with a comma between its thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(step: u64, loss: f64) -> Record {
        let (learning_rate, gradient_norm, tokens_per_second, seconds) = (1e-3, 0.3, 6e4, 1.5);
        Record::Train { step, epoch: 0.0, loss, learning_rate, gradient_norm, tokens_per_second, seconds }
    }

    fn validation(step: u64, loss: f64) -> Record {
        Record::Validation { step, loss, scores: Default::default(), best: false, seconds: 2.0 }
    }

    /// A training as they are: a fast fall, noise, a validation loss that rises again.
    fn training(steps: u64) -> Vec<Record> {
        let mut records = Vec::new();
        for step in (10..=steps).step_by(10) {
            let t = step as f64 / steps as f64;
            let noise = 0.08 * ((step as f64 * 12.9898).sin() * 43758.5453).fract();
            records.push(train(step, 1.0 + 3.3 * (-18.0 * t).exp() + 0.5 * (-2.0 * t).exp() + noise));
            if step % (steps / 15) == 0 {
                let loss = 1.32 + 1.5 * (-12.0 * t).exp() + 0.3 * (t - 0.55).powi(2);
                records.push(validation(step, loss));
            }
        }
        records
    }

    #[test]
    fn shows_both_lines_and_the_best() {
        let records = training(3000);
        let svg = loss_curve("irish: lstm, 1 layer of 1,024", "nats a token", &records);
        for word in [
            "irish: lstm",
            "training",
            "validation",
            "optimizer steps",
            "1.322 at step 1,800",
            "1,000",
            "<polyline",
        ] {
            assert!(svg.contains(word), "{word}");
        }
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn titles_cannot_break_the_picture() {
        assert!(loss_curve("<b> & \"c\"", "nats", &[]).contains("&lt;b&gt; &amp;"));
    }

    #[test]
    fn any_training_has_a_picture() {
        for records in [
            vec![],
            vec![train(1, 2.0)],
            vec![validation(0, 0.0)],
            vec![train(1, f64::NAN), validation(1, f64::INFINITY)],
            vec![train(5, 1e300), train(10, -1e300)],
            vec![train(u64::MAX, 1.0)],
            training(300_000),
        ] {
            let svg = loss_curve("any", "nats", &records);
            assert!(
                svg.trim_end().ends_with("</svg>") && !svg.contains("NaN") && svg.len() < 100_000,
                "{}",
                svg.len()
            );
        }
    }

    #[test]
    fn what_was_before_a_retreat_is_left_out() {
        let records =
            [train(10, 3.0), train(20, 9.0), train(30, f64::NAN), train(20, 2.0), validation(20, 2.5)];
        assert_eq!(lines(&records), (vec![(10.0, 3.0), (20.0, 2.0)], vec![(20.0, 2.5)]));
    }

    #[test]
    fn thinning_keeps_the_mean() {
        let line: Line = (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        let thin = thinned(&line);
        assert!(thin.len() <= MOST_POINTS && thin.len() > MOST_POINTS / 2);
        assert!((thin.iter().map(|p| p.1).sum::<f64>() / thin.len() as f64 - 3.0).abs() < 0.05);
        assert!(thinned(&Line::new()).is_empty());
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0.0, 999.0, 1000.0, 1234567.0, -1000.0].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-1,000"]
        );
    }
}
