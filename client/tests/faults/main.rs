//! Every case of the testkit's fault server, judged over each net: blocking, tokio, nested, and scripted where a script
//! can say what the peer does.
//!
//! A test for each case and net, named `theme::case::net`; over the nested net a test plays all cases of a theme, since
//! what most of them cost is the process that a runner starts for each. Judged are the outcome of each request, the time
//! that it took, the memory that it took, and how many connections the peer saw; in memory, outcome and connections. The
//! last request of each case is honest: whatever was wrong before, it must be answered, and by its own answer.

mod judge;
mod real;
mod scripted;

use entreat_testkit::faults;
use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for case in faults::all() {
        let name = |net| format!("{}::{}::{net}", case.theme, case.name);
        let (blocking, tokio) = (case.clone(), case.clone());
        trials.push(Trial::test(name("blocking"), move || real::blocking(&blocking)));
        trials.push(Trial::test(name("tokio"), move || real::tokio(&tokio)));
        if let Some(scripts) = scripted::scripts(&case) {
            trials.push(Trial::test(name("scripted"), move || scripted::run(&case, scripts)));
        }
    }
    #[cfg(unix)]
    for theme in faults::all().chunk_by(|one, next| one.theme == next.theme) {
        let (name, cases) = (format!("{}::nested", theme[0].theme), theme.to_vec());
        trials.push(Trial::test(name, move || real::nested(&cases)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
