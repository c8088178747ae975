//! A short run of what `bulkhead chaos` does at length: every fault on every process under every workload.

use std::time::Duration;

use harness::chaos::fault::Fault;
use harness::chaos::workload::Workload;
use harness::chaos::{self, PROCESSES, Settings};
use harness::random::Random;

/// Everything twice, four workloads at once: pauses are nobody's business here, and a hang that has to be found takes its
/// time, which others can use.
pub fn everything() -> anyhow::Result<()> {
    let settings = Settings {
        seed: Random::printed("chaos").number(),
        limit: Duration::from_secs(420),
        faults: 2,
        workloads: Workload::ALL.to_vec(),
        at_once: 4,
        kinds: Fault::ALL.to_vec(),
        processes: PROCESSES.to_vec(),
        // Each has a case of its own.
        crash_points: 0,
        trace: false,
    };
    let report = chaos::run(&settings, &|line| println!("{line}"));
    anyhow::ensure!(report.is_flawless(), "{}", report.text());
    let kinds: usize =
        PROCESSES.iter().map(|whom| Fault::ALL.iter().filter(|kind| kind.suits(whom)).count()).sum();
    let cells = report.cells.iter().filter(|cell| cell.faults > 0).count();
    anyhow::ensure!(cells == kinds * Workload::ALL.len(), "only {cells} cells in time:\n{}", report.text());
    Ok(())
}
