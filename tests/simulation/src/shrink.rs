//! Shrinks a failing run to few steps that fail in the same way: first it leaves out steps, then what happens in them,
//! then faults.

use crate::plan::{Plan, What};
use crate::run::{Violation, run};
use std::time::{Duration, Instant};

/// Shrinks a failing run for at most this long.
pub fn shrink(plan: &Plan, violation: &Violation, within: Duration) -> (Plan, Violation) {
    let mut shrinking = Shrinking { best: plan.clone(), violation: violation.clone(), until: Instant::now() + within };
    loop {
        let before = shrinking.size();
        shrinking.leave_out_steps();
        shrinking.leave_out_acts();
        shrinking.leave_out_events();
        shrinking.calm_down();
        if shrinking.size() == before || shrinking.is_late() {
            return (shrinking.best, shrinking.violation);
        }
    }
}

struct Shrinking {
    best: Plan,
    violation: Violation,
    until: Instant,
}

impl Shrinking {
    fn is_late(&self) -> bool {
        Instant::now() > self.until
    }

    fn size(&self) -> usize {
        let acts = self.best.steps.iter().flat_map(|step| &step.acts);
        let of_act = |act: &crate::plan::Act| {
            let events = if let What::Send { events, .. } = &act.what { events.len() } else { 0 };
            2 + events + usize::from(act.dies_after.is_some())
        };
        let skews = self.best.machines.iter().filter(|(_, skew)| *skew != 0).count();
        let wild = self.best.steps.iter().filter(|step| !step.calm).count();
        acts.map(of_act).sum::<usize>() + skews + wild + usize::from(self.best.permille > 0)
    }

    /// Takes a smaller run if it fails in the same way.
    fn offer(&mut self, smaller: Plan) -> bool {
        if self.is_late() {
            return false;
        }
        match run(&smaller, false).violation {
            Some(violation) if violation.check == self.violation.check => {
                self.best = smaller;
                self.violation = violation;
                true
            }
            _ => false,
        }
    }

    fn leave_out_steps(&mut self) {
        let mut width = self.best.steps.len().div_ceil(2);
        while width > 0 {
            let mut from = 0;
            while from < self.best.steps.len() {
                let mut smaller = self.best.clone();
                let to = (from + width).min(smaller.steps.len());
                smaller.steps.drain(from..to);
                if !self.offer(smaller) {
                    from += width;
                }
            }
            width /= 2;
        }
    }

    fn leave_out_acts(&mut self) {
        for step in 0..self.best.steps.len() {
            let mut act = 0;
            while act < self.best.steps[step].acts.len() {
                let mut smaller = self.best.clone();
                smaller.steps[step].acts.remove(act);
                if self.best.steps[step].acts.len() < 2 || !self.offer(smaller) {
                    act += 1;
                }
            }
            for act in 0..self.best.steps[step].acts.len() {
                if self.best.steps[step].acts[act].dies_after.is_some() {
                    let mut smaller = self.best.clone();
                    smaller.steps[step].acts[act].dies_after = None;
                    self.offer(smaller);
                }
            }
        }
    }

    fn leave_out_events(&mut self) {
        for step in 0..self.best.steps.len() {
            for act in 0..self.best.steps[step].acts.len() {
                let count = |plan: &Plan| match &plan.steps[step].acts[act].what {
                    What::Send { events, .. } => events.len(),
                    _ => 0,
                };
                let mut width = count(&self.best) / 2;
                while width > 0 {
                    let mut from = 0;
                    while from < count(&self.best) && count(&self.best) > 1 {
                        let mut smaller = self.best.clone();
                        if let What::Send { events, .. } = &mut smaller.steps[step].acts[act].what {
                            let to = (from + width).min(events.len());
                            events.drain(from..to);
                        }
                        if count(&smaller) == 0 || !self.offer(smaller) {
                            from += width;
                        }
                    }
                    width /= 2;
                }
            }
        }
    }

    fn calm_down(&mut self) {
        if self.best.permille > 0 {
            self.offer(Plan { permille: 0, ..self.best.clone() });
        }
        for machine in 0..self.best.machines.len() {
            if self.best.machines[machine].1 != 0 {
                let mut smaller = self.best.clone();
                smaller.machines[machine].1 = 0;
                self.offer(smaller);
            }
        }
        for step in 0..self.best.steps.len() {
            if !self.best.steps[step].calm {
                let mut smaller = self.best.clone();
                smaller.steps[step].calm = true;
                self.offer(smaller);
            }
        }
    }
}
