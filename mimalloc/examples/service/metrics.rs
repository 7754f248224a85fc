//! All statistics in the text form that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use mimalloc::stats::{Metric, MetricKind, Stats, process_info};

/// Collects samples, and writes those of one name together, as the form asks.
#[derive(Default)]
pub(crate) struct Metrics {
    /// The type and the lines of each name.
    families: BTreeMap<String, (&'static str, String)>,
}

impl Metrics {
    /// Adds each statistic of mimalloc and of the process.
    pub(crate) fn add_mimalloc(&mut self) {
        if let Ok(stats) = Stats::get() {
            stats.metrics().for_each(|metric| self.add_metric(&metric));
        }
        let process = process_info();
        process
            .metrics()
            .for_each(|metric| self.add_metric(&metric));
    }

    fn add_metric(&mut self, metric: &Metric) {
        let (ending, kind) = match metric.kind {
            MetricKind::Total => ("_total", "counter"),
            MetricKind::Peak => ("_peak", "gauge"),
            _ => ("", "gauge"),
        };
        let name = format!("mimalloc_{}{ending}", metric.name);
        let labels = metric.label.map_or(String::new(), |label| {
            format!("{{{}=\"{label}\"}}", label.key())
        });
        self.add(&name, kind, &labels, metric.value);
    }

    /// Adds a sample. `labels` has its braces, or is empty.
    pub(crate) fn add(
        &mut self,
        name: &str,
        kind: &'static str,
        labels: &str,
        value: impl Display,
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
