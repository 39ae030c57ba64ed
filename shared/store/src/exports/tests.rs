//! Tests leases, back-off and requests, by instants alone.

use super::*;
use crate::content::{CONTENT, VERSION, read};
use crate::item::{item_key, n, s};
use ExportReason::{Asked, Nightly, Operator};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000) + Millis::from_minutes(minutes)
}

fn leased(minutes: i64) -> TakenExport {
    TakenExport::Leased { as_of: at(minutes) }
}

#[test]
fn of_two_exporters_one_has_the_lease_until_it_ends_it_or_dies() {
    let mut exports = Exports::default();
    assert_eq!(exports.take("a", at(0), Nightly, at(0)), leased(0));
    let under_way = TakenExport::UnderWay { as_of: at(0), until: at(16) };
    for reason in [Nightly, Asked, Operator] {
        assert_eq!(exports.take("b", at(1), reason, at(1)), under_way);
    }
    assert_eq!(exports.take("a", at(0), Nightly, at(2)), leased(0), "its holder may ask again");
    assert_eq!(exports.finish("a", at(0), at(3)), None);
    assert_eq!(exports.take("b", at(4), Nightly, at(4)), leased(4), "ended: the next may begin");

    // Its holder died: that is a failure, and the lease is free once the tenant is no longer skipped.
    assert!(!exports.may_begin(at(19)));
    assert_eq!(exports.take("c", at(21), Nightly, at(21)), TakenExport::LeftAlone { until: at(35) });
    assert_eq!(exports.take("c", at(22), Operator, at(22)), leased(22), "an operator may at once");
    assert_eq!(exports.take("d", at(22), Asked, at(22)), TakenExport::UnderWay { as_of: at(22), until: at(38) });
    assert_eq!(exports.take("c", at(23), Operator, at(23)), leased(23), "and repeat the command that was broken off");
    exports.fail("b", at(23));
    assert_eq!(
        exports.lease.as_ref().map(|lease| lease.owner.as_str()),
        Some("c"),
        "a run that lost the lease ends nothing"
    );
    exports.fail("c", at(24));
    assert_eq!((exports.failures, exports.not_before), (2, Some(at(54))));
}

#[test]
fn a_tenant_that_always_fails_is_tried_ever_more_rarely() {
    let mut exports = Exports::default();
    let mut tries = Vec::new();
    // The tick looks each quarter of an hour for two weeks, and each try dies at its time limit.
    for tick in 0..14 * 96 {
        let now = at(15 * tick);
        if exports.may_begin(now) {
            let owner = format!("o{tick}");
            assert_eq!(exports.take(&owner, now, Nightly, now), leased(15 * tick));
            tries.push(tick);
        }
    }
    let on_day = |day: i64| tries.iter().filter(|tick| **tick / 96 == day).count();
    // Seven times within the doubling quarters of an hour, and then once a day.
    assert_eq!(on_day(0), 7, "{tries:?}");
    assert!((2..14).all(|day| on_day(day) <= 1), "{tries:?}");
    assert!((2..13).all(|day| on_day(day) + on_day(day + 1) >= 1), "it never stops trying: {tries:?}");

    // A success resets all of it.
    assert_eq!(exports.take("last", at(1), Operator, at(40_000)), leased(1));
    exports.finish("last", at(1), at(40_001));
    assert_eq!(exports, Exports::default());
}

#[test]
fn a_request_is_tried_once_a_quarter_of_an_hour() {
    let mut exports = Exports::default();
    for minutes in [0, 15, 30, 45] {
        exports.take("n", at(minutes), Operator, at(minutes));
        exports.fail("n", at(minutes));
    }
    let until = at(45 + 120);
    assert_eq!(exports.take("a", at(46), Nightly, at(46)), TakenExport::LeftAlone { until });
    assert_eq!(exports.take("a", at(46), Asked, at(46)), leased(46));
    exports.fail("a", at(47));
    let until = at(47 + 240);
    assert_eq!(exports.take("b", at(60), Asked, at(60)), TakenExport::LeftAlone { until });
    assert_eq!(exports.take("b", at(61), Asked, at(61)), leased(61));
}

#[test]
fn two_equal_requests_are_one() {
    let mut exports = Exports::default();
    let first = exports.ask(at(0), false);
    assert_eq!((first.pending.as_of, first.send), (at(0), true));
    assert_eq!(exports.ask(at(1), false), AskedExport { send: false, ..first });
    // Lost on its way: the tick finds it, and a person's new request sends it again.
    assert_eq!(exports.forgotten(at(2)), Some(first.pending));
    let again = exports.ask(at(15), false);
    assert_eq!((again.pending.as_of, again.send), (at(15), true));

    // While it is worked on it is the same request; a setting that changed meanwhile needs its own file afterwards.
    assert_eq!(exports.take("a", at(0), Asked, at(16)), leased(15), "the newest request");
    assert_eq!(exports.ask(at(17), false), AskedExport { send: false, ..again });
    assert_eq!(exports.forgotten(at(17)), None);
    let changed = exports.ask(at(15), true);
    assert!(changed.pending.as_of > at(15) && !changed.send);
    assert_eq!(exports.finish("a", at(15), at(18)).map(|pending| pending.as_of), Some(changed.pending.as_of));
    assert_eq!(exports.take("b", at(15), Asked, at(18)), TakenExport::Leased { as_of: changed.pending.as_of });
    assert_eq!(exports.finish("b", changed.pending.as_of, at(19)), None);
    // The nightly file answers it, too.
    exports.ask(at(20), false);
    exports.take("c", at(21), Nightly, at(21));
    assert_eq!(exports.finish("c", at(21), at(22)), None);
    assert_eq!(exports, Exports::default());
}

#[test]
fn an_item_of_another_version_starts_empty() {
    let mut item = item_key("t#contoso", EXPORTS);
    item.insert(VERSION.to_owned(), n(7));
    item.insert(CONTENT.to_owned(), s("{\"lease\": 5}"));
    assert_eq!(read::<Exports>(&item), (Exports::default(), 7));
}
