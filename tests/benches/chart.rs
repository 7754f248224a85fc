//! Draws lines over two logarithmic axes as plain SVG.
//!
//! The picture has its own background, so that it can be read on a dark page. It
//! has no double quotes and no empty lines, so that Markdown passes it on to HTML.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 74.0;

/// Colours that differ in brightness as well, and the shapes of the points.
const STYLES: [(&str, &str); 4] = [
    ("#b3421a", "4 2"),
    ("#1f5fa8", ""),
    ("#2a8f5a", "8 3"),
    ("#6b7280", "1 3"),
];

/// A line of the chart.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// The places of the points, which are all positive.
    pub(crate) points: Vec<(f64, f64)>,
}

/// The words around the lines.
pub(crate) struct Words<'a> {
    pub(crate) title: &'a str,
    pub(crate) below: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

/// Draws up to four lines.
pub(crate) fn chart(words: &Words<'_>, series: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' \
         height='{HEIGHT}' role='img' font-family='sans-serif' font-size='13' fill='#24292f' \
         style='max-width:100%;height:auto'>\n<title>{0}</title>\n<rect width='100%' height='100%' \
         rx='6' fill='#ffffff'/>\n<text x='20' y='30' font-size='17' font-weight='bold'>{0}</text>\n",
        words.title
    );
    let points = || series.iter().flat_map(|line| &line.points);
    let x = Axis::over(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
    let y = Axis::over(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
    axes(&mut svg, words, &x, &y);
    let mut legend_x = 20.0;
    for (line, style) in series.iter().zip(STYLES) {
        draw(&mut svg, line, style, &x, &y);
        legend(&mut svg, line.name, style, legend_x);
        legend_x += 62.0 + 7.0 * line.name.len() as f64;
    }
    add(
        &mut svg,
        format_args!(
            "<text x='20' y='{:.0}' font-size='11' fill='#57606a'>{}</text>\n</svg>",
            HEIGHT - 14.0,
            words.below
        ),
    );
    svg
}

/// Adds a line to the picture. Writing into a `String` can't fail.
fn add(svg: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(svg, "{line}");
}

/// Whole powers of ten between two edges of the picture.
struct Axis {
    low: f64,
    high: f64,
    begin: f64,
    end: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, begin: f64, end: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.fold(1.0, f64::max).log10().ceil().max(low + 1.0);
        Self {
            low,
            high,
            begin,
            end,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - self.low) / (self.high - self.low);
        self.begin + part * (self.end - self.begin)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power))
    }
}

fn axes(svg: &mut String, words: &Words<'_>, x: &Axis, y: &Axis) {
    for value in x.powers() {
        let at = x.place(value);
        add(
            svg,
            format_args!(
                "<line x1='{at:.1}' y1='{:.1}' x2='{at:.1}' y2='{:.1}' stroke='#e3e6ea'/>\
                 <text x='{at:.1}' y='{:.1}' font-size='12' text-anchor='middle'>{}</text>",
                y.begin,
                y.end,
                y.begin + 18.0,
                thousands(value)
            ),
        );
    }
    for value in y.powers() {
        let at = y.place(value);
        add(
            svg,
            format_args!(
                "<line x1='{:.1}' y1='{at:.1}' x2='{:.1}' y2='{at:.1}' stroke='#e3e6ea'/>\
                 <text x='{:.1}' y='{:.1}' font-size='12' text-anchor='end'>{}</text>",
                x.begin,
                x.end,
                x.begin - 8.0,
                at + 4.0,
                duration(value)
            ),
        );
    }
    add(
        svg,
        format_args!(
            "<text x='{:.1}' y='{:.1}' text-anchor='middle'>{}</text>\n<text transform='rotate(-90 \
             18 {mid:.1})' x='18' y='{mid:.1}' text-anchor='middle'>{}</text>",
            (x.begin + x.end) / 2.0,
            y.begin + 38.0,
            words.x,
            words.y,
            mid = (y.begin + y.end) / 2.0,
        ),
    );
}

fn draw(svg: &mut String, line: &Series, (colour, dash): (&str, &str), x: &Axis, y: &Axis) {
    let places: Vec<_> = line
        .points
        .iter()
        .map(|point| (x.place(point.0), y.place(point.1)))
        .collect();
    let path: Vec<_> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    add(
        svg,
        format_args!(
            "<polyline points='{}' fill='none' stroke='{colour}' stroke-width='2' \
             stroke-dasharray='{dash}'/>",
            path.join(" ")
        ),
    );
    for ((x, y), point) in places.iter().zip(&line.points) {
        add(
            svg,
            format_args!(
                "<circle cx='{x:.1}' cy='{y:.1}' r='3.2' fill='{colour}'><title>{}, {} blocks: {} \
                 ns</title></circle>",
                line.name,
                thousands(point.0),
                thousands(point.1)
            ),
        );
    }
}

fn legend(svg: &mut String, name: &str, (colour, dash): (&str, &str), x: f64) {
    add(
        svg,
        format_args!(
            "<line x1='{x}' y1='58' x2='{:.0}' y2='58' stroke='{colour}' stroke-width='2' \
             stroke-dasharray='{dash}'/><circle cx='{:.0}' cy='58' r='3.2' fill='{colour}'/>\
             <text x='{:.0}' y='62'>{name}</text>",
            x + 28.0,
            x + 14.0,
            x + 34.0
        ),
    );
}

/// Returns a whole number with commas.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a power of ten of nanoseconds in the unit that keeps it short.
fn duration(ns: f64) -> String {
    match ns {
        1e6.. => format!("{} ms", ns / 1e6),
        1e3.. => format!("{} µs", ns / 1e3),
        _ => format!("{ns} ns"),
    }
}
