//! Connections of strangers, from as many addresses as a flood needs.

use crate::{PATIENCE, Serve};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The n-th attacker's address: the whole of 127.0.0.0/8 is this machine.
pub fn attacker(number: usize) -> IpAddr {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 7, high, low).into()
}

/// A connection to `serve` from that address.
pub async fn connect(serve: &Serve, from: IpAddr) -> TcpStream {
    let to: SocketAddr = serve.url.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    timeout(PATIENCE, socket.connect(to)).await.expect("no connection in time").unwrap()
}

/// Lets this process hold the attackers' connections.
pub fn allow_descriptors(number: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < number) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(number), maximum }).unwrap();
    }
}
