//! Presents the measurements: tables on the terminal, and JSON.

use anyhow::Result;
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::measure::{self, Cell, Plan, Results, Workload};
use crate::rows::{Profile, Subject};
use crate::stats;

/// The summaries: a heading, and which workloads count.
const SUMMARIES: &[(&str, Counts)] = &[
    ("single-threaded", |workload| workload.group == "single"),
    ("- without large blocks", |workload| {
        workload.group == "single" && !LARGE.contains(&&*workload.name)
    }),
    ("held out", |workload| workload.group == "held-out"),
    ("several threads", |workload| workload.group == "threads"),
];

/// Whether a workload belongs to a summary.
type Counts = fn(&Workload) -> bool;

/// Workloads that some allocators hand to the operating system one by one.
const LARGE: &[&str] = &["large-blocks", "zeroed-large"];

/// Measurements with all that is needed to read them.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// What was asked for.
    pub(crate) plan: &'a Plan,
    /// The rows, in the order of the cells.
    pub(crate) subjects: &'a [Subject],
    /// What came out.
    pub(crate) results: Results,
    /// The row that ratios refer to.
    pub(crate) base: &'a str,
    /// Where.
    pub(crate) machine: Machine,
}

impl<'a> Report<'a> {
    /// Measures, and prints what came out.
    pub(crate) fn measure(plan: &'a Plan, subjects: &'a [Subject], base: &'a str) -> Result<Self> {
        let report = Self {
            plan,
            subjects,
            results: measure::run(plan, subjects)?,
            base,
            machine: Machine::this(),
        };
        report.print();
        Ok(report)
    }
}

impl Report<'_> {
    /// The profiles that have rows.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = Profile> {
        let has = |&profile: &Profile| self.subjects.iter().any(|one| one.profile == profile);
        Profile::ALL.into_iter().filter(has)
    }

    /// The rows of a profile, by their place among the cells.
    pub(crate) fn of(&self, profile: Profile) -> Vec<usize> {
        let subjects = self.subjects.iter().enumerate();
        subjects
            .filter(|(_, one)| one.profile == profile)
            .map(|(s, _)| s)
            .collect()
    }

    /// The figure of a row against the base row in the same profile.
    pub(crate) fn ratio(&self, workload: usize, subject: usize) -> Option<f64> {
        let profile = self.subjects[subject].profile;
        let is_base = |one: &Subject| one.row == self.base && one.profile == profile;
        let base = self.subjects.iter().position(is_base)?;
        let cells = &self.results.cells[workload];
        Some(cells[subject].value()? / cells[base].value()?)
    }

    /// The geometric means of a row's ratios, those that exist, by heading.
    pub(crate) fn means(&self, subject: usize) -> Vec<(&'static str, Option<f64>)> {
        let of = |counts: Counts| {
            let workloads = self.plan.workloads.iter().enumerate();
            let counted = workloads.filter(move |(_, workload)| counts(workload));
            stats::geometric_mean(counted.map(|(w, _)| self.ratio(w, subject)))
        };
        SUMMARIES
            .iter()
            .map(|&(heading, counts)| (heading, of(counts)))
            .collect()
    }

    /// Returns the name of the measured quantity.
    pub(crate) fn quantity(&self) -> &'static str {
        if self.plan.instructions {
            "Instructions"
        } else {
            "Time"
        }
    }

    /// How it was measured.
    pub(crate) fn method(&self) -> String {
        match self.plan.instructions {
            true => format!(
                "exact counts by callgrind, {} % of the work",
                self.plan.scale
            ),
            false => format!("medians of {} interleaved rounds", self.plan.rounds),
        }
    }

    /// Prints the tables.
    fn print(&self) {
        for profile in self.profiles() {
            let columns = self.of(profile);
            println!(
                "\n{} against {}, {}; {}",
                self.quantity(),
                self.base,
                profile.describe(),
                self.method()
            );
            self.table(&columns, |workload, subject| {
                if self.subjects[subject].row == self.base {
                    // The base row's own figure, so that ratios can be turned back.
                    self.absolute(&self.results.cells[workload][subject])
                } else {
                    number(self.ratio(workload, subject))
                }
            });
            for (i, (heading, _)) in SUMMARIES.iter().enumerate() {
                let cells: Vec<String> = columns
                    .iter()
                    .map(|&subject| number(self.means(subject)[i].1))
                    .collect();
                if cells.iter().any(|cell| cell != "-") {
                    self.line(&columns, heading, &cells);
                }
            }
            if !self.plan.instructions {
                println!("\nSpread: half the distance between the quartiles, in per cent");
                self.table(&columns, |workload, subject| {
                    format!(
                        "{:.1}",
                        100.0 * stats::spread(&self.results.cells[workload][subject].samples)
                    )
                });
                println!("\nPeak resident memory in MiB");
                self.table(&columns, |workload, subject| {
                    let peaks = &self.results.cells[workload][subject].peaks;
                    format!("{:.1}", stats::median(peaks) / 1024.0)
                });
            }
        }
        println!();
        for line in self.machine.lines() {
            println!("{line}");
        }
    }

    /// A figure with its unit.
    fn absolute(&self, cell: &Cell) -> String {
        match (cell.value(), self.plan.instructions) {
            (None, _) => "-".to_owned(),
            (Some(value), true) => format!("{:.2} M", value / 1e6),
            (Some(value), false) => format!("{:.2} ms", value / 1e6),
        }
    }

    /// One line per workload, one column per row.
    fn table(&self, columns: &[usize], text: impl Fn(usize, usize) -> String) {
        let names: Vec<String> = columns
            .iter()
            .map(|&s| self.subjects[s].row.clone())
            .collect();
        self.line(columns, "", &names);
        for (w, workload) in self.plan.workloads.iter().enumerate() {
            let cells: Vec<String> = columns.iter().map(|&s| text(w, s)).collect();
            self.line(columns, &workload.name, &cells);
        }
    }

    fn line(&self, columns: &[usize], heading: &str, cells: &[String]) {
        print!("{heading:22}");
        for (&subject, cell) in columns.iter().zip(cells) {
            let width = self.subjects[subject].row.len().max(9) + 2;
            print!("{cell:>width$}");
        }
        println!();
    }

    /// Everything, for programs.
    pub(crate) fn json(&self, absent: &[String]) -> Result<String> {
        let rows: Vec<Value> = (0..self.subjects.len()).map(|s| self.row_json(s)).collect();
        let value = json!({
            "machine": self.machine.json(),
            // With one thread the nanoseconds are those on a processor.
            "quantity": if self.plan.instructions { "instructions" } else { "nanoseconds" },
            "rounds": if self.plan.instructions { 1 } else { self.plan.rounds },
            "scale": self.plan.scale,
            "environment": self.plan.environment,
            "base": self.base,
            "rows": rows,
            "absent": absent,
            "failures": self.results.failures,
        });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    fn row_json(&self, subject: usize) -> Value {
        let workloads: Vec<Value> = (self
            .plan
            .workloads
            .iter()
            .zip(&self.results.cells)
            .enumerate())
        .map(|(w, (workload, cells))| {
            let cell = &cells[subject];
            json!({
                "name": workload.name,
                "group": workload.group,
                "checksum": cell.checksum,
                "value": cell.value(),
                "ratio": self.ratio(w, subject),
                "samples": cell.samples,
                "peak_kib": cell.peaks,
            })
        })
        .collect();
        let means: serde_json::Map<String, Value> = self
            .means(subject)
            .into_iter()
            .map(|(heading, mean)| (heading.trim_start_matches("- ").to_owned(), json!(mean)))
            .collect();
        let Subject { row, profile, .. } = &self.subjects[subject];
        json!({
            "row": row,
            "profile": profile.to_string(),
            "geometric_means": means,
            "workloads": workloads,
        })
    }
}

/// A ratio, or a dash where there is none.
fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
