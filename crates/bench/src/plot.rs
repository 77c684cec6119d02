//! Curves as a picture: one panel each, what grows on a logarithmic axis, the rest from zero up.

use std::fmt::Write;

use crate::report::{Curve, Point, number};

const PANEL: (f64, f64) = (440.0, 260.0);
const MARGIN: (f64, f64) = (70.0, 40.0);
const COLUMNS: usize = 2;
const LINES: u8 = 4;

/// The picture.
pub(crate) fn svg(curves: &[Curve]) -> String {
    let rows = curves.len().div_ceil(COLUMNS);
    let (width, height) = (PANEL.0 * float(COLUMNS), PANEL.1 * float(rows));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, curve) in curves.iter().enumerate() {
        let (left, top) = (
            PANEL.0 * float(index % COLUMNS),
            PANEL.1 * float(index / COLUMNS),
        );
        let begin = format!("<g transform=\"translate({left},{top})\">\n");
        text.push_str(&begin);
        panel(&mut text, curve);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn panel(text: &mut String, curve: &Curve) {
    let (width, height) = (PANEL.0 - MARGIN.0 - 20.0, PANEL.1 - 2.0 * MARGIN.1);
    let top = highest(&curve.points);
    let widest = curve.points.iter().map(|point| grown(point.x));
    let widest = widest.fold(1.0, f64::max);
    let x = |value: f64| MARGIN.0 + grown(value) / widest * width;
    let y = |value: f64| MARGIN.1 + height - value / top * height;
    let mut line = |line: String| writeln!(text, "{line}").expect("invariant: a text takes it");
    line(format!(
        "<text x=\"{}\" y=\"20\" font-size=\"13\">{} ({}) over {}</text>",
        MARGIN.0, curve.name, curve.unit, curve.over
    ));
    for step in 0..=LINES {
        let value = top * f64::from(step) / f64::from(LINES);
        let (from, to, at) = (MARGIN.0, MARGIN.0 + width, y(value));
        line(format!(
            "<line x1=\"{from}\" x2=\"{to}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            from - 6.0,
            at + 4.0,
            number(value)
        ));
    }
    for point in &curve.points {
        line(format!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#1565c0\"/>",
            x(point.x),
            PANEL.1 - MARGIN.1 + 16.0,
            short(point.x),
            x(point.x),
            y(point.y)
        ));
    }
    let points = curve.points.iter();
    let points: Vec<String> = points
        .map(|point| format!("{:.1},{:.1}", x(point.x), y(point.y)))
        .collect();
    line(format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1565c0\" stroke-width=\"1.5\"/>",
        points.join(" ")
    ));
}

/// A round number above all points.
fn highest(points: &[Point]) -> f64 {
    let top = points.iter().map(|point| point.y).fold(0.0, f64::max);
    let step = 10_f64.powf(top.max(0.001).log10().floor());
    ((top / step).floor() + 1.0) * step
}

/// With a letter for the thousands: sizes of millions stand close to each other.
fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", number(value / 1e6))
    } else if value >= 1e3 {
        format!("{}k", number(value / 1e3))
    } else {
        number(value)
    }
}

/// Logarithmic, and nothing where nothing is.
fn grown(value: f64) -> f64 {
    (value + 1.0).log10()
}

#[expect(clippy::cast_precision_loss, reason = "a handful of panels")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_curve_has_a_panel_with_all_its_points() {
        let curve = |name| Curve {
            name,
            over: "executions",
            unit: "1/s",
            points: [0.0, 10.0, 1_000.0]
                .map(|x| Point { x, y: 42_000.0 - x })
                .to_vec(),
        };
        let picture = svg(&[curve("a"), curve("b"), curve("c")]);
        let count = |what: &str| picture.matches(what).count();
        assert_eq!(
            (count("<g "), count("<polyline"), count("<circle")),
            (3, 3, 9)
        );
        assert!(picture.contains("height=\"520\""));
        assert!(picture.contains(">50,000</text>"));
        assert!(picture.contains(">1k</text>"));
        assert!(!picture.contains("NaN"));
    }
}
