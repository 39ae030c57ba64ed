//! A script that sets up a Mac and posts when it begins and when it is done: CloudEvents in a few lines of shell.
//!
//! Any tool that runs scripts in a set-up (DEPNotify, Baseline, Octory, …) can call it. Every Mac holds the secret, so
//! this sender has one of its own, and nothing else can be posted with it.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, native, sample};
use crate::proof::Proof;
use vestibule_domain::event::Kind;

/// The `source` of the events that the printed script posts.
pub const SOURCE: &str = "setup-script";

/// The sender. The script marks the compliance it reports as assumed, because it cannot know it.
pub static SENDER: Sender = Sender {
    name: "script",
    title: "A script that sets a Mac up",
    proofs: &[Proof::HmacHex("x-hub-signature-256")],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    reports: Reports {
        starts: true,
        steps: false,
        stops: false,
        failures: false,
        ends: true,
        compliance: false,
        removals: false,
        clock: Clock::Device,
    },
    besides: &[],
    tags: SenderTags::Any,
    source: None,
    settings: r##"#!/bin/bash
# "vestibule.sh started" is the first thing that a set-up runs, "vestibule.sh enrolled" the last.
url='{url}'
secret='{secret}'
serial=$(ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatformSerialNumber" = "\(.*\)".*/\1/p')
time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
event() {
  printf '{"specversion":"1.0","id":"%s","source":"setup-script","type":"enrollment.%s","time":"%s",' \
    "$serial-$1-$time" "$1" "$time"
  printf '"data":{"device":{"serialNumber":"%s"},"platform":"macos"%s}}' "$serial" "$2"
}
body="[$(event "$1")]"
[ "$1" = enrolled ] && body="[$(event enrolled),$(event compliant ',"assumed":true')]"
signature=$(printf %s "$body" | openssl dgst -sha256 -hmac "$secret" | sed 's/.*= *//')
curl --silent --show-error --fail --max-time 20 --retry 5 "$url" --data-binary "$body" \
  --header 'content-type: application/json' --header "x-hub-signature-256: sha256=$signature""##,
    files: &[],
    samples: &[
        sample!("script-enrolled.json", Becomes::Event(Kind::Enrolled)),
        sample!("script-started.json", Becomes::Event(Kind::Started)),
        native::PLACEHOLDER,
    ],
    read: native::read,
};
