//! In which order the engine performs what waits for it.
//!
//! It performs one operation at a time. Some read hundreds of items at once, for work that goes on behind: the stream's
//! publisher and the refresh of a report's copy. If a request that somebody waits for came after all of those that are there
//! already, it would wait for thousands of items. So it goes first, but a part of the turns is theirs.
//!
//! Must stay true: everything has its turn, and those of one lane keep their order.

use std::collections::VecDeque;

/// Operations that read many items at once.
const LARGE: [&str; 3] = ["BatchGetItem", "GetRecords", "Scan"];
/// After so many of the others, one of them has its turn.
const IN_A_ROW: u32 = 8;

/// Whether an operation reads many items at once.
pub(super) fn is_large(operation: &str) -> bool {
    LARGE.contains(&operation)
}

/// What waits, in two lanes.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    first: VecDeque<T>,
    large: VecDeque<T>,
    /// How many were taken from the first while the other waited.
    in_a_row: u32,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { first: VecDeque::new(), large: VecDeque::new(), in_a_row: 0 }
    }
}

impl<T> Lanes<T> {
    pub(super) fn push(&mut self, is_large: bool, job: T) {
        match is_large {
            true => self.large.push_back(job),
            false => self.first.push_back(job),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.large.is_empty()
    }

    /// The next.
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.in_a_row < IN_A_ROW
            && let Some(job) = self.first.pop_front()
        {
            self.in_a_row = if self.large.is_empty() { 0 } else { self.in_a_row + 1 };
            return Some(job);
        }
        self.in_a_row = 0;
        self.large.pop_front().or_else(|| self.first.pop_front())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_does_not_wait_for_all_that_read_much_and_neither_starves() {
        let mut lanes = Lanes::default();
        for number in 0..3 {
            lanes.push(is_large("GetRecords"), format!("large {number}"));
        }
        for number in 0..20 {
            lanes.push(is_large("PutItem"), format!("small {number}"));
        }
        let order: Vec<String> = std::iter::from_fn(|| lanes.pop()).collect();
        let place = |name: &str| order.iter().position(|one| one == name);
        assert_eq!(order.len(), 23);
        assert_eq!(["large 0", "large 1", "large 2"].map(place), [Some(8), Some(17), Some(22)]);
        assert_eq!(["small 0", "small 8", "small 19"].map(place), [Some(0), Some(9), Some(21)]);
    }

    #[test]
    fn what_comes_alone_comes_at_once() {
        let mut lanes = Lanes::default();
        lanes.push(is_large("Scan"), 1);
        assert_eq!((lanes.pop(), lanes.pop()), (Some(1), None));
        for number in 0..20 {
            lanes.push(false, number);
            assert_eq!(lanes.pop(), Some(number));
        }
        lanes.push(is_large("BatchGetItem"), 20);
        lanes.push(is_large("GetItem"), 21);
        assert_eq!((lanes.pop(), lanes.pop()), (Some(21), Some(20)));
    }
}
