//! How much a run may look at: whoever ends erasures has other work too, and a request must be answered.

/// How much a run may look at.
pub struct LookBudget<'b> {
    left: usize,
    has_time: &'b (dyn Fn() -> bool + Send + Sync),
}

impl std::fmt::Debug for LookBudget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookBudget").field("left", &self.left).finish_non_exhaustive()
    }
}

fn always() -> bool {
    true
}

impl<'b> LookBudget<'b> {
    /// At most so many enrollments, as long as `has_time` says so. A run looks at some at least.
    pub const fn new(enrollments: usize, has_time: &'b (dyn Fn() -> bool + Send + Sync)) -> Self {
        Self { left: enrollments, has_time }
    }

    /// Everything, however long it takes.
    pub const fn unlimited() -> Self {
        Self::new(usize::MAX, &always)
    }

    /// How many enrollments it has left.
    pub const fn left(&self) -> usize {
        self.left
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == 0 || !(self.has_time)()
    }

    /// How many enrollments the next part has, of which one has at most `most`.
    pub(super) fn part(&self, most: usize) -> usize {
        self.left.clamp(1, most)
    }

    /// A part of it: at most so many enrollments, as long as there is time.
    pub(super) fn share(&self, most: usize) -> Self {
        Self { left: self.left.min(most), has_time: self.has_time }
    }

    /// So many were looked at. There may be more than it had left: a part that was begun is ended.
    pub(super) const fn spend(&mut self, enrollments: usize) {
        self.left = self.left.saturating_sub(enrollments);
    }
}
