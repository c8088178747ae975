//! How a unit gets its medium, with time as a number.

use super::*;

fn config() -> DeviceConfig {
    DeviceConfig {
        names: ipc::message::config::UnitNames { naa: vec![0x30, 0, 0, 0, 0, 0, 0, 1], ..Default::default() },
        unit: 4,
        name: "disk".to_owned(),
        backend: BackendConfig::File,
        block_size: 4096,
        write_through: true,
        removable: true,
        vendor: "V".to_owned(),
        product: "P".to_owned(),
        revision: "R".to_owned(),
        serial: "S".to_owned(),
        ..Default::default()
    }
}

#[test]
fn medium_in_use_is_tried_again_and_reported_once() {
    let path = tempfile::NamedTempFile::new().unwrap();
    path.as_file().set_len(10 * 4096 + 1).unwrap();
    let open = || File::options().read(true).write(true).open(path.path()).unwrap();
    let other = open();
    assert!(file::try_lock(&other, false).unwrap());
    let (start, hold) = (Instant::now(), Duration::from_secs(30));
    let at = |millis| start + Duration::from_millis(millis);
    let mut unit = Unit::new(config(), Some(open().into()), start).unwrap();
    assert_eq!(unit.try_open(at(0), hold), None);
    assert_eq!(unit.next_try(), Some(at(1)), "the first wait is short");
    assert_eq!(unit.try_open(at(4999), hold), None);
    let report = unit.try_open(at(5200), hold).unwrap();
    assert!(report.contains("disk") && report.contains("in use by another process"), "{report}");
    assert_eq!(unit.try_open(at(29_999), hold), None);
    assert!(unit.gate_closed());
    assert_eq!(unit.try_open(at(30_200), hold), None);
    assert!(!unit.gate_closed(), "commands are not held for longer than that");
    assert_eq!(unit.medium().unwrap_err(), Sense::not_ready(Asc::BECOMING_READY));

    drop(other);
    assert_eq!(unit.try_open(at(30_400), hold), None);
    assert!(unit.medium().is_ok() && unit.next_try().is_none());
    assert_eq!((unit.info.blocks.0, unit.info.write_cache, unit.info.removable), (10, false, true));
}

#[test]
fn unit_that_was_replaced_lets_go_after_its_last_task() {
    let path = tempfile::NamedTempFile::new().unwrap();
    path.as_file().set_len(4096).unwrap();
    let open = || File::options().read(true).write(true).open(path.path()).unwrap();
    let now = Instant::now();
    let mut unit = Unit::new(config(), Some(open().into()), now).unwrap();
    assert_eq!(unit.try_open(now, Duration::ZERO), None);
    unit.running = 2;
    unit.replace();
    unit.task_ended(false);
    assert!(!file::try_lock(&open(), false).unwrap());
    unit.task_ended(false);
    assert!(file::try_lock(&open(), false).unwrap());
}

#[test]
fn configuration_that_makes_no_unit() {
    let now = Instant::now();
    let null = |config: DeviceConfig| {
        Unit::new(DeviceConfig { backend: BackendConfig::Null { bytes: 1 << 20 }, ..config }, None, now)
    };
    assert!(null(config()).is_ok());
    assert!(null(DeviceConfig { block_size: 1000, ..config() }).unwrap_err().contains("1000"));
    assert!(null(DeviceConfig { vendor: "too long a name".to_owned(), ..config() }).is_err());
    assert!(null(DeviceConfig { block_size: 65536, backend: BackendConfig::File, ..config() }).is_ok());
    let fixed = DeviceConfig { removable: false, ..config() };
    assert!(Unit::new(fixed, None, now).unwrap_err().contains("was not granted"));
}
