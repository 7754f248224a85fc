//! Checks a preset of `startup_options!` in a program that uses it.

use std::env;

use mimalloc::Option;

/// Holds the values that a preset sets. Sizes are bytes.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name in the macro.
    pub name: &'static str,
    /// The options as the preset sets them.
    pub options: &'static [(&'static str, usize)],
    /// An option behind the preset, and its value.
    pub overridden: (&'static str, usize),
}

impl Preset {
    /// Checks that the preset and what stands behind it are set, that the
    /// environment wins, and that the documentation has the values.
    pub fn check(self) {
        if env::args().nth(1).as_deref() == Some("child") {
            for (name, _) in self.options {
                println!("{}", value(option(name)));
            }
            return;
        }
        let (name, expected) = self.overridden;
        assert_eq!(value(option(name)), expected, "{name}");
        self.is_set();
        self.environment_wins();
        self.is_documented();
        println!("ok");
    }

    /// Returns the options that the linked library has, and their values.
    fn expected(self) -> impl Iterator<Item = (Option, usize)> {
        let overridden = self.overridden;
        let options = self.options.iter().map(move |&(name, value)| {
            let is_overridden = name == overridden.0;
            (
                option(name),
                if is_overridden { overridden.1 } else { value },
            )
        });
        options.filter(|(option, _)| option.is_supported())
    }

    fn is_set(self) {
        for (option, expected) in self.expected() {
            assert_eq!(value(option), expected, "{}", option.name());
        }
    }

    fn environment_wins(self) {
        // Old libraries know some variables by other names.
        if cfg!(mimalloc_other_version) {
            return;
        }
        for (option, expected) in self.expected() {
            let (text, wanted) = if option.unit().is_size() {
                ("3M", 3 << 20)
            } else {
                ("1", 1)
            };
            let mut child = crate::this_program();
            child.arg("child").env(option.env_name(), text);
            let output = child.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let values: Vec<usize> = String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(|line| line.parse().unwrap())
                .collect();
            let place = self.options.iter().position(|o| o.0 == option.name());
            assert_ne!(wanted, expected, "the test would prove nothing");
            assert_eq!(values[place.unwrap()], wanted, "{}", option.name());
        }
    }

    fn is_documented(self) {
        let page = include_str!("../../mimalloc/docs/memory.md");
        let options: Vec<String> = self
            .options
            .iter()
            .map(|&(name, value)| format!("`{name} = {}`", constant(option(name), value)))
            .collect();
        let row = format!("| `{}` | {} | {} |", self.name, ENGINE, options.join(", "));
        assert!(page.contains(&row), "docs/memory.md lacks: {row}");
    }
}

const ENGINE: &str = if cfg!(mimalloc_v3) { "v3" } else { "v2" };

fn option(name: &str) -> Option {
    Option::from_name(name).expect("the engine has the option")
}

fn value(option: Option) -> usize {
    if option.unit().is_size() {
        option.get_size()
    } else {
        usize::try_from(option.get()).unwrap()
    }
}

/// Returns a value as one would write it in `startup_options!`.
fn constant(option: Option, value: usize) -> String {
    const MIB: usize = 1 << 20;
    const GIB: usize = 1 << 30;

    match value {
        GIB => "GiB".to_owned(),
        _ if option.unit().is_size() => format!("{} * MiB", value / MIB),
        _ => value.to_string(),
    }
}
