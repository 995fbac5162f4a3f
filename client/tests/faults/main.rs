//! Every case of the testkit's fault server, judged over each net: blocking, tokio, nested, and scripted where a script
//! can say what the peer does.
//!
//! A test plays all cases of a theme over one net, since what most of them cost is the process that a runner starts for
//! each; `ENTREAT_CASE=name` picks those whose names contain that. Judged are the outcome of each request, the time
//! that it took, the memory that it took, and how many connections the peer saw; in memory, outcome and connections. The
//! last request of each case is honest: whatever was wrong before, it must be answered, and by its own answer.

mod judge;
mod real;
mod scripted;

use entreat_testkit::faults::{self, Case};
use libtest_mimic::{Arguments, Failed, Trial};

/// What judges a case over one net.
type Judge = fn(&Case) -> Result<(), Failed>;

const NETS: &[(&str, Judge)] = &[
    ("blocking", real::blocking),
    ("tokio", real::tokio),
    #[cfg(unix)]
    ("nested", real::nested),
    ("scripted", scripted::judge),
];

fn main() {
    let arguments = Arguments::from_args();
    let picked = std::env::var("ENTREAT_CASE").unwrap_or_default();
    let cases: Vec<_> = faults::all().into_iter().filter(|case| case.name.contains(&picked)).collect();
    let mut trials = Vec::new();
    for theme in cases.chunk_by(|one, next| one.theme == next.theme) {
        for (net, judge) in NETS {
            let (name, cases) = (format!("{}::{net}", theme[0].theme), theme.to_vec());
            trials.push(Trial::test(name, move || all_of(&cases, *judge)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Plays one case after the other; what is wrong with each of them is told.
fn all_of(cases: &[Case], judge: Judge) -> Result<(), Failed> {
    let failures: Vec<_> = cases
        .iter()
        .filter_map(|case| judge(case).err().map(|why| (case, why)))
        .map(|(case, why)| format!("{}: {}", case.name, why.message().unwrap_or("failed")))
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}
