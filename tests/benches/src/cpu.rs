//! Processor time, user and system, as Linux counts it: in ticks of ten milliseconds.

use crate::BoxError;
use std::collections::BTreeMap;

/// The kernel's unit of processor time, in milliseconds.
const TICK_MS: u64 = 10;

/// Milliseconds of a process since it began, with those of threads that have ended.
///
/// # Errors
/// When there is no such process.
pub fn of_process(process: u32) -> Result<u64, BoxError> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, spent) = read(&stat).ok_or("the kernel's line is unknown")?;
    Ok(spent)
}

/// Milliseconds of a process's threads, by their names.
///
/// # Errors
/// When there is no such process.
pub fn of_threads(process: u32) -> Result<BTreeMap<String, u64>, BoxError> {
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // It may have ended meanwhile.
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
        if let Some((name, spent)) = read(&stat) {
            *by_name.entry(name.to_owned()).or_default() += spent;
        }
    }
    Ok(by_name)
}

/// The name and the milliseconds of a process or a thread.
fn read(stat: &str) -> Option<(&str, u64)> {
    // The name is in brackets and may have spaces; user and system time are the twelfth and thirteenth field after.
    let (front, fields) = stat.rsplit_once(')')?;
    let (_, name) = front.split_once('(')?;
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Some((name, ticks.sum::<u64>() * TICK_MS))
}
