//! All statistics in the text form that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// Collects samples, and writes those of one name together, as the form asks.
#[derive(Default)]
pub(crate) struct Metrics {
    /// The type and the lines of each name.
    families: BTreeMap<String, (&'static str, String)>,
}

impl Metrics {
    /// Adds each statistic of mimalloc and of the process.
    pub(crate) fn add_mimalloc(&mut self) {
        let mut json = String::new();
        if mimalloc::stats::write_json(&mut json).is_err() {
            return;
        }
        if let Ok(Value::Object(statistics)) = serde_json::from_str(&json) {
            for (name, value) in &statistics {
                self.add_json(&format!("mimalloc_{name}"), value, "");
            }
        }
    }

    /// Adds numbers, counts that have `current`, `peak` and `total`, and lists of
    /// counts.
    fn add_json(&mut self, name: &str, value: &Value, labels: &str) {
        match value {
            Value::Number(number) => self.add(name, "gauge", labels, number),
            Value::Array(bins) => {
                for (at, bin) in bins.iter().enumerate() {
                    // Two classes may have one size.
                    let class = bin.get("block_size").or(bin.get("bin"));
                    let class = class.map(Value::to_string).unwrap_or_default();
                    let class = class.trim_matches('"');
                    self.add_json(name, bin, &format!("{{bin=\"{at}\",class=\"{class}\"}}"));
                }
            }
            Value::Object(count) => {
                for (part, value) in count {
                    match part.as_str() {
                        "current" => self.add_json(name, value, labels),
                        "total" => self.add(&format!("{name}_total"), "counter", labels, value),
                        "block_size" | "bin" => {}
                        _ => self.add_json(&format!("{name}_{part}"), value, labels),
                    }
                }
            }
            _ => {}
        }
    }

    /// Adds a sample. `labels` has its braces, or is empty.
    pub(crate) fn add(
        &mut self,
        name: &str,
        kind: &'static str,
        labels: &str,
        value: impl std::fmt::Display,
    ) {
        let (_, lines) = self
            .families
            .entry(name.to_owned())
            .or_insert((kind, String::new()));
        // Writing into a `String` can't fail.
        let _ = writeln!(lines, "{name}{labels} {value}");
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, (kind, lines)) in &self.families {
            let _ = write!(text, "# TYPE {name} {kind}\n{lines}");
        }
        text
    }
}
