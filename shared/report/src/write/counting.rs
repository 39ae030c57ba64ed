//! Counting what is written. A first load counts on a thread of its own, beside the one that makes rows: counting is a third
//! of the work.
//!
//! Must stay true: what was counted is part of the [totals](Counting::totals) whenever somebody asks for them.

use crate::error::{Error, Result};
use crate::write::app_sums::CountedSession;
use crate::write::load::Load;
use crate::write::totals::{Counted, Device, Failed, Totals};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Counts that are passed on together.
const TOGETHER: usize = 256;
/// Such portions that wait to be counted.
const WAITING: usize = 4;

const INTERRUPTED: Error = Error::BuiltIn("the thread that counts");

/// One thing that counts.
enum Count {
    Attempt(Counted),
    Failure(Failed),
    Device(Device),
    Session(CountedSession),
}

/// Totals, and where they are counted.
pub(crate) struct Counting {
    totals: Totals,
    beside: Option<Beside>,
}

/// A thread that counts.
struct Beside {
    send: SyncSender<Vec<Count>>,
    waiting: Vec<Count>,
    thread: JoinHandle<Result<Totals>>,
}

impl Counting {
    /// Counts on a thread of its own while the load keeps rows.
    pub(crate) fn new(load: &Load) -> Result<Self> {
        let beside = load.is_open().then(|| Beside::start(load.folder().to_owned())).transpose()?;
        Ok(Self { totals: Totals::new(), beside })
    }

    /// Counts an attempt in.
    pub(crate) fn attempt(&mut self, attempt: Counted) -> Result<()> {
        self.count(Count::Attempt(attempt))
    }

    /// Counts a failure in, an attempt's apart from the attempt.
    pub(crate) fn failure(&mut self, failure: Failed) -> Result<()> {
        self.count(Count::Failure(failure))
    }

    /// Counts a device in.
    pub(crate) fn device(&mut self, device: Device) -> Result<()> {
        self.count(Count::Device(device))
    }

    /// Counts a session in.
    pub(crate) fn session(&mut self, session: CountedSession) -> Result<()> {
        self.count(Count::Session(session))
    }

    fn count(&mut self, count: Count) -> Result<()> {
        let Some(beside) = &mut self.beside else {
            count.into(&mut self.totals);
            return Ok(());
        };
        beside.waiting.push(count);
        if beside.waiting.len() < TOGETHER {
            return Ok(());
        }
        let together = std::mem::replace(&mut beside.waiting, Vec::with_capacity(TOGETHER));
        if beside.send.send(together).is_ok() {
            return Ok(());
        }
        // It gave up: this says why.
        self.totals().and(Err(INTERRUPTED))
    }

    /// The totals, with all that was counted. From then on it is counted on the caller's thread.
    ///
    /// # Errors
    /// If the thread that counted could not keep what is too much for memory.
    pub(crate) fn totals(&mut self) -> Result<&mut Totals> {
        if let Some(Beside { send, waiting, thread }) = self.beside.take() {
            let _gave_up = send.send(waiting);
            drop(send);
            self.totals = thread.join().map_err(|_| INTERRUPTED)??;
        }
        Ok(&mut self.totals)
    }

    /// Writes the changes if there are many, and nobody else does.
    pub(crate) fn bound(&mut self, conn: &rusqlite::Connection) -> Result<()> {
        match self.beside.is_none() && self.totals.is_full() {
            true => self.totals.flush(conn),
            false => Ok(()),
        }
    }
}

impl Beside {
    fn start(folder: PathBuf) -> Result<Self> {
        let (send, counts) = sync_channel(WAITING);
        let thread =
            std::thread::Builder::new().name("report-counts".to_owned()).spawn(move || run(&counts, &folder))?;
        Ok(Self { send, waiting: Vec::with_capacity(TOGETHER), thread })
    }
}

fn run(counts: &Receiver<Vec<Count>>, folder: &std::path::Path) -> Result<Totals> {
    let mut totals = Totals::new();
    for together in counts {
        together.into_iter().for_each(|count| count.into(&mut totals));
        if totals.is_full() {
            totals.spill(folder)?;
        }
    }
    Ok(totals)
}

impl Count {
    fn into(self, totals: &mut Totals) {
        match self {
            Self::Attempt(attempt) => totals.attempt(&attempt, 1),
            Self::Failure(failure) => totals.failure(failure, 1),
            Self::Device(device) => totals.device(device, 1),
            Self::Session(session) => totals.session(&session, 1),
        }
    }
}
