//! The object store as the SDK sees it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use reqwest::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vestibule_host::s3::{ObjectStore, S3Error};
use vestibule_host::{Endpoint, Services};

const BUCKET: &str = "reports";

struct Server {
    endpoint: Endpoint,
    client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let services = Services::new().unwrap().with_files(ObjectStore::open(root).unwrap());
        let endpoint = services.endpoint(&listener).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(services.serve(listener, async {
            let _ = stopped.await;
        }));
        let client = client(&endpoint.url, endpoint.keys.credentials());
        Self { endpoint, client, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }

    async fn put(&self, key: &str, body: &[u8]) -> String {
        let put = self.client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(body.to_vec()));
        put.send().await.unwrap().e_tag.unwrap()
    }

    async fn get(&self, key: &str) -> Vec<u8> {
        let got = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }

    async fn keys(&self) -> Vec<String> {
        let listed = self.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        listed.contents().iter().map(|o| o.key().unwrap().to_owned()).collect()
    }
}

fn client(endpoint: &str, credentials: Credentials) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .region(Region::new("us-east-1"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

async fn started() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    server.client.create_bucket().bucket(BUCKET).send().await.unwrap();
    (dir, server)
}

fn status<E>(error: &SdkError<E>) -> u16 {
    error.raw_response().expect("an answer").status().as_u16()
}

fn presigning() -> PresigningConfig {
    PresigningConfig::expires_in(std::time::Duration::from_secs(60)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_twenty_conditional_writes_wins() {
    let (_dir, server) = started().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20u8 {
        let client = server.client.clone();
        tasks.spawn(async move {
            let body = ByteStream::from(vec![i; 1000]);
            (i, client.put_object().bucket(BUCKET).key("one").if_none_match("*").body(body).send().await)
        });
    }
    let mut winners = Vec::new();
    for (i, result) in tasks.join_all().await {
        match result {
            Ok(_) => winners.push(i),
            Err(error) => {
                assert_eq!(status(&error), 412);
                assert_eq!(error.code(), Some("PreconditionFailed"));
            }
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(server.get("one").await, vec![winners[0]; 1000]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_twenty_writes_of_one_version_wins() {
    let (_dir, server) = started().await;
    let first = server.put("one", b"first").await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20u8 {
        let put = server.client.put_object().bucket(BUCKET).key("one").if_match(&first);
        tasks.spawn(put.body(ByteStream::from(vec![i; 10])).send());
    }
    let won = tasks.join_all().await.into_iter().filter(|result| match result {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(status(error), 412);
            false
        }
    });
    assert_eq!(won.count(), 1);
    let missing = server.client.put_object().bucket(BUCKET).key("none").if_match(&first).send().await;
    assert_eq!(status(&missing.unwrap_err()), 404);
    server.stop().await;
}

#[tokio::test]
async fn keys_reach_only_their_own_objects() {
    let (dir, server) = started().await;
    let long = "k".repeat(1000);
    let keys = ["t1/../t2/x", "t2/x", "../../../escape", "a", "a/", "a/b", "ä & <b> %2F", "/lead", long.as_str()];
    for (i, key) in keys.iter().enumerate() {
        server.put(key, format!("object {i}").as_bytes()).await;
    }
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(server.get(key).await, format!("object {i}").into_bytes(), "{key}");
    }
    let mut sorted: Vec<_> = keys.iter().map(|k| (*k).to_owned()).collect();
    sorted.sort();
    assert_eq!(server.keys().await, sorted);
    let too_long = server.client.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await;
    assert_eq!(status(&too_long.unwrap_err()), 400);
    let mut top: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    top.sort();
    assert_eq!(top, ["buckets", "lock", "tmp", "uploads"]);
    server.stop().await;
}

#[tokio::test]
async fn ranges() {
    let (_dir, server) = started().await;
    // More than one of the reader's blocks.
    let body: Vec<u8> = (0..700_001u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    server.put("big", &body).await;
    assert_eq!(server.get("big").await, body);
    let get = |range: &'static str| {
        let get = server.client.get_object().bucket(BUCKET).key("big").range(range);
        async move { get.send().await }
    };
    for (range, content_range, span) in [
        ("bytes=5-9", "bytes 5-9/700001", 5..10),
        ("bytes=100-400099", "bytes 100-400099/700001", 100..400_100),
        ("bytes=700000-", "bytes 700000-700000/700001", 700_000..700_001),
        ("bytes=-3", "bytes 699998-700000/700001", 699_998..700_001),
        ("bytes=-9999999", "bytes 0-700000/700001", 0..700_001),
        ("bytes=0-9999999", "bytes 0-700000/700001", 0..700_001),
    ] {
        let got = get(range).await.unwrap();
        assert_eq!(got.content_range(), Some(content_range));
        assert_eq!(got.accept_ranges(), Some("bytes"));
        assert_eq!(got.content_length(), Some(i64::try_from(span.len()).unwrap()));
        assert_eq!(got.body.collect().await.unwrap().to_vec(), body[span], "{range}");
    }
    let error = get("bytes=700001-").await.unwrap_err();
    assert_eq!(status(&error), 416);
    assert_eq!(error.raw_response().unwrap().headers().get("content-range"), Some("bytes */700001"));

    server.put("empty", b"").await;
    assert!(server.get("empty").await.is_empty());
    let nothing = server.client.get_object().bucket(BUCKET).key("empty").range("bytes=-1").send().await;
    assert_eq!(status(&nothing.unwrap_err()), 416);
    server.stop().await;
}

#[tokio::test]
async fn head_and_conditional_reads() {
    let (_dir, server) = started().await;
    let put = server.client.put_object().bucket(BUCKET).key("r.csv").content_type("text/csv");
    let put = put.metadata("tenant", "t1").cache_control("no-store").body(ByteStream::from_static(b"a,b\n"));
    let tag = put.send().await.unwrap().e_tag.unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"'));

    let head = server.client.head_object().bucket(BUCKET).key("r.csv").send().await.unwrap();
    assert_eq!(head.content_length(), Some(4));
    assert_eq!(head.content_type(), Some("text/csv"));
    assert_eq!(head.cache_control(), Some("no-store"));
    assert_eq!(head.e_tag(), Some(tag.as_str()));
    assert_eq!(head.metadata().unwrap().get("tenant").unwrap(), "t1");
    assert_eq!(head.content_encoding(), None);
    assert!(head.last_modified().is_some());

    let get = || server.client.get_object().bucket(BUCKET).key("r.csv");
    assert_eq!(status(&get().if_none_match(&tag).send().await.unwrap_err()), 304);
    assert!(get().if_none_match("\"other\"").send().await.is_ok());
    assert!(get().if_match(&tag).send().await.is_ok());
    assert_eq!(status(&get().if_match("\"other\"").send().await.unwrap_err()), 412);
    let since = *head.last_modified().unwrap();
    assert_eq!(status(&get().if_modified_since(since).send().await.unwrap_err()), 304);

    let missing = server.client.head_object().bucket(BUCKET).key("none").send().await.unwrap_err();
    assert_eq!(status(&missing), 404);
    let missing = server.client.get_object().bucket(BUCKET).key("none").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchKey"));
    server.client.head_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(status(&server.client.head_bucket().bucket("absent").send().await.unwrap_err()), 404);
    let nowhere = server.client.put_object().bucket("absent").key("k").send().await.unwrap_err();
    assert_eq!(nowhere.code(), Some("NoSuchBucket"));
    let again = server.client.create_bucket().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(again.code(), Some("BucketAlreadyOwnedByYou"));
    server.stop().await;
}

#[tokio::test]
async fn presigned_links() {
    let (_dir, server) = started().await;
    server.put("t1/report.csv", b"0123456789").await;
    let shown = "attachment; filename=\"report of 1 May.csv\"";
    let get = server.client.get_object().bucket(BUCKET).key("t1/report.csv");
    let get = get.response_content_disposition(shown).response_content_type("text/csv; charset=utf-8");
    let link = get.presigned(presigning()).await.unwrap();
    let http = reqwest::Client::new();

    let got = http.get(link.uri()).send().await.unwrap();
    assert_eq!(got.status(), StatusCode::OK);
    assert_eq!(got.headers()["content-disposition"], shown);
    assert_eq!(got.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(got.headers()["accept-ranges"], "bytes");
    assert_eq!(got.bytes().await.unwrap(), "0123456789");

    let part = http.get(link.uri()).header("range", "bytes=2-4").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(part.headers()["content-disposition"], shown);
    assert_eq!(part.bytes().await.unwrap(), "234");

    let head = server.client.head_object().bucket(BUCKET).key("t1/report.csv");
    let head = head.response_content_disposition(shown).presigned(presigning()).await.unwrap();
    let head = http.head(head.uri()).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], "10");
    assert_eq!(head.headers()["content-disposition"], shown);

    // The link is not valid for another key, and a request without a signature is refused.
    let forged = link.uri().replace("report.csv", "other.csv");
    assert_eq!(http.get(forged).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let bare = format!("{}/{BUCKET}/t1/report.csv", server.endpoint.url);
    assert_eq!(http.get(bare).send().await.unwrap().status(), StatusCode::FORBIDDEN);

    let put = server.client.put_object().bucket(BUCKET).key("up").presigned(presigning()).await.unwrap();
    let sent = http.put(put.uri()).body("from a link").send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
    assert_eq!(server.get("up").await, b"from a link");
    server.stop().await;
}

/// What requests announce about the signature of their bodies.
#[derive(Clone, Debug, Default)]
struct Announced(Arc<Mutex<Vec<String>>>);

impl Intercept for Announced {
    fn name(&self) -> &'static str {
        "Announced"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request().headers().get("x-amz-content-sha256");
        self.0.lock().unwrap().extend(body.map(str::to_owned));
        Ok(())
    }
}

#[tokio::test]
async fn within_a_process_a_file_is_sent_without_signed_pieces_and_with_its_checksum() {
    let dir = tempfile::tempdir().unwrap();
    let services = Services::new().unwrap().with_files(ObjectStore::open(dir.path().join("files")).unwrap());
    let announced = Announced::default();
    let watched = services.clients().s3.config().to_builder().interceptor(announced.clone()).build();
    let client = Client::from_conf(watched);
    client.create_bucket().bucket(BUCKET).send().await.unwrap();
    let (path, content) = (dir.path().join("report"), vec![7; 300_000]);
    std::fs::write(&path, &content).unwrap();
    announced.0.lock().unwrap().clear();

    let body = ByteStream::from_path(&path).await.unwrap();
    client.put_object().bucket(BUCKET).key("whole").body(body).send().await.unwrap();
    let id = client.create_multipart_upload().bucket(BUCKET).key("parts").send().await.unwrap().upload_id.unwrap();
    let body = ByteStream::from_path(&path).await.unwrap();
    let part = client.upload_part().bucket(BUCKET).key("parts").upload_id(&id).part_number(1).body(body);
    let done = part.send().await.unwrap();
    let part = CompletedPart::builder().part_number(1).set_e_tag(done.e_tag).set_checksum_crc32(done.checksum_crc32);
    let parts = CompletedMultipartUpload::builder().parts(part.build()).build();
    let complete =
        client.complete_multipart_upload().bucket(BUCKET).key("parts").upload_id(&id).multipart_upload(parts);
    complete.send().await.unwrap();
    let pieces =
        announced.0.lock().unwrap().iter().filter(|body| body.starts_with("STREAMING")).cloned().collect::<Vec<_>>();
    assert_eq!(pieces, ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"; 2]);
    for key in ["whole", "parts"] {
        let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec(), content, "{key}");
    }
}

#[tokio::test]
async fn multipart() {
    let (dir, server) = started().await;
    let client = &server.client;
    let create = client.create_multipart_upload().bucket(BUCKET).key("big").content_type("text/csv");
    let id = create.send().await.unwrap().upload_id.unwrap();
    let bodies = [vec![7u8; 5 * 1024 * 1024], vec![9u8; 1]];
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(&bodies) {
        let part = client.upload_part().bucket(BUCKET).key("big").upload_id(&id).part_number(number);
        let done = part.body(ByteStream::from(body.clone())).send().await.unwrap();
        parts.push(CompletedPart::builder().part_number(number).e_tag(done.e_tag.unwrap()).build());
    }
    let complete = |id: &str, parts: Vec<CompletedPart>| {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        client.complete_multipart_upload().bucket(BUCKET).key("big").upload_id(id).multipart_upload(parts)
    };
    assert!(server.keys().await.is_empty());
    let wrong = vec![CompletedPart::builder().part_number(1).e_tag("\"other\"").build()];
    assert_eq!(complete(&id, wrong).send().await.unwrap_err().code(), Some("InvalidPart"));
    let reversed = parts.iter().rev().cloned().collect();
    assert_eq!(complete(&id, reversed).send().await.unwrap_err().code(), Some("InvalidPartOrder"));

    let tag = complete(&id, parts.clone()).send().await.unwrap().e_tag.unwrap();
    assert!(tag.ends_with("-2\""));
    let head = client.head_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/csv"));
    assert_eq!(head.e_tag(), Some(tag.as_str()));
    assert_eq!(server.get("big").await, bodies.concat());
    assert_eq!(complete(&id, parts).send().await.unwrap_err().code(), Some("NoSuchUpload"));

    let create = client.create_multipart_upload().bucket(BUCKET).key("gone");
    let id = create.send().await.unwrap().upload_id.unwrap();
    let other = client.upload_part().bucket(BUCKET).key("other").upload_id(&id).part_number(1).send().await;
    assert_eq!(other.unwrap_err().code(), Some("NoSuchUpload"));
    let outside = client.abort_multipart_upload().bucket(BUCKET).key("gone").upload_id("../buckets").send().await;
    assert_eq!(outside.unwrap_err().code(), Some("NoSuchUpload"));
    client.abort_multipart_upload().bucket(BUCKET).key("gone").upload_id(&id).send().await.unwrap();
    assert_eq!(server.keys().await, ["big"]);
    server.stop().await;
    for folder in ["uploads", "tmp"] {
        assert_eq!(std::fs::read_dir(dir.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[tokio::test]
async fn listing() {
    let (_dir, server) = started().await;
    let keys = ["a/1", "a/2", "a/3", "b/1", "c"];
    for key in keys {
        server.put(key, key.as_bytes()).await;
    }
    let list = || server.client.list_objects_v2().bucket(BUCKET);

    let mut seen = Vec::new();
    let mut pages = 0;
    let mut token = None;
    loop {
        let page = list().max_keys(2).set_continuation_token(token).send().await.unwrap();
        pages += 1;
        assert!(page.contents().len() <= 2);
        assert_eq!(page.key_count(), Some(i32::try_from(page.contents().len()).unwrap()));
        seen.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, keys);
    assert_eq!(pages, 3);

    let found = list().prefix("a/").start_after("a/1").send().await.unwrap();
    let found: Vec<_> = found.contents().iter().map(|o| (o.key().unwrap(), o.size().unwrap())).collect();
    assert_eq!(found, [("a/2", 3), ("a/3", 3)]);

    let first = list().delimiter("/").max_keys(1).send().await.unwrap();
    assert_eq!(first.common_prefixes()[0].prefix(), Some("a/"));
    let rest = list().delimiter("/").continuation_token(first.next_continuation_token().unwrap());
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.common_prefixes()[0].prefix(), Some("b/"));
    assert_eq!(rest.contents()[0].key(), Some("c"));
    assert_eq!(rest.is_truncated(), Some(false));

    assert_eq!(status(&list().continuation_token("?").send().await.unwrap_err()), 400);
    server.stop().await;
}

#[tokio::test]
async fn delete() {
    let (_dir, server) = started().await;
    server.put("a", b"1").await;
    server.put("b", b"2").await;
    server.client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    server.client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(server.keys().await, ["b"]);
    assert_eq!(status(&server.client.get_object().bucket(BUCKET).key("a").send().await.unwrap_err()), 404);
    let put = server.client.put_object().bucket(BUCKET).key("a").if_none_match("*");
    put.body(ByteStream::from_static(b"3")).send().await.unwrap();
    assert_eq!(server.get("a").await, b"3");
    server.stop().await;
}

#[tokio::test]
async fn data_outlives_the_server_and_leftovers_do_not() {
    let (dir, server) = started().await;
    server.put("kept", b"data").await;
    assert!(matches!(ObjectStore::open(dir.path()), Err(S3Error::InUse(_))));
    server.stop().await;

    // What a killed process leaves behind: half a file, half a bucket.
    let tmp = dir.path().join("tmp");
    std::fs::write(tmp.join("half"), b"VSTOBJ1\n\0\0").unwrap();
    std::fs::create_dir(tmp.join("bucket")).unwrap();

    let server = Server::start(dir.path()).await;
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
    assert_eq!(server.keys().await, ["kept"]);
    assert_eq!(server.get("kept").await, b"data");
    std::fs::write(tmp.join("now"), b"VSTOBJ1\n").unwrap();
    assert_eq!(server.keys().await, ["kept"]);
    let put = server.client.put_object().bucket(BUCKET).key("kept").if_none_match("*").send().await;
    assert_eq!(status(&put.unwrap_err()), 412);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_what_was_announced_leaves_nothing() {
    let (dir, server) = started().await;
    let put = server.client.put_object().bucket(BUCKET).key("bad").checksum_sha256("AAAA");
    let error = put.body(ByteStream::from_static(b"data")).send().await.unwrap_err();
    assert_eq!(status(&error), 400);
    let put = server.client.put_object().bucket(BUCKET).key("bad").content_md5("AAAAAAAAAAAAAAAAAAAAAA==");
    let error = put.body(ByteStream::from_static(b"data")).send().await.unwrap_err();
    assert_eq!(error.code(), Some("BadDigest"));
    assert!(server.keys().await.is_empty());
    server.stop().await;
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let (_dir, server) = started().await;
    let known = server.endpoint.keys.credentials();
    let guess = Credentials::new(known.access_key_id(), "guess", None, None, "test");
    let stranger = client(&server.endpoint.url, guess);
    let put = stranger.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(status(&put.unwrap_err()), 403);
    let get = stranger.list_objects_v2().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(get.code(), Some("SignatureDoesNotMatch"));
    assert!(server.keys().await.is_empty());
    server.stop().await;
}

/// Cuts, flips and replaces the file of an object: it counts as lost, and is written anew as if it had been.
#[tokio::test]
async fn a_damaged_file_is_no_object_and_is_written_anew() {
    let (dir, server) = started().await;
    server.put("other", b"unharmed").await;
    let folder = dir.path().join("buckets").join(BUCKET);
    let file_of = |key: &str| {
        let folders = std::fs::read_dir(&folder).unwrap().map(|folder| folder.unwrap().path());
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
        let has_key = |file: &std::path::PathBuf| {
            String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains(&format!("\"key\":\"{key}\""))
        };
        files.into_iter().find(has_key).unwrap()
    };
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage); 6] = [
        ("cut in the body", |bytes| bytes[..bytes.len() - 3].to_vec()),
        ("cut in the header", |bytes| bytes[..40].to_vec()),
        ("cut to nothing", |_| Vec::new()),
        ("a flipped bit of the magic", |bytes| [&[bytes[0] ^ 1], &bytes[1..]].concat()),
        ("a flipped bit of the header's length", |bytes| [&bytes[..8], &[bytes[8] ^ 0x40], &bytes[9..]].concat()),
        ("a flipped bit of the header", |bytes| [&bytes[..12], &[bytes[12] ^ 1], &bytes[13..]].concat()),
    ];
    for (what, damage) in damages {
        server.put("one", b"as it was published").await;
        let file = file_of("one");
        std::fs::write(&file, damage(std::fs::read(&file).unwrap())).unwrap();
        let get = server.client.get_object().bucket(BUCKET).key("one").send().await.unwrap_err();
        assert_eq!((status(&get), get.code()), (404, Some("NoSuchKey")), "{what}");
        assert_eq!(server.keys().await, ["other"], "{what}");
        let put = server.client.put_object().bucket(BUCKET).key("one").if_none_match("*");
        put.body(ByteStream::from_static(b"written anew")).send().await.unwrap();
        assert_eq!(server.get("one").await, b"written anew", "{what}");
    }
    assert_eq!(std::fs::read_dir(dir.path().join("damaged")).unwrap().count(), damages.len(), "for whoever looks");
    server.stop().await;
}

#[tokio::test]
async fn a_conditional_upload_meets_other_writers() {
    let (dir, server) = started().await;
    let client = &server.client;
    let begin = || async {
        let created = client.create_multipart_upload().bucket(BUCKET).key("one").send().await.unwrap();
        let id = created.upload_id.unwrap();
        let part = client.upload_part().bucket(BUCKET).key("one").upload_id(&id).part_number(1);
        let done = part.body(ByteStream::from_static(b"parts")).send().await.unwrap();
        assert!(done.checksum_crc32.is_some(), "the verified checksum is repeated");
        let part =
            CompletedPart::builder().part_number(1).set_e_tag(done.e_tag).set_checksum_crc32(done.checksum_crc32);
        (id, CompletedMultipartUpload::builder().parts(part.build()).build())
    };
    let complete = |(id, parts): (String, CompletedMultipartUpload)| {
        let complete = client.complete_multipart_upload().bucket(BUCKET).key("one").upload_id(id);
        complete.multipart_upload(parts).if_none_match("*").send()
    };
    let delete = || client.delete_object().bucket(BUCKET).key("one").send();

    // Another writer was faster.
    let upload = begin().await;
    server.put("one", b"first").await;
    assert_eq!(complete(upload.clone()).await.unwrap_err().code(), Some("PreconditionFailed"));
    // It is removed again: S3 cannot know which came first, and requires a new upload.
    delete().await.unwrap();
    let error = complete(upload).await.unwrap_err();
    assert_eq!((status(&error), error.code()), (409, Some("ConditionalRequestConflict")));
    complete(begin().await).await.unwrap();
    assert_eq!(server.get("one").await, b"parts");

    // A removal before the write, or of another object, does not matter.
    delete().await.unwrap();
    let upload = begin().await;
    server.put("two", b"two").await;
    client.delete_object().bucket(BUCKET).key("two").send().await.unwrap();
    complete(upload).await.unwrap();

    // Unfinished uploads are removed after a day.
    let (old, _) = begin().await;
    let (new, _) = begin().await;
    server.stop().await;
    let uploads = dir.path().join("uploads");
    let aged = std::fs::File::open(uploads.join(&old)).unwrap();
    aged.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(90_000)).unwrap();
    ObjectStore::open(dir.path()).unwrap();
    assert!(!uploads.join(old).exists() && uploads.join(new).exists());
}

/// The HTTP server would keep a date until the clock has passed it. After the clock was set back, the SDK would take that
/// for the right time, and each of its requests would be refused as too far ahead.
#[tokio::test]
async fn an_answer_has_no_date_for_which_a_client_would_sign() {
    let (_dir, server) = started().await;
    for path in ["", "/reports", "/reports/none"] {
        let answer = reqwest::get(format!("{}{path}", server.endpoint.url)).await.unwrap();
        assert!(!answer.headers().contains_key("date"), "{path}: {:?}", answer.headers());
    }
    server.stop().await;
}
