//! The connections that are open, and which of them gives way when there are too many.
//!
//! A newcomer is always let in as long as somebody waits or still sends a body: the one that has done so for longest is
//! cut. So who opens connections and leaves them idle shuts nobody out. Must stay true: a request whose function runs,
//! or whose answer is being sent, is never cut for another's sake; and a burst of newcomers never holds more descriptors
//! than there are places, but for [`SPARE`].

use crate::front::client::Counted;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Connections that may be there beyond those that have a place: newcomers, and those that were cut and have not ended
/// yet.
const SPARE: usize = 32;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It waits for the head of a request.
    Waiting,
    /// It sends the body of a request.
    Receiving,
    /// A function runs, or the answer is being sent.
    Answering,
}

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    most_of_address: usize,
    open: Mutex<Open>,
    descriptors: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Open {
    /// Numbers connections and their changes of stage, in order.
    next: u64,
    by_id: HashMap<u64, Connection>,
    by_address: HashMap<Counted, usize>,
}

#[derive(Debug)]
struct Connection {
    /// `None` if its address has no limit.
    address: Option<Counted>,
    stage: Stage,
    /// When it came to this stage.
    since: u64,
    /// Dropped when it must end.
    _cut: oneshot::Sender<()>,
}

/// What became of the wish to open a connection.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Its place, unless all others are being answered.
    pub(crate) place: Option<(Place, oneshot::Receiver<()>)>,
    /// Whether another one was cut for it.
    pub(crate) has_cut: bool,
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    all: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(most: usize, most_of_address: usize) -> Arc<Self> {
        let descriptors = Arc::new(Semaphore::new(most.saturating_add(SPARE).min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { most, most_of_address, open: Mutex::default(), descriptors })
    }

    /// Waits until one more connection may be accepted; it keeps this until its descriptor is closed.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed, so there is always a permit in the end.
        Arc::clone(&self.descriptors).acquire_owned().await.ok()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Each change completes before anything can panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a place to a connection from `address`, `None` for an address without a limit. The receiver ends when the
    /// connection must end.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<Counted>) -> Admitted {
        let mut open = self.open();
        let mut has_cut = false;
        let of_address = address.and_then(|address| open.by_address.get(&address)).copied().unwrap_or(0);
        if address.is_some() && of_address >= self.most_of_address {
            has_cut = open.cut_oldest(|one| one.address == address);
            if !has_cut {
                return Admitted { place: None, has_cut };
            }
        }
        if open.by_id.len() >= self.most {
            let made_room = open.cut_oldest(|_| true);
            has_cut |= made_room;
            if !made_room {
                return Admitted { place: None, has_cut };
            }
        }
        let (cut, until) = oneshot::channel();
        let id = open.next();
        open.by_id.insert(id, Connection { address, stage: Stage::Waiting, since: id, _cut: cut });
        if let Some(address) = address {
            *open.by_address.entry(address).or_default() += 1;
        }
        Admitted { place: Some((Place { id, all: Arc::clone(self) }, until)), has_cut }
    }

    /// Cuts the connection that has waited for longest, because there is no descriptor left.
    pub(crate) fn cut_oldest(&self) -> bool {
        self.open().cut_oldest(|_| true)
    }
}

impl Open {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Cuts the one that has waited for longest among those that fit; if none waits, the one that has sent a body for
    /// longest.
    fn cut_oldest(&mut self, fits: impl Fn(&Connection) -> bool) -> bool {
        let may = self.by_id.iter().filter(|(_, one)| one.stage < Stage::Answering && fits(one));
        let oldest = may.min_by_key(|(_, one)| (one.stage, one.since)).map(|(id, _)| *id);
        oldest.is_some_and(|id| self.remove(id))
    }

    fn remove(&mut self, id: u64) -> bool {
        let Some(Connection { address, .. }) = self.by_id.remove(&id) else { return false };
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
        true
    }
}

impl Place {
    /// Notes what the connection does now.
    pub(crate) fn is_now(&self, stage: Stage) {
        let mut open = self.all.open();
        let since = open.next();
        if let Some(connection) = open.by_id.get_mut(&self.id) {
            (connection.stage, connection.since) = (stage, since);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.open().remove(self.id);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    type Held = (Place, oneshot::Receiver<()>);

    fn from(text: &str) -> Option<Counted> {
        Some(Counted::from(text.parse::<IpAddr>().unwrap()))
    }

    fn is_cut((_, until): &mut Held) -> bool {
        matches!(until.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    #[test]
    fn the_one_that_waits_for_longest_gives_way() {
        let all = Connections::new(3, 3);
        let mut held: Vec<Held> =
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|one| all.admit(from(one)).place.unwrap()).into();
        // The first one is answered and waits again; so the second one has waited for longest.
        held[0].0.is_now(Stage::Answering);
        held[0].0.is_now(Stage::Waiting);
        let admitted = all.admit(from("10.0.0.4"));
        assert!(admitted.has_cut && admitted.place.is_some());
        assert_eq!(held.iter_mut().map(is_cut).collect::<Vec<_>>(), [false, true, false]);
        // Those who send a body come after those who wait, and those who are answered stay.
        held[0].0.is_now(Stage::Receiving);
        held[2].0.is_now(Stage::Answering);
        let (fourth, _until) = admitted.place.unwrap();
        fourth.is_now(Stage::Answering);
        assert!(all.admit(from("10.0.0.5")).has_cut);
        assert_eq!(held.iter_mut().map(is_cut).collect::<Vec<_>>(), [true, true, false]);
        let fifth = all.admit(from("10.0.0.5")).place.unwrap();
        fifth.0.is_now(Stage::Answering);
        let none = all.admit(from("10.0.0.6"));
        assert!(none.place.is_none() && !none.has_cut);
        // A place that was given back is free.
        drop(fifth);
        assert!(all.admit(from("10.0.0.6")).place.is_some());
    }

    #[tokio::test]
    async fn a_burst_waits_until_those_that_were_cut_have_ended() {
        let all = Connections::new(2, 2);
        let mut held = Vec::new();
        for _ in 0..2 + SPARE {
            held.push(all.room().await.unwrap());
        }
        let mut next = std::pin::pin!(all.room());
        assert!(futures::poll!(&mut next).is_pending());
        drop(held.pop());
        assert!(futures::poll!(&mut next).is_ready());
    }

    #[test]
    fn an_address_takes_no_more_than_its_part() {
        let all = Connections::new(10, 2);
        let mut theirs: Vec<Held> = (0..2).map(|_| all.admit(from("10.0.0.1")).place.unwrap()).collect();
        let mut other = all.admit(from("10.0.0.2")).place.unwrap();
        let third = all.admit(from("10.0.0.1"));
        assert!(third.has_cut);
        assert_eq!(theirs.iter_mut().map(is_cut).collect::<Vec<_>>(), [true, false], "their own oldest gives way");
        assert!(!is_cut(&mut other));
        let (third, _until) = third.place.unwrap();
        third.is_now(Stage::Answering);
        theirs[1].0.is_now(Stage::Answering);
        assert!(all.admit(from("10.0.0.1")).place.is_none(), "all of theirs are being answered");
        // A trusted proxy has no limit of its own.
        let proxy: Vec<Held> = (0..5).map(|_| all.admit(None).place.unwrap()).collect();
        drop((theirs, other, third, proxy));
        let open = all.open();
        assert!(open.by_id.is_empty() && open.by_address.is_empty());
    }
}
