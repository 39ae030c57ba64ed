//! A way to a service on which what is asked is written down. What passes is not changed.

use crate::calls::Asked;
use crate::requests::Reading;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Calls by the access key that signed them.
type Log = Arc<Mutex<BTreeSet<(String, Asked)>>>;

/// The way. Its threads end when it is dropped and the connections over it are closed.
#[derive(Debug)]
pub struct Wire {
    /// Its address.
    pub url: String,
    log: Log,
    here: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Wire {
    /// A way to the service at `url`, which is that of a port of this machine.
    pub fn before(url: &str) -> Self {
        let to: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let here = listener.local_addr().unwrap();
        let (log, is_over) = (Log::default(), Arc::new(AtomicBool::new(false)));
        let (keep, ends) = (Arc::clone(&log), Arc::clone(&is_over));
        thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let keep = Arc::clone(&keep);
                // Who disconnects does not matter.
                thread::spawn(move || pass_on(&caller, to, &keep).is_ok());
            }
        });
        Self { url: format!("http://{here}"), log, here, is_over }
    }

    /// What was asked so far, by access key.
    pub fn asked(&self) -> BTreeSet<(String, Asked)> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _wakes_the_listener = TcpStream::connect(self.here);
    }
}

fn pass_on(caller: &TcpStream, to: SocketAddr, log: &Log) -> std::io::Result<()> {
    let service = TcpStream::connect(to)?;
    caller.set_nodelay(true)?;
    service.set_nodelay(true)?;
    let (mut answers, mut back) = (service.try_clone()?, caller.try_clone()?);
    thread::spawn(move || {
        let _ended = std::io::copy(&mut answers, &mut back);
        let _ended = back.shutdown(Shutdown::Both);
    });
    let (mut from, mut onward, mut bytes, mut reading) = (caller, &service, vec![0; 64 << 10], Reading::default());
    loop {
        let read = from.read(&mut bytes)?;
        if read == 0 {
            return service.shutdown(Shutdown::Both);
        }
        // Before it is passed on: whoever has its answer finds the call in the log.
        for request in reading.take(&bytes[..read]) {
            let key = request.signed_by().map_or("", |(key, _)| key).to_owned();
            log.lock().unwrap().extend(Asked::of(&request).into_iter().map(|asked| (key.clone(), asked)));
        }
        onward.write_all(&bytes[..read])?;
    }
}
