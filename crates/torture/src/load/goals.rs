//! What the program wants to reach, beside what was measured. A goal that is missed is shown as missed; nothing fails by it,
//! because absolute times belong to a machine (the goals were set for two cores with the load beside the server).

use super::browser::Measured;
use super::pages::Kind;

/// With so many clients a page has to reach its goals.
const CLIENTS: usize = 16;
/// Milliseconds within which 95 of 100 answers come.
const PAGE: f64 = 20.0;
const SEARCH: f64 = 50.0;
/// Lists and records, answers a second.
const PER_SECOND: f64 = 1000.0;
/// Times what the bare engine takes for the same statements.
const OVER_BARE: f64 = 3.0;
/// Times what a tenth of the data takes.
const OVER_TENTH: f64 = 1.5;

pub const START_MS: f64 = 300.0;
pub const IDLE_MB: f64 = 100.0;
/// For a million rows of CSV.
pub const IMPORT_SECONDS: f64 = 120.0;
pub const IMPORT_MB: f64 = 256.0;

/// `met` or `missed (goal 300 ms)`.
pub fn judged(value: f64, most: f64, unit: &str) -> String {
    if value <= most { "met".into() } else { format!("missed (goal {most} {unit})") }
}

/// What a page missed, in a few words; `met`, or nothing where no goal was set.
pub fn of_page(kind: Kind, clients: usize, measured: &Measured, bare: Option<&Measured>) -> String {
    let mut missed = Vec::new();
    let mut asked = false;
    let mut expect = |is_met: bool, name: String| {
        asked = true;
        if !is_met {
            missed.push(name);
        }
    };
    if clients == CLIENTS {
        let most = if kind == Kind::Search { SEARCH } else { PAGE };
        expect(measured.percentile(95) * 1000.0 < most, format!("p95 {most} ms"));
        if matches!(kind, Kind::List | Kind::Record) {
            expect(measured.per_second() >= PER_SECOND, format!("{PER_SECOND}/s"));
        }
    }
    if let Some(bare) = bare {
        expect(measured.percentile(50) <= OVER_BARE * bare.percentile(50), format!("{OVER_BARE} × bare"));
    }
    match (asked, missed.is_empty()) {
        (false, _) => String::new(),
        (true, true) => "met".into(),
        (true, false) => format!("missed {}", missed.join(", ")),
    }
}

/// How much more the same page takes than with a tenth of the data.
pub fn beside_tenth(now: f64, tenth: f64) -> String {
    format!("{:.1} × a tenth, {}", now / tenth, judged(now / tenth, OVER_TENTH, "×"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn measured(ms: u64, answers: usize, seconds: u64) -> Measured {
        let mut measured = Measured::default();
        (0..answers).for_each(|_| measured.add(Duration::from_millis(ms), 0));
        measured.took = Duration::from_secs(seconds);
        measured
    }

    #[test]
    fn a_goal_is_met_or_named() {
        let (quick, slow) = (measured(10, 5000, 5), measured(30, 500, 5));
        assert_eq!(of_page(Kind::List, 16, &quick, Some(&quick)), "met");
        assert_eq!(of_page(Kind::List, 16, &slow, None), "missed p95 20 ms, 1000/s");
        assert_eq!(of_page(Kind::Search, 16, &slow, None), "met");
        assert_eq!(of_page(Kind::Other, 1, &slow, None), "");
        assert_eq!(of_page(Kind::Other, 1, &measured(31, 9, 1), Some(&quick)), "missed 3 × bare");
        assert_eq!(judged(301.0, START_MS, "ms"), "missed (goal 300 ms)");
        assert_eq!(beside_tenth(3.0, 2.0), "1.5 × a tenth, met");
    }
}
