//! Series with their forecasts, and paths in a plane.

use plotters::coord::Shift;
use plotters::prelude::*;

use anaphora_data::series::Calendar;

use super::axes::{self, Axis};
use super::{FAINT, FONT, INK, Line, TRAIN, VALIDATION};

const WIDTH: u32 = 860;
const HEIGHT: u32 = 300;
const HEAD: u32 = 34;
const BAND: RGBColor = RGBColor(253, 216, 184);
const PLANE: (u32, u32) = (420, 400);
const WALL: RGBColor = RGBColor(150, 150, 156);
/// Marks on an axis at most.
const MARKS: usize = 7;

/// A column of a series and what is forecast of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// The column.
    pub title: String,
    /// What was known: steps and numbers.
    pub history: Line,
    /// What came.
    pub truth: Line,
    /// What was forecast.
    pub forecast: Line,
    /// The lowest and highest quantile.
    pub band: Option<(Line, Line)>,
    /// What the legend calls them.
    pub band_name: String,
    /// The steps that are shown, from the first to the one behind the last.
    pub steps: std::ops::Range<usize>,
    /// When they are, where it is known.
    pub calendar: Option<Calendar>,
}

/// A path in a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flight {
    /// What is written above it.
    pub title: String,
    /// Where it was seen before the forecast.
    pub seen: Line,
    /// Where it went.
    pub truth: Line,
    /// Where it was forecast to go.
    pub forecast: Line,
}

type Drawn<D> = Result<(), DrawingAreaErrorKind<<D as DrawingBackend>::ErrorType>>;

/// Draws forecasts below each other, as SVG.
pub fn forecast(panels: &[Panel]) -> String {
    let size = (WIDTH, HEAD + HEIGHT * panels.len().max(1) as u32);
    svg(size, |root| {
        let (head, body) = root.split_vertically(HEAD);
        let band = panels.iter().find(|panel| panel.band.is_some());
        let mut entries = vec![("known", INK), ("forecast", VALIDATION)];
        if panels.iter().any(|panel| !panel.truth.is_empty()) {
            entries.push(("what came", TRAIN));
        }
        if let Some(panel) = band {
            entries.push((&panel.band_name, BAND));
        }
        legend(&head, &entries)?;
        for (panel, area) in panels.iter().zip(body.split_evenly((panels.len().max(1), 1))) {
            series(&area, panel)?;
        }
        Ok(())
    })
}

/// Draws paths beside each other, as SVG, all on one scale across and up; `names` are those of these. `walls` are a line that
/// none can go through.
pub fn flights(flights: &[Flight], names: [&str; 2], walls: &Line) -> String {
    let columns = flights.len().clamp(1, 3);
    let rows = flights.len().div_ceil(columns).max(1);
    svg((PLANE.0 * columns as u32, HEAD + PLANE.1 * rows as u32), |root| {
        let (head, body) = root.split_vertically(HEAD);
        legend(&head, &[("seen", INK), ("forecast", VALIDATION), ("true path", TRAIN)])?;
        let all =
            || flights.iter().flat_map(|f| f.seen.iter().chain(&f.truth).chain(&f.forecast)).chain(walls);
        let shown = [range(all().map(|point| &point.0)), range(all().map(|point| &point.1))];
        for (flight, area) in flights.iter().zip(body.split_evenly((rows, columns))) {
            plane(&area, flight, names, walls, shown)?;
        }
        Ok(())
    })
}

fn svg<F>(size: (u32, u32), draw: F) -> String
where
    F: for<'a> FnOnce(&DrawingArea<SVGBackend<'a>, Shift>) -> Drawn<SVGBackend<'a>>,
{
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)
            .and_then(|()| draw(&root))
            .and_then(|()| root.present())
            .expect("drawing into a string does not fail");
    }
    svg
}

fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

fn legend<D: DrawingBackend>(area: &DrawingArea<D, Shift>, entries: &[(&str, RGBColor)]) -> Drawn<D> {
    for (index, (name, colour)) in entries.iter().enumerate() {
        let x = 24 + 150 * index as i32;
        area.draw(&PathElement::new([(x, 22), (x + 28, 22)], colour.stroke_width(4)))?;
        area.draw(&Text::new((*name).to_owned(), (x + 36, 15), text(14)))?;
    }
    Ok(())
}

/// The range of some numbers, with a margin; those that are none are left out.
fn range<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let finite = values.copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = 0.05 * (high - low).max(1e-3 * high.abs()).max(1e-6);
    (low - margin, high + margin)
}

fn series<D: DrawingBackend>(area: &DrawingArea<D, Shift>, panel: &Panel) -> Drawn<D> {
    let band = panel.band.iter().flat_map(|(low, high)| low.iter().chain(high));
    let lines = panel.history.iter().chain(&panel.truth).chain(&panel.forecast);
    let (low, high) = range(lines.chain(band).map(|point| &point.1));
    let (first, end) = (panel.steps.start, panel.steps.end.max(panel.steps.start + 1));
    let across = axes::steps(panel.calendar.as_ref(), first, end, MARKS);
    let up = axes::numbers(low, high, MARKS);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, text(16))
        .margin(12)
        .margin_right(36)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(Axis::new((first as f64, end as f64), across), Axis::new((low, high), up))?;
    chart
        .configure_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(text(12))
        .draw()?;
    if let Some((low, high)) = &panel.band {
        let outline: Line = low.iter().chain(high.iter().rev()).copied().collect();
        chart.draw_series([Polygon::new(outline, BAND.filled())])?;
    }
    // The forecast begins where the known numbers end.
    let joined = |line: &Line| -> Line {
        let line = line.iter().copied();
        panel.history.last().copied().into_iter().chain(line).collect()
    };
    chart.draw_series(LineSeries::new(panel.history.iter().copied(), INK.stroke_width(1)))?;
    if !panel.truth.is_empty() {
        chart.draw_series(LineSeries::new(joined(&panel.truth), TRAIN.stroke_width(2)))?;
    }
    chart.draw_series(LineSeries::new(joined(&panel.forecast), VALIDATION.stroke_width(2)))?;
    Ok(())
}

/// Ranges about those that are shown, in which a step is as long up as across on an area of so many pixels.
fn on_one_scale(shown: [(f64, f64); 2], pixels: [u32; 2]) -> [(f64, f64); 2] {
    let each = |axis: usize| (shown[axis].1 - shown[axis].0) / f64::from(pixels[axis].max(1));
    let scale = each(0).max(each(1));
    [0, 1].map(|axis| {
        let (low, high) = shown[axis];
        let more = (scale * f64::from(pixels[axis]) - (high - low)) / 2.0;
        (low - more, high + more)
    })
}

fn plane<D: DrawingBackend>(
    area: &DrawingArea<D, Shift>,
    flight: &Flight,
    names: [&str; 2],
    walls: &Line,
    shown: [(f64, f64); 2],
) -> Drawn<D> {
    const MARGIN: u32 = 12;
    const LABELS: [u32; 2] = [44, 40];
    let area = area.titled(&flight.title, text(15))?;
    let (width, height) = area.dim_in_pixel();
    let pixels =
        [width.saturating_sub(2 * MARGIN + LABELS[0]), height.saturating_sub(2 * MARGIN + LABELS[1])];
    let [(left, right), (low, high)] = on_one_scale(shown, pixels);
    let (across, up) = (axes::numbers(left, right, MARKS), axes::numbers(low, high, MARKS));
    let mut chart = ChartBuilder::on(&area)
        .margin(MARGIN)
        .x_label_area_size(LABELS[1])
        .y_label_area_size(LABELS[0])
        .build_cartesian_2d(Axis::new((left, right), across), Axis::new((low, high), up))?;
    chart
        .configure_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(text(12))
        .x_desc(names[0])
        .y_desc(names[1])
        .draw()?;
    chart.draw_series(LineSeries::new(walls.iter().copied(), WALL.stroke_width(3)))?;
    chart.draw_series(LineSeries::new(flight.truth.iter().copied(), TRAIN.stroke_width(2)))?;
    chart.draw_series(LineSeries::new(flight.forecast.iter().copied(), VALIDATION.stroke_width(2)))?;
    chart.draw_series(flight.seen.iter().map(|&point| Circle::new(point, 3, INK.filled())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use anaphora_data::series::{Step, parse_date};

    use super::*;

    #[test]
    fn a_forecast_has_its_band_and_its_dates() {
        let line = |from: usize, to: usize| -> Line { (from..to).map(|i| (i as f64, i as f64)).collect() };
        let panel = Panel {
            title: "load".into(),
            history: line(10, 20),
            truth: line(20, 23),
            forecast: line(20, 25),
            band: Some((line(20, 25), line(20, 25))),
            band_name: "quantiles 0.1 to 0.9".into(),
            steps: 10..25,
            calendar: Some(Calendar::new(parse_date("2019-12-20").unwrap(), Step::Milliseconds(86_400_000))),
        };
        let svg = forecast(&[panel.clone(), panel]);
        for said in ["load", "what came", "quantiles 0.1 to 0.9", "2020-01-06"] {
            assert!(svg.contains(said), "{said}");
        }
        assert_eq!(svg.matches("<polygon").count(), 2);
    }

    #[test]
    fn anything_has_a_picture() {
        let bad = vec![(0.0, f64::NAN), (1.0, f64::INFINITY)];
        for panel in [Panel::default(), Panel { forecast: bad.clone(), ..Panel::default() }] {
            assert!(forecast(&[panel]).trim_end().ends_with("</svg>"));
        }
        let flight = Flight { forecast: bad, ..Flight::default() };
        assert!(flights(&[flight], ["x", "y"], &Line::new()).trim_end().ends_with("</svg>"));
        assert!(flights(&[], ["x", "y"], &Line::new()).contains("</svg>"));
    }

    #[test]
    fn a_step_is_as_long_up_as_across() {
        let [across, up] = on_one_scale([(0.0, 4.0), (0.0, 1.0)], [400, 200]);
        assert_eq!((across, up), ((0.0, 4.0), (-0.5, 1.5)));
    }
}
