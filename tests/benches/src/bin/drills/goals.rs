//! Figures and goals, printed as they come.

use std::process::ExitCode;

/// The goals that were missed so far.
#[derive(Debug, Default)]
pub(crate) struct Goals {
    drill: String,
    missed: Vec<String>,
}

impl Goals {
    /// Begins a drill.
    pub(crate) fn begin(&mut self, drill: &str) {
        drill.clone_into(&mut self.drill);
        println!("{drill}");
    }

    /// Prints a figure that has no goal.
    pub(crate) fn note(&self, figure: &str) {
        println!("         {figure}");
    }

    /// Prints a goal, whether it is met, and the figure.
    pub(crate) fn must(&mut self, goal: &str, is_met: bool, figure: &str) {
        println!("  {:<6} {goal}: {figure}", if is_met { "ok" } else { "MISSED" });
        if !is_met {
            self.missed.push(format!("{}: {goal}: {figure}", self.drill));
        }
    }

    /// Says which goals were missed.
    pub(crate) fn end(self) -> ExitCode {
        if self.missed.is_empty() {
            println!("All goals are met.");
            return ExitCode::SUCCESS;
        }
        println!("{} goals are missed:", self.missed.len());
        for missed in &self.missed {
            println!("  {missed}");
        }
        ExitCode::FAILURE
    }
}
