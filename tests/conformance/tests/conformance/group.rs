//! Which events of a request are about one device: no table needed.

use vestibule_conformance::told::{Device, minute};
use vestibule_domain::Kind;
use vestibule_domain::event::{About, Event};
use vestibule_store::group_by_device;

fn places(devices: &[Device]) -> Vec<Vec<usize>> {
    let tell = |device: &Device| device.tells("1", Kind::Started, minute(0));
    let groups = group_by_device(devices.iter().map(tell).collect());
    groups.into_iter().map(|group| group.into_iter().map(|(place, _)| place).collect()).collect()
}

#[test]
fn events_that_share_a_name_are_one_group() {
    let (one, other) = (Device::serial("serial-1"), Device::serial("serial-2"));
    assert_eq!(places(&[]), Vec::<Vec<usize>>::new());
    let groups = places(&[one.clone(), other.clone(), one.clone(), other, Device::serial("SERIAL-1 ")]);
    assert_eq!(groups, [vec![0, 2, 4], vec![1, 3]]);
}

#[test]
fn names_are_shared_through_others() {
    let devices = [
        Device::serial("serial-1"),
        Device::udid("udid-1"),
        Device::default().and_mdm("mdm-1"),
        Device::serial("serial-2"),
        Device::udid("udid-1").and_mdm("mdm-1"),
        Device::serial("serial-1").and_udid("udid-1"),
    ];
    assert_eq!(places(&devices), [vec![0, 1, 2, 4, 5], vec![3]]);
}

#[test]
fn a_name_of_another_kind_is_another_name() {
    assert_eq!(places(&[Device::serial("name-1"), Device::udid("name-1")]), [[0], [1]]);
}

#[test]
fn events_without_a_name_stay_alone() {
    let nameless = |id: &str| Event {
        about: About { serial_number: Some("unknown".to_owned()), ..About::default() },
        ..Device::default().tells(id, Kind::Started, minute(0))
    };
    let groups = group_by_device(vec![nameless("1"), nameless("2")]);
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
}
