//! `serve` when scripts start and stop it.

use vestibule_program_tests::{Answer, Client, Folder};

#[tokio::test]
async fn its_first_line_says_where_it_is_and_sigterm_ends_it() {
    let folder = Folder::new();
    let serve = folder.serve();
    assert!(serve.first.is_object());
    assert!(serve.url.starts_with("http://127.0.0.1:"), "{}", serve.url);
    // It is ready then: the first request is answered.
    assert_eq!(Client::new(&serve.url, "").get("/api/tenant").await.status, 401);
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn requests_under_way_are_answered_before_it_ends() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let sender = serve.sender(&contoso);
    let time = vestibule_program_tests::now();
    let posts: Vec<_> = (0..40)
        .map(|number| {
            let sender = sender.clone();
            tokio::spawn(async move {
                let event = vestibule_program_tests::enrollment(
                    &format!("e{number}"),
                    "enrollment.started",
                    time,
                    &format!("SERIAL{number:04}"),
                );
                sender.try_post(&event).await
            })
        })
        .collect();
    // Some requests are answered, some in progress, some not yet sent.
    let mut answers = Vec::new();
    let mut posts = posts.into_iter();
    answers.push(posts.next().unwrap().await.unwrap());
    let ended = tokio::task::spawn_blocking(move || serve.terminate());
    for post in posts {
        answers.push(post.await.unwrap());
    }
    assert_eq!(ended.await.unwrap().code(), Some(0));
    // Requests that were received were answered as usual, and all that was acknowledged is stored.
    let acknowledged = answers.iter().filter(|answer| **answer == Some(202)).count();
    assert!(answers.iter().flatten().all(|status| *status == 202), "{answers:?}");
    let exported = folder.json(&["export", "contoso"]);
    let kept = exported["rows"]["attempts"].as_u64().unwrap();
    assert!(kept >= acknowledged as u64, "{acknowledged} acknowledged, {kept} kept");
}

#[test]
fn a_folder_has_one_owner() {
    let folder = Folder::new();
    let first = folder.serve();
    let problem = folder.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(problem.contains("another process is using"), "{problem}");
    assert!(problem.contains(folder.data().to_str().unwrap()), "{problem}");
    // The first process goes on.
    assert_eq!(first.terminate().code(), Some(0));
}

#[test]
fn an_address_in_use_is_an_error() {
    let (folder, other) = (Folder::new(), Folder::new());
    let first = folder.serve();
    let address = first.url.trim_start_matches("http://");
    let problem = other.fails(&["serve", "--listen", address]);
    assert!(problem.contains(address) && problem.to_lowercase().contains("in use"), "{problem}");
}

#[tokio::test]
async fn what_a_serve_acknowledged_the_next_one_has() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let event =
        vestibule_program_tests::enrollment("e1", "enrollment.started", vestibule_program_tests::now(), "SERIAL0001");
    assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1);
    serve.terminate();
    let serve = folder.serve();
    let again: Answer = serve.sender(&contoso).post(&event).await;
    assert_eq!(again.ok(202)["duplicates"], 1);
    let report = Client::new(&serve.url, &contoso.admin).json("/api/reports/incomplete-enrollments").await;
    assert_eq!((report["initiated"].as_u64(), report["open"].as_u64()), (Some(1), Some(1)));
}

/// The copy that answers is then read while it is refreshed. Whoever waits long enough gets what was stored before.
#[tokio::test]
async fn questions_that_do_not_wait_for_ever_are_answered_alike() {
    let folder = Folder::new();
    let tenant = folder.add_tenant("contoso");
    let serve = folder.serve_with(&[("ANSWER_PATIENCE_MS", "600000")]);
    let (sender, api) = (serve.sender(&tenant), Client::new(&serve.url, &tenant.admin));
    for number in 1..4 {
        let time = vestibule_program_tests::now();
        let serial = format!("SERIAL{number:04}");
        let event = vestibule_program_tests::enrollment(&format!("e{number}"), "enrollment.started", time, &serial);
        assert_eq!(sender.post(&event).await.ok(202)["accepted"], 1);
        let all = ["/api/devices/enrollment-status", "/api/devices/enrollment-status"].map(|path| api.json(path));
        for answer in futures::future::join_all(all).await {
            assert_eq!(answer["inProgress"], number, "{answer}");
        }
    }
    assert_eq!(serve.terminate().code(), Some(0));
}
