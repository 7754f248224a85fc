//! Unit tests of `cargo xtask ci`.

use super::*;

const NEEDS: &str = "\
[needs.there]
probe = 'true'
hint = ''
[needs.gone]
probe = 'no-such-program'
hint = 'no-such-program: apt-get install it'
[needs.rare]
probe = 'false'
hint = ''
optional = true
";

/// Returns the features of the crates that the tests of the steps turn on.
pub(crate) fn features() -> BTreeSet<String> {
    let steps = Table::load().unwrap().step;
    let lines = steps.iter().flat_map(|step| step.run.lines());
    let tests = lines.filter(|line| line.starts_with("cargo test "));
    let words = tests.flat_map(|line| line.split([' ', ',']));
    let names = words.map(|word| word.trim_start_matches("mimalloc/").to_owned());
    names.collect()
}

/// Runs the steps of a table; returns the names of those that passed, failed and
/// were skipped.
fn ran(steps: &str, jobs: usize, is_ci: bool) -> [String; 3] {
    let table = Table::parse(&format!("{NEEDS}{steps}")).unwrap();
    let results = run_all(&table, jobs, is_ci).unwrap();
    [Outcome::Passed, Outcome::Failed, Outcome::Skipped].map(|outcome| {
        let found = results.iter().filter(|(_, found, _)| *found == outcome);
        let mut names: Vec<&str> = found.map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.join(" ")
    })
}

#[test]
fn a_step_that_fails_fails() {
    let steps = "[[step]]\nname = 'good'\nrun = 'true'\nneeds = 'there'\n\
                     [[step]]\nname = 'bad'\nrun = 'false; true'\n\
                     [[step]]\nname = 'set'\nrun = 'test $A = b'\nenv = { A = 'b' }\n\
                     [[step]]\nname = 'is-{each}'\nrun = 'test {each} = x'\neach = ['x', 'y']\n\
                     [[step]]\nname = 'none'\nrun = 'no-such-program'\n";
    for jobs in [1, 3] {
        assert_eq!(
            ran(steps, jobs, true),
            ["good is-x set", "bad is-y none", ""]
        );
    }
}

#[test]
fn ci_skips_only_what_cannot_be_installed() {
    let steps = "[[step]]\nname = 'a'\nrun = 'true'\nneeds = 'gone'\n\
                     [[step]]\nname = 'b'\nrun = 'true'\nneeds = 'rare'\n";
    assert_eq!(ran(steps, 1, true), ["", "a", "b"]);
    assert_eq!(ran(steps, 1, false), ["", "", "a b"]);
}

#[test]
fn steps_of_a_directory_run_in_turn_and_the_first_before_all() {
    // Each step takes note of its beginning and its end, in a file of its directory.
    let temp = tempfile::tempdir().unwrap();
    let at = temp.path().display();
    let mut steps = String::new();
    for (name, rest) in [
        ("a1", "target = 'a'"),
        ("a2", "target = 'a'"),
        ("b1", "target = 'b'"),
        ("0", "first = true"),
    ] {
        let (lane, run) = (&name[..1], "echo begin >> $0; sleep 0.05; echo end >> $0");
        let run = run.replace("$0", &format!("{at}/{lane}"));
        let run = format!("cat {at}/? > {at}/before-{name} 2>/dev/null || true; {run}");
        steps += &format!("[[step]]\nname = '{name}'\nrun = '{run}'\n{rest}\n");
    }
    assert_eq!(ran(&steps, 3, true), ["0 a1 a2 b1", "", ""]);
    let read = |name: &str| std::fs::read_to_string(temp.path().join(name)).unwrap();
    assert_eq!(read("a"), "begin\nend\nbegin\nend\n");
    assert_eq!(read("before-0"), "");
    for name in ["before-a1", "before-b1"] {
        assert!(read(name).starts_with("begin\nend\n"), "{name}");
    }
}

#[test]
fn tables_with_unknown_or_equal_names_are_refused() {
    let step = "[[step]]\nname = 'a'\nrun = ''\n";
    let rest = ["needs = 'other'\n", "other = 1\n", step];
    for text in rest.map(|rest| format!("{step}{rest}")) {
        assert!(Table::parse(&text).is_err(), "{text}");
    }
    let table = Table::load().unwrap();
    assert!(table.step.len() > 70 && !table.needs.is_empty());
}
