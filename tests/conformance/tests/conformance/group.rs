//! Which events of a request are about one device; this needs no table.

use vestibule_conformance::fixtures::{Device, minute};
use vestibule_domain::Kind;
use vestibule_domain::event::{About, Event};
use vestibule_store::group_by_device;

fn places(devices: &[Device]) -> Vec<Vec<usize>> {
    let event = |device: &Device| device.reports("1", Kind::Started, minute(0));
    let groups = group_by_device(devices.iter().map(event).collect());
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
fn two_serial_numbers_are_two_groups_whatever_they_share() {
    let both = |serial: &str| Device::serial(serial).and_udid("udid-1").and_mdm("mdm-1");
    assert_eq!(places(&[both("serial-1"), both("serial-2"), both("serial-1")]), [vec![0, 2], vec![1]]);
    // Events without a serial number go with the first that shares an identifier with them, wherever they are in the
    // list.
    let nameless = || Device::udid("udid-1");
    assert_eq!(places(&[nameless(), both("serial-2"), both("serial-1"), nameless()]), [vec![0, 1, 3], vec![2]]);
    assert_eq!(places(&[both("serial-1"), both("serial-2"), nameless()]), [vec![0, 2], vec![1]]);
}

#[test]
fn the_first_to_share_decides_not_the_kind_of_what_is_shared() {
    let devices = [
        Device::serial("serial-1").and_mdm("mdm-1"),
        Device::serial("serial-2").and_udid("udid-1"),
        Device::udid("udid-1").and_mdm("mdm-1"),
        // The second serial number had its UDID first.
        Device::udid("udid-1"),
        Device::default().and_mdm("mdm-1"),
    ];
    assert_eq!(places(&devices), [vec![0, 2, 4], vec![1, 3]]);
    // Through others: the chain between two serial numbers belongs to the one that it met first.
    let chain = [
        Device::udid("udid-1").and_mdm("mdm-1"),
        Device::serial("serial-2").and_mdm("mdm-1"),
        Device::serial("serial-1").and_udid("udid-1"),
        Device::udid("udid-1"),
    ];
    assert_eq!(places(&chain), [vec![0, 1, 3], vec![2]]);
}

#[test]
fn pcs_with_the_same_placeholders_stay_apart() {
    let pc = |serial: &str, number: usize| {
        let mut device = Device::serial(serial).and_udid("00000000-0000-0000-0000-000000000000");
        device = device.and_mdm(format!("mdm-{number}"));
        device
    };
    let placeholders = ["Defaultstring", "NotApplicable", "Not Specified", "DEFAULT-STRING", "n/a", "123456789"];
    let devices: Vec<Device> = (0..12).map(|number| pc(placeholders[number % placeholders.len()], number)).collect();
    assert_eq!(places(&devices).len(), 12);
}

#[test]
fn a_name_of_another_kind_is_another_name() {
    assert_eq!(places(&[Device::serial("name-1"), Device::udid("name-1")]), [[0], [1]]);
}

#[test]
fn events_without_a_name_stay_alone() {
    let nameless = |id: &str| Event {
        about: About { serial_number: Some("unknown".to_owned()), ..About::default() },
        ..Device::default().reports(id, Kind::Started, minute(0))
    };
    let groups = group_by_device(vec![nameless("1"), nameless("2")]);
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
}
