//! Draws what a heap holds as one SVG file that needs nothing else.
//!
//! The address space of the heap's areas fills the picture line by line, in cells of
//! equal size. A colour stands for sizes of blocks: strong where blocks are in use,
//! pale where they are free, grey where mimalloc has made no blocks yet. The picture
//! has its own background, so that it can be read on a dark page.

use std::collections::HashMap;
use std::fmt::Write as _;

use mimalloc::{Heap, HeapArea, HeapError};

/// The largest block of each colour, and the colour.
const CLASSES: [(usize, &str); 7] = [
    (64, "#3b5ba9"),
    (256, "#1789b0"),
    (1 << 10, "#23966b"),
    (4 << 10, "#84a024"),
    (32 << 10, "#d4951a"),
    (512 << 10, "#d55f28"),
    (usize::MAX, "#a52c4c"),
];

const COLUMNS: usize = 128;
/// The lines of a full picture, without those that are begun for another size.
const LINES: usize = 24;
const CELL_WIDTH: f64 = 6.0;
const CELL_HEIGHT: f64 = 14.0;
const LINE_HEIGHT: f64 = 17.0;
const MARGIN: f64 = 20.0;
const WIDTH: f64 = COLUMNS as f64 * CELL_WIDTH + 2.0 * MARGIN;

/// Above this number, areas with blocks of one size are drawn as one.
const MAX_STRIPS: usize = 400;

/// Holds what was in a heap at some time.
#[derive(Debug)]
pub(crate) struct HeapMap {
    title: String,
    /// The bytes that a cell stands for.
    cell_size: usize,
    strips: Vec<Strip>,
}

/// An area of a heap, or all areas with blocks of one size.
#[derive(Debug)]
struct Strip {
    block_size: usize,
    address: usize,
    areas: usize,
    blocks: usize,
    reserved: usize,
    committed: usize,
    used: usize,
    cells: Vec<Cell>,
}

/// The bytes of a cell in blocks, and those in blocks in use.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    committed: usize,
    used: usize,
}

impl HeapMap {
    /// Looks at each block of a heap. `title` stands above the picture.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Heap::blocks`].
    pub(crate) fn new(title: String, heap: &mut Heap) -> Result<Self, HeapError> {
        let mut areas: Vec<HeapArea> = heap.areas()?.collect();
        areas.sort_by_key(|area| (area.block_size, area.address));
        let reserved: usize = areas.iter().map(|area| area.reserved).sum();
        let cell_size = (reserved / (COLUMNS * LINES)).next_power_of_two().max(64);

        let merge = areas.len() > MAX_STRIPS;
        let mut strips: Vec<Strip> = Vec::new();
        // Where each area begins in its strip.
        let mut places = HashMap::with_capacity(areas.len());
        for area in &areas {
            match strips.last_mut() {
                Some(last) if merge && last.block_size == area.block_size => last.areas += 1,
                _ => strips.push(Strip::at(area)),
            }
            let at = strips.len() - 1;
            let strip = &mut strips[at];
            places.insert(area.address, (at, strip.reserved));
            strip.add(area, cell_size);
        }
        for (area, block) in heap.blocks()? {
            if let Some(&(at, begin)) = places.get(&area.address) {
                let offset = begin + (block.address - area.address);
                let size = area.full_block_size;
                spread(&mut strips[at].cells, cell_size, offset, size, |cell| {
                    &mut cell.used
                });
            }
        }
        Ok(Self {
            title,
            cell_size,
            strips,
        })
    }
}

impl Strip {
    fn at(area: &HeapArea) -> Self {
        Self {
            block_size: area.block_size,
            address: area.address,
            areas: 1,
            blocks: 0,
            reserved: 0,
            committed: 0,
            used: 0,
            cells: Vec::new(),
        }
    }

    fn add(&mut self, area: &HeapArea, cell_size: usize) {
        let begin = self.reserved;
        self.reserved += area.reserved;
        self.committed += area.committed;
        self.blocks += area.used;
        self.used += area.used * area.full_block_size;
        let cells = self.reserved.div_ceil(cell_size);
        self.cells.resize(cells, Cell::default());
        spread(&mut self.cells, cell_size, begin, area.committed, |cell| {
            &mut cell.committed
        });
    }

    fn class(&self) -> usize {
        let class = CLASSES.iter().position(|(max, _)| self.block_size <= *max);
        class.unwrap_or(CLASSES.len() - 1)
    }

    /// Returns the text that appears under the pointer.
    fn hint(&self) -> String {
        let place = match self.areas {
            1 => format!("an area at {:#x}", self.address),
            areas => format!("{} areas", thousands(areas)),
        };
        format!(
            "blocks of {}: {} in use ({}), {} free, {} not in blocks yet; {place}",
            bytes(self.block_size),
            thousands(self.blocks),
            bytes(self.used),
            bytes(self.committed.saturating_sub(self.used)),
            bytes(self.reserved.saturating_sub(self.committed)),
        )
    }
}

/// Adds the bytes of a range to the cells in which they are.
fn spread(
    cells: &mut [Cell],
    cell_size: usize,
    begin: usize,
    len: usize,
    part: impl Fn(&mut Cell) -> &mut usize,
) {
    let end = begin + len;
    let mut at = begin;
    while at < end {
        let index = at / cell_size;
        let next = ((index + 1) * cell_size).min(end);
        if let Some(cell) = cells.get_mut(index) {
            *part(cell) += next - at;
        }
        at = next;
    }
}

/// Draws heaps below each other.
pub(crate) fn draw<'a>(maps: impl Iterator<Item = &'a HeapMap>) -> String {
    let mut canvas = Canvas {
        body: String::new(),
        y: MARGIN,
    };
    let mut empty = true;
    for map in maps {
        empty = false;
        canvas.map(map);
    }
    if empty {
        canvas.y += 16.0;
        canvas.text(MARGIN, "", "no heaps yet");
        canvas.y += MARGIN;
    }
    let height = canvas.y;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0}' width='{WIDTH}' \
         height='{height:.0}' font-family='sans-serif' font-size='13' fill='#24292f'>\n<rect \
         width='100%' height='100%' fill='#ffffff'/>\n{}</svg>\n",
        canvas.body
    )
}

struct Canvas {
    body: String,
    y: f64,
}

impl Canvas {
    /// Adds a line of SVG. Writing into a `String` can't fail.
    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "{line}");
    }

    fn text(&mut self, x: f64, style: &str, text: &str) {
        let y = self.y;
        let text = escaped(text);
        self.add(format_args!(
            "<text x='{x:.1}' y='{y:.1}' {style}>{text}</text>"
        ));
    }

    fn map(&mut self, map: &HeapMap) {
        let sum = |part: fn(&Strip) -> usize| map.strips.iter().map(part).sum::<usize>();
        let (used, committed, reserved) = (
            sum(|strip| strip.used),
            sum(|strip| strip.committed),
            sum(|strip| strip.reserved),
        );
        self.y += 16.0;
        self.text(MARGIN, "font-size='17' font-weight='bold'", &map.title);
        self.y += 22.0;
        let totals = format!(
            "{} blocks in use have {} of the {} in blocks ({:.0} %), in {} areas of {}",
            thousands(sum(|strip| strip.blocks)),
            bytes(used),
            bytes(committed),
            100.0 * used as f64 / committed.max(1) as f64,
            thousands(sum(|strip| strip.areas)),
            bytes(reserved),
        );
        self.text(MARGIN, "", &totals);
        self.y += 14.0;
        self.strips(map);
        self.y += 12.0;
        self.legend(map);
        self.y += MARGIN;
    }

    fn strips(&mut self, map: &HeapMap) {
        let mut column = 0;
        for strip in &map.strips {
            let colour = CLASSES[strip.class()].1;
            let hint = escaped(&strip.hint());
            self.add(format_args!("<g fill='{colour}'><title>{hint}</title>"));
            let mut cells = strip.cells.as_slice();
            while !cells.is_empty() {
                if column == COLUMNS {
                    column = 0;
                    self.y += LINE_HEIGHT;
                }
                let (line, rest) = cells.split_at(cells.len().min(COLUMNS - column));
                self.line(line, column, map.cell_size);
                // The edge between this strip and the one before.
                if cells.len() == strip.cells.len() {
                    let x = MARGIN + column as f64 * CELL_WIDTH;
                    let y = self.y;
                    self.add(format_args!(
                        "<path d='M{x:.0} {y:.0}v{CELL_HEIGHT}' stroke='#ffffff'/>"
                    ));
                }
                column += line.len();
                cells = rest;
            }
            self.add(format_args!("</g>"));
        }
        self.y += LINE_HEIGHT;
    }

    /// Draws neighbours that look the same as one.
    fn line(&mut self, cells: &[Cell], column: usize, cell_size: usize) {
        let mut begin = 0;
        for group in cells.chunk_by(|left, right| look(left, cell_size) == look(right, cell_size)) {
            let x = MARGIN + (column + begin) as f64 * CELL_WIDTH;
            let (y, width) = (self.y, group.len() as f64 * CELL_WIDTH);
            let look = look(&group[0], cell_size);
            self.add(format_args!(
                "<path d='M{x:.0} {y:.0}h{width:.0}v{CELL_HEIGHT}h-{width:.0}z' {look}/>"
            ));
            begin += group.len();
        }
    }

    fn legend(&mut self, map: &HeapMap) {
        const COLUMNS: [f64; 5] = [300.0, 420.0, 525.0, 630.0, 768.0];
        self.y += 14.0;
        let style = "text-anchor='end' fill='#57606a'";
        for (x, heading) in
            COLUMNS
                .into_iter()
                .zip(["areas", "blocks in use", "in use", "free", "no blocks yet"])
        {
            self.text(MARGIN + x, style, heading);
        }
        let mut low = 0;
        for (class, (max, colour)) in CLASSES.into_iter().enumerate() {
            let from = std::mem::replace(&mut low, max);
            let of_class = |part: fn(&Strip) -> usize| {
                let strips = map.strips.iter().filter(|strip| strip.class() == class);
                strips.map(part).sum::<usize>()
            };
            if of_class(|strip| strip.areas) == 0 {
                continue;
            }
            self.y += 20.0;
            let y = self.y - 11.0;
            self.add(format_args!(
                "<rect x='{MARGIN}' y='{y:.1}' width='13' height='13' fill='{colour}'/>"
            ));
            let name = match (from, max) {
                (0, _) => format!("blocks up to {}", bytes(max)),
                (_, usize::MAX) => format!("blocks over {}", bytes(from)),
                _ => format!("blocks over {} up to {}", bytes(from), bytes(max)),
            };
            self.text(MARGIN + 20.0, "", &name);
            let cells = [
                thousands(of_class(|strip| strip.areas)),
                thousands(of_class(|strip| strip.blocks)),
                bytes(of_class(|strip| strip.used)),
                bytes(of_class(|strip| strip.committed.saturating_sub(strip.used))),
                bytes(of_class(|strip| {
                    strip.reserved.saturating_sub(strip.committed)
                })),
            ];
            for (x, cell) in COLUMNS.into_iter().zip(cells) {
                self.text(MARGIN + x, "text-anchor='end'", &cell);
            }
        }
        self.y += 26.0;
        let mut x = MARGIN;
        let keys = [
            (1.0, CLASSES[0].1, "in use"),
            (FREE, CLASSES[0].1, "free"),
            (1.0, NOT_YET, "no blocks yet"),
        ];
        for (opacity, colour, name) in keys {
            let y = self.y - 11.0;
            self.add(format_args!(
                "<rect x='{x:.1}' y='{y:.1}' width='13' height='13' fill='{colour}' \
                 fill-opacity='{opacity}'/>"
            ));
            self.text(x + 20.0, "fill='#57606a'", name);
            x += 44.0 + 7.0 * name.len() as f64;
        }
        let scale = format!("one cell, {CELL_WIDTH} wide: {}", bytes(map.cell_size));
        let style = "text-anchor='end' fill='#57606a'";
        self.text(WIDTH - MARGIN, style, &scale);
    }
}

const FREE: f64 = 0.3;
const NOT_YET: &str = "#eef0f2";

/// Returns how a cell is drawn: stronger the more of it is in use, in four steps.
fn look(cell: &Cell, cell_size: usize) -> String {
    let steps = (4 * cell.used).div_ceil(cell_size);
    match steps {
        0 if cell.committed == 0 => format!("fill='{NOT_YET}'"),
        0 => format!("fill-opacity='{FREE}'"),
        4.. => String::new(),
        _ => format!("fill-opacity='{:.2}'", FREE + 0.15 * steps as f64),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Returns a number with commas.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number of bytes with at most three digits before the point.
fn bytes(number: usize) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = number as f64;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let rounded = (value * 10.0).round() / 10.0;
    format!("{rounded} {}", UNITS[unit])
}
