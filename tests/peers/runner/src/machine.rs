//! Describes the conditions of a figure: the machine, the tools and the date.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// The machine that measured. A fact that can't be found out is "unknown".
#[derive(Debug)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    system: String,
    rustc: String,
    cc: String,
    /// The day, in UTC.
    date: String,
}

impl Machine {
    /// Asks this machine.
    pub(crate) fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        Self {
            cpu: model
                .map_or("unknown", |text| text.trim_start_matches([' ', '\t', ':']))
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: first_line("uname", &["-srm"]),
            rustc: first_line("rustc", &["-V"]),
            cc: first_line("cc", &["--version"]),
            date: first_line("date", &["-u", "+%Y-%m-%d"]),
        }
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> [String; 2] {
        let Self {
            cpu,
            cores,
            system,
            rustc,
            cc,
            date,
        } = self;
        [
            format!("{date} · {cpu} · {cores} cores · {system}"),
            format!("{rustc} · C: {cc}"),
        ]
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "system": self.system,
            "rustc": self.rustc,
            "cc": self.cc,
            "date": self.date,
        })
    }
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or("unknown").to_owned()
}
