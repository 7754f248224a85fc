//! One chart: horizontal bars of the geometric means, written as plain SVG.

use core::fmt::Write as _;

use crate::report::Report;
use crate::rows::Profile;

const WIDTH: f64 = 860.0;
const LABELS: f64 = 150.0;
const BARS: f64 = WIDTH - LABELS - 70.0;
const BAR: f64 = 11.0;
const GAP: f64 = 9.0;

/// The summaries that get a bar, with their colours.
const SERIES: &[(&str, &str, &str)] = &[
    ("single-threaded", "single-threaded workloads", "#2f6db3"),
    ("held out", "held out from tuning", "#e08a2c"),
    ("several threads", "several threads", "#7a8794"),
];

/// Draws the report.
pub(crate) fn chart(report: &Report<'_>) -> String {
    let mut canvas = Canvas {
        body: String::new(),
        y: 34.0,
    };
    let title = format!(
        "{} relative to {} (shorter is better)",
        report.quantity(),
        report.base
    );
    canvas.text(20.0, &title, "font-size='17' font-weight='bold'");
    canvas.y += 20.0;
    let method = format!("geometric means; {}", report.method());
    canvas.text(20.0, &method, "fill='#57606a'");
    canvas.legend(report);
    let longest = longest(report);
    for profile in report.profiles() {
        canvas.panel(report, profile, longest);
    }
    canvas.y += 14.0;
    for line in report.machine.lines() {
        canvas.text(20.0, &line, "font-size='11' fill='#57606a'");
        canvas.y += 16.0;
    }
    canvas.finish()
}

/// The series that have any figure at all.
fn series<'a>(report: &Report<'_>) -> Vec<&'a (&'static str, &'static str, &'static str)> {
    let has =
        |heading: &str| (0..report.subjects.len()).any(|s| value(report, s, heading).is_some());
    SERIES.iter().filter(|(heading, ..)| has(heading)).collect()
}

fn value(report: &Report<'_>, subject: usize, heading: &str) -> Option<f64> {
    report
        .means(subject)
        .into_iter()
        .find(|(name, _)| *name == heading)?
        .1
}

/// The end of the axis: a little more than the longest bar, at a quarter.
fn longest(report: &Report<'_>) -> f64 {
    let values = (0..report.subjects.len()).flat_map(|s| {
        SERIES
            .iter()
            .filter_map(move |(heading, ..)| value(report, s, heading))
    });
    (values.fold(1.0, f64::max) * 4.0).ceil() / 4.0
}

struct Canvas {
    body: String,
    y: f64,
}

impl Canvas {
    /// Adds a line of SVG. Writing into a `String` can't fail.
    fn add(&mut self, line: core::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "{line}");
    }

    fn text(&mut self, x: f64, text: &str, style: &str) {
        let y = self.y;
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!(
            "<text x='{x:.0}' y='{y:.0}' {style}>{text}</text>"
        ));
    }

    fn legend(&mut self, report: &Report<'_>) {
        self.y += 24.0;
        let mut x = 20.0;
        for (_, label, colour) in series(report) {
            let y = self.y - 10.0;
            self.add(format_args!(
                "<rect x='{x:.0}' y='{y:.0}' width='12' height='12' fill='{colour}'/>"
            ));
            self.text(x + 18.0, label, "");
            x += 50.0 + 7.0 * label.len() as f64;
        }
    }

    /// The rows of one profile, the fastest first.
    fn panel(&mut self, report: &Report<'_>, profile: Profile, longest: f64) {
        self.y += 36.0;
        self.text(20.0, profile.describe(), "font-weight='bold'");
        self.y += 12.0;
        let top = self.y;
        let series = series(report);
        let mut rows = report.of(profile);
        let key = |&s: &usize| {
            series
                .first()
                .and_then(|first| value(report, s, first.0))
                .unwrap_or(f64::MAX)
        };
        rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
        for subject in rows {
            let name = &report.subjects[subject].row;
            let height = BAR * series.len() as f64;
            let weight = if name.starts_with("ours") {
                "bold"
            } else {
                "normal"
            };
            self.y += height / 2.0 + 4.0;
            let style = format!("text-anchor='end' font-weight='{weight}'");
            self.text(LABELS - 8.0, name, &style);
            self.y -= height / 2.0 + 4.0;
            for (heading, _, colour) in &series {
                if let Some(value) = value(report, subject, heading) {
                    self.bar(value, value / longest * BARS, colour);
                }
                self.y += BAR;
            }
            self.y += GAP;
        }
        self.rule(top, 1.0 / longest, "1.0");
    }

    fn bar(&mut self, value: f64, width: f64, colour: &str) {
        let (y, height) = (self.y, BAR - 1.0);
        self.add(format_args!(
            "<rect x='{LABELS}' y='{y:.1}' width='{width:.1}' height='{height}' fill='{colour}'/>"
        ));
        let (x, y) = (LABELS + width + 4.0, y + height - 1.0);
        self.add(format_args!(
            "<text x='{x:.1}' y='{y:.1}' font-size='10'>{value:.2}</text>"
        ));
    }

    /// The line where the base row is.
    fn rule(&mut self, top: f64, place: f64, label: &str) {
        let x = LABELS + place * BARS;
        let bottom = self.y;
        self.add(format_args!(
            "<line x1='{x:.1}' y1='{top:.1}' x2='{x:.1}' y2='{bottom:.1}' stroke='#24292f' \
             stroke-dasharray='3 3'/>"
        ));
        self.y += 12.0;
        self.text(x, label, "font-size='10' text-anchor='middle'");
    }

    fn finish(self) -> String {
        let height = self.y + 8.0;
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height:.0}' \
             viewBox='0 0 {WIDTH} {height:.0}' font-family='sans-serif' font-size='13' \
             fill='#24292f'>\n<rect width='100%' height='100%' fill='#ffffff'/>\n{}</svg>\n",
            self.body
        )
    }
}
