//! A key of KMS on this machine: it makes data keys and opens them again, for the same encryption context alone.
//!
//! What it takes and answers is KMS's own protocol, as far as a vault speaks it. An encrypted data key is the key's name,
//! a nonce, and the data key sealed under the key for its context.

use crate::requests::{Reading, Request};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand::fill;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Its name.
pub const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";
const NONCE: usize = 12;

/// The service. Its threads end when it is dropped.
#[derive(Debug)]
pub struct Kms {
    /// Its address.
    pub url: String,
    here: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    key: RandomizedNonceKey,
    calls: AtomicUsize,
    /// The type of the error that it answers instead, with the status.
    fails: Mutex<Option<(u16, &'static str)>>,
    is_over: AtomicBool,
}

impl Kms {
    /// Starts it with a new key.
    pub fn start() -> Self {
        let mut bytes = [0; 32];
        fill(&mut bytes).unwrap();
        let inner = Arc::new(Inner {
            key: RandomizedNonceKey::new(&AES_256_GCM, &bytes).unwrap(),
            calls: AtomicUsize::new(0),
            fails: Mutex::new(None),
            is_over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let here = listener.local_addr().unwrap();
        let serves = Arc::clone(&inner);
        thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                if serves.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let serves = Arc::clone(&serves);
                // Who disconnects does not matter.
                thread::spawn(move || serves.answer(&caller).is_ok());
            }
        });
        Self { url: format!("http://{here}"), here, inner }
    }

    /// What the SDK needs to reach it.
    pub fn sdk(&self) -> SdkConfig {
        sdk_at(&self.url, "test")
    }

    /// How many calls it has answered.
    pub fn calls(&self) -> usize {
        self.inner.calls.load(Ordering::SeqCst)
    }

    /// From now on it answers every call with this error, or again as usual.
    pub fn fail(&self, with: Option<(u16, &'static str)>) {
        *self.inner.fails.lock().unwrap() = with;
    }
}

/// What the SDK needs to reach services of this machine, with `keys` both as its access key and as its secret.
pub fn sdk_at(url: &str, keys: &str) -> SdkConfig {
    sdk_as(url, (keys, keys, None))
}

/// The same with an access key, its secret, and the token of a session.
pub fn sdk_as(url: &str, (key, secret, token): (&str, &str, Option<String>)) -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(Credentials::new(key, secret, token, None, "tests"));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        // No pauses between tries in tests.
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build()
}

impl Drop for Kms {
    fn drop(&mut self) {
        self.inner.is_over.store(true, Ordering::SeqCst);
        let _wakes_the_listener = TcpStream::connect(self.here);
    }
}

impl Inner {
    fn answer(&self, caller: &TcpStream) -> std::io::Result<()> {
        caller.set_nodelay(true)?;
        let (mut from, mut back, mut bytes, mut reading) = (caller, caller, vec![0; 16 << 10], Reading::default());
        loop {
            let read = from.read(&mut bytes)?;
            if read == 0 {
                return Ok(());
            }
            for request in reading.take(&bytes[..read]) {
                self.calls.fetch_add(1, Ordering::SeqCst);
                let (status, body) = match self.judged(&request) {
                    Ok(body) => (200, body),
                    Err((status, kind)) => (status, json!({"__type": kind, "message": kind})),
                };
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} Answer\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                back.write_all((head + &body).as_bytes())?;
            }
        }
    }

    fn judged(&self, request: &Request) -> Result<Value, (u16, &'static str)> {
        if let Some(fails) = *self.fails.lock().unwrap() {
            return Err(fails);
        }
        if request.signed_by().is_none_or(|(_, service)| service != "kms") {
            return Err((403, "IncompleteSignatureException"));
        }
        let call: Value = serde_json::from_slice(&request.body).map_err(|_| (400, "SerializationException"))?;
        // An object's members are in the order of their names.
        let context = call["EncryptionContext"].to_string();
        match request.headers.get("x-amz-target").map(String::as_str) {
            Some("TrentService.GenerateDataKey") => {
                if call["KeyId"] != KEY {
                    return Err((400, "NotFoundException"));
                }
                assert_eq!(call["KeySpec"], "AES_256");
                let mut clear = vec![0; 32];
                fill(&mut clear).unwrap();
                let mut sealed = clear.clone();
                let nonce = self.key.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut sealed).unwrap();
                let blob = [KEY.as_bytes(), nonce.as_ref(), &sealed].concat();
                Ok(json!({"KeyId": KEY, "Plaintext": STANDARD.encode(clear), "CiphertextBlob": STANDARD.encode(blob)}))
            }
            Some("TrentService.Decrypt") => {
                let opened = || {
                    let blob = STANDARD.decode(call["CiphertextBlob"].as_str()?).ok()?;
                    let (nonce, sealed) = blob.strip_prefix(KEY.as_bytes())?.split_at_checked(NONCE)?;
                    let (nonce, mut sealed) = (Nonce::try_assume_unique_for_key(nonce).ok()?, sealed.to_vec());
                    let clear = self.key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut sealed).ok()?;
                    Some(json!({"KeyId": KEY, "Plaintext": STANDARD.encode(clear)}))
                };
                opened().ok_or((400, "InvalidCiphertextException"))
            }
            _ => Err((400, "UnknownOperationException")),
        }
    }
}
