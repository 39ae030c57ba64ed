//! Floods of strangers at `serve`: connections, slow heads and bodies, large bodies, refused requests. None of them ends
//! it, shuts others out, or takes memory and log without a limit.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use vestibule_program_tests::strangers::{allow_descriptors, attacker, connect};
use vestibule_program_tests::{Answer, Client, Folder, PATIENCE, Serve, enrollment, now};

/// Everything that the server still sends, until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut may end with a reset.
    let _end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

fn post_head(body: &str) -> String {
    format!("POST /hooks/contoso/enrollment-events HTTP/1.1\r\nhost: vestibule\r\n{body}\r\n\r\n")
}

#[tokio::test]
async fn two_thousand_idle_connections_shut_nobody_out() {
    allow_descriptors(4_096);
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let before = serve.descriptors();
    let mut idle = Vec::new();
    for number in 0..2_000 {
        // Of a hundred addresses, and then of one.
        idle.push(connect(&serve, attacker(if number < 1_000 { number / 10 } else { 200 })).await);
    }
    let api = Client::new(&serve.url, &contoso.admin);
    let asked = timeout(Duration::from_secs(5), api.get("/api/tenant")).await;
    assert_eq!(asked.expect("shut out").status, 200);
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    serve.sender(&contoso).post(&event).await.ok(202);
    let held = serve.descriptors() - before;
    assert!(held <= 1_000 + 50, "{held} descriptors are held");
    drop(idle);
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn a_lack_of_descriptors_does_not_end_it() {
    let folder = Folder::new();
    let serve = folder.serve();
    let few = u64::try_from(serve.descriptors()).unwrap() + 8;
    let process = Pid::from_raw(serve.id().cast_signed());
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    prlimit(process, Resource::Nofile, Rlimit { current: Some(few), maximum }).unwrap();
    let mut idle = Vec::new();
    for number in 0..60 {
        idle.push(connect(&serve, attacker(number)).await);
    }
    // This one waits behind the others, of which one after another gives way.
    let answer = timeout(PATIENCE, Client::new(&serve.url, "").get("/openapi.json")).await;
    assert_eq!(answer.expect("no answer").status, 200);
    drop(idle);
    assert_eq!(Client::new(&serve.url, "").get("/openapi.json").await.status, 200);
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off() {
    let folder = Folder::new();
    let serve = folder.serve_by(&["--head-timeout", "1", "--body-timeout", "1"]);
    let mut silent = connect(&serve, attacker(0)).await;
    let mut head = connect(&serve, attacker(0)).await;
    head.write_all(b"GET / HTTP/1.1\r\nhost: vesti").await.unwrap();
    let mut body = connect(&serve, attacker(0)).await;
    body.write_all(post_head("content-length: 1000").as_bytes()).await.unwrap();
    // What drips in does not extend the time.
    let (mut answer, mut dripping) = body.split();
    let mut sent = 0;
    let drip = async {
        while dripping.write_all(b"x").await.is_ok() {
            sent += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut read = Vec::new();
    tokio::select! {
        ended = answer.read_to_end(&mut read) => drop(ended),
        () = drip => {}
        () = tokio::time::sleep(PATIENCE) => panic!("the body is still read"),
    }
    let read = String::from_utf8_lossy(&read).into_owned();
    assert!(read.starts_with("HTTP/1.1 408 ") && read.contains("application/problem+json"), "{read}");
    assert_eq!((rest(&mut silent).await, rest(&mut head).await), (String::new(), String::new()));
    let log = serve.log_file().to_owned();
    assert_eq!(serve.terminate().code(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    // Who sent nothing at all was only idle.
    assert!(log.contains("slow_heads=1 slow_bodies=1 "), "{log}");
}

/// Sends a body of `size` bytes with that head, whatever the server says, and returns the answer.
async fn send_body(serve: &Serve, from: IpAddr, head: &str, chunked: bool, size: usize) -> String {
    let stream = connect(serve, from).await;
    let (mut answer, mut body) = stream.into_split();
    let head = post_head(head);
    let sending = tokio::spawn(async move {
        let block = vec![b'x'; 1 << 16];
        let mut sent = body.write_all(head.as_bytes()).await;
        for _ in 0..size / block.len() {
            if chunked && sent.is_ok() {
                sent = body.write_all(format!("{:x}\r\n", block.len()).as_bytes()).await;
            }
            if sent.is_ok() {
                sent = body.write_all(&block).await;
            }
            if chunked && sent.is_ok() {
                sent = body.write_all(b"\r\n").await;
            }
        }
        if chunked && sent.is_ok() {
            let _ended = body.write_all(b"0\r\n\r\n").await;
        }
        body
    });
    let mut read = vec![0; 4_096];
    let length = timeout(PATIENCE, answer.read(&mut read)).await.expect("no answer").unwrap_or(0);
    sending.abort();
    String::from_utf8_lossy(&read[..length]).into_owned()
}

#[tokio::test]
async fn large_bodies_of_strangers_take_no_memory() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve();
    Client::new(&serve.url, "").get("/openapi.json").await.ok(200);
    let before = serve.memory_kib("VmHWM") / 1_024;
    const SIZE: usize = 10 << 20;
    let announced = format!("content-length: {SIZE}");
    let all = (0..100).map(|number| {
        let chunked = number % 2 == 0;
        let head = if chunked { "transfer-encoding: chunked" } else { &announced };
        send_body(&serve, attacker(number), head, chunked, SIZE)
    });
    for answer in futures::future::join_all(all).await {
        assert!(answer.starts_with("HTTP/1.1 413 ") || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    let grown = serve.memory_kib("VmHWM") / 1_024 - before;
    assert!(grown < 128, "{grown} MiB for bodies of strangers");
}

#[tokio::test]
async fn bodies_that_wait_for_their_end_share_a_limited_memory() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve_by(&["--body-timeout", "300"]);
    let before = serve.memory_kib("VmHWM") / 1_024;
    let (whole, mut waiting) = (vec![b'x'; 1 << 20], Vec::new());
    for number in 0..200 {
        let mut stream = connect(&serve, attacker(number)).await;
        stream.write_all(post_head("content-length: 1048576").as_bytes()).await.unwrap();
        // All but the last byte.
        timeout(PATIENCE, stream.write_all(&whole[1..])).await.expect("the server reads no more").unwrap();
        waiting.push(stream);
    }
    let grown = serve.memory_kib("VmHWM") / 1_024 - before;
    let mut refused = 0;
    for stream in &mut waiting {
        stream.write_all(b"x").await.unwrap();
        let mut status = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut status)).await.expect("no answer").unwrap();
        match &status {
            b"HTTP/1.1 503" => refused += 1,
            status => assert_eq!(status, b"HTTP/1.1 401"),
        }
    }
    assert!((100..=140).contains(&refused) && grown < 160, "{grown} MiB, {refused} refused");
    drop(waiting);
    // The memory is free again for a sender with a signature.
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    vestibule_program_tests::eventually("memory is free", async || {
        (serve.sender(&contoso).post(&event).await.status == 202).then_some(())
    })
    .await;
}

/// A client at another address of this machine.
async fn get_from(from: IpAddr, serve: &Serve, path: &str, forwarded_for: &str) -> Answer {
    let client = reqwest::Client::builder().local_address(from).build().unwrap();
    let request = client.get(format!("{}{path}", serve.url)).bearer_auth("vst_contoso_wrong");
    Answer::of(request.header("x-forwarded-for", forwarded_for).send().await.unwrap()).await
}

#[tokio::test]
async fn an_address_may_be_refused_so_often_and_the_log_has_the_sum() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve_by(&["--refusals-a-minute", "20"]);
    let mut statuses = Vec::new();
    for number in 0..60 {
        // The header of a client that is no proxy makes no other address of it.
        let answer = get_from(attacker(0), &serve, "/api/tenant", &format!("203.0.113.{number}")).await;
        if answer.status == 429 {
            answer.problem(429);
            assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().is_ok_and(|after| after <= 3));
        }
        statuses.push(answer.status);
    }
    let refused = statuses.iter().filter(|status| **status == 401).count();
    // One more is left every three seconds.
    assert!(statuses[..20].iter().all(|status| *status == 401) && refused < 40, "{statuses:?}");
    for path in ["/nothing", "/hooks/nobody/enrollment-events"] {
        assert_eq!(get_from(attacker(0), &serve, path, "203.0.113.9").await.status, 429, "{path}");
    }
    // Others are served.
    assert_eq!(Client::new(&serve.url, &contoso.admin).get("/api/tenant").await.status, 200);
    let wrong = serve.sender(&contoso).with_secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    for _ in 0..30 {
        let status = wrong.post(&json!([])).await.status;
        assert!(status == 401 || status == 429, "{status}");
    }
    let log = serve.log_file().to_owned();
    assert_eq!(serve.terminate().code(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let sums: Vec<&str> = log.lines().filter(|line| line.contains("refused since")).collect();
    assert!((1..=2).contains(&sums.len()) && sums[0].contains("unauthenticated="), "{log}");
    assert!(!log.contains("127.7.") && !log.contains("203.0.113."), "{log}");
    // The sums, and which sender's signature was wrong.
    assert!(log.lines().count() <= 4, "{log}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_of_its_clients_is_counted() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve_by(&["--trusted-proxy", "127.7.0.0/16", "--refusals-a-minute", "5"]);
    let proxy = attacker(0);
    for _ in 0..5 {
        assert_eq!(get_from(proxy, &serve, "/api/tenant", "203.0.113.1").await.status, 401);
    }
    assert_eq!(get_from(proxy, &serve, "/api/tenant", "203.0.113.1").await.status, 429);
    // What a client wrote before its proxy did changes nothing.
    assert_eq!(get_from(proxy, &serve, "/api/tenant", "203.0.113.2, 203.0.113.1").await.status, 429);
    assert_eq!(get_from(proxy, &serve, "/api/tenant", "203.0.113.2").await.status, 401);
    assert_eq!(get_from("127.0.0.1".parse().unwrap(), &serve, "/api/tenant", "203.0.113.1").await.status, 401);
    let mistyped = folder.fails(&["serve", "--trusted-proxy", "proxy.example"]);
    assert!(mistyped.contains("address or a network"), "{mistyped}");
}
