//! Statistics as text for people.

use core::fmt;

use super::{Bin, MetricUnit, StatCount, Stats};
use crate::stats::metric::Value;

impl fmt::Display for Stats {
    /// Writes a table of all values that are not zero. The table is made in
    /// Rust from copied values, so no lock of mimalloc's is held meanwhile.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28}{:>12}{:>12}{:>12}",
            "", "total", "peak", "current"
        )?;
        for field in self.fields() {
            match field.value {
                Value::Counter(0) => {}
                Value::Counter(total) => {
                    let total = i64::try_from(total).unwrap_or(i64::MAX);
                    writeln!(f, "{:<28}{:>12}", field.name, Amount(total, field.unit))?;
                }
                Value::Count(count) if count == StatCount::default() => {}
                Value::Count(count) => row(f, &field.name, count, field.unit)?,
            }
        }
        write_bins(f, "blocks of", self.malloc_bins())?;
        write_bins(f, "pages of blocks of", self.page_bins())
    }
}

fn write_bins(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    bins: impl Iterator<Item = Bin>,
) -> fmt::Result {
    for bin in bins.filter(|bin| bin.count != StatCount::default()) {
        let size = i64::try_from(bin.block_size).unwrap_or(i64::MAX);
        match size {
            0 => row(
                f,
                &format_args!("{name} more"),
                bin.count,
                MetricUnit::Number,
            )?,
            _ => {
                let size = Amount(size, MetricUnit::Bytes);
                row(
                    f,
                    &format_args!("{name} {size}"),
                    bin.count,
                    MetricUnit::Number,
                )?;
            }
        }
    }
    Ok(())
}

fn row(
    f: &mut fmt::Formatter<'_>,
    name: &dyn fmt::Display,
    count: StatCount,
    unit: MetricUnit,
) -> fmt::Result {
    let name = Padded(name);
    let StatCount {
        total,
        peak,
        current,
    } = count;
    write!(f, "{name:<28}{:>12}", Amount(total, unit))?;
    writeln!(f, "{:>12}{:>12}", Amount(peak, unit), Amount(current, unit))
}

/// Displays a number with a unit that keeps the number short; width and
/// alignment apply.
struct Amount(i64, MetricUnit);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, units): (u64, _) = match self.1 {
            MetricUnit::Bytes => (1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
            _ => (1000, ["", "k", "M", "G", "T"]),
        };
        let sign = if self.0 < 0 { "-" } else { "" };
        let (mut whole, mut tenth, mut unit) = (self.0.unsigned_abs(), 0, 0);
        while whole >= base && unit + 1 < units.len() {
            tenth = whole % base * 10 / base;
            whole /= base;
            unit += 1;
        }
        let space = if units[unit].is_empty() { "" } else { " " };
        let unit_name = units[unit];
        if unit == 0 {
            Padded(&format_args!("{sign}{whole}{space}{unit_name}")).fmt(f)
        } else {
            Padded(&format_args!("{sign}{whole}.{tenth}{space}{unit_name}")).fmt(f)
        }
    }
}

/// Pads what would ignore the width, without allocating: writes to a small
/// buffer first.
struct Padded<'a>(&'a dyn fmt::Display);

impl fmt::Display for Padded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = Buffer {
            bytes: [0; 48],
            used: 0,
        };
        fmt::write(&mut buffer, format_args!("{}", self.0))?;
        f.pad(core::str::from_utf8(&buffer.bytes[..buffer.used]).unwrap_or_default())
    }
}

struct Buffer {
    bytes: [u8; 48],
    used: usize,
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = &mut self.bytes[self.used..];
        free.get_mut(..text.len())
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!(Amount(0, MetricUnit::Bytes).to_string(), "0 B");
        assert_eq!(Amount(1023, MetricUnit::Bytes).to_string(), "1023 B");
        assert_eq!(Amount(1536, MetricUnit::Bytes).to_string(), "1.5 KiB");
        assert_eq!(
            Amount(-(1 << 30), MetricUnit::Bytes).to_string(),
            "-1.0 GiB"
        );
        assert_eq!(
            Amount(i64::MIN, MetricUnit::Number).to_string(),
            "-9223372.0T".replace("T", " T")
        );
        assert_eq!(Amount(12_345, MetricUnit::Number).to_string(), "12.3 k");
        assert_eq!(
            std::format!("{:>8}|", Amount(7, MetricUnit::Number)),
            "       7|"
        );
    }
}
