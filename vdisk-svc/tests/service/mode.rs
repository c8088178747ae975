//! MODE SELECT: what it changes, when that counts, and what outlives what.

use vdisk_svc::stats::Counter;

use crate::fixture::*;

/// Control mode page of a new unit: GLTSD, unrestricted reordering.
const CONTROL: [u8; 12] = [0x0A, 0x0A, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0];
const SOFTWARE_WRITE_PROTECTED: (u8, u8, u8, u8) = (2, 0x7, 0x27, 0x02);
const INVALID_FIELD_IN_CDB: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const INVALID_FIELD_IN_LIST: (u8, u8, u8, u8) = (2, 0x5, 0x26, 0x00);
const LIST_LENGTH_ERROR: (u8, u8, u8, u8) = (2, 0x5, 0x1A, 0x00);

fn control(at: usize, byte: u8) -> [u8; 12] {
    let mut page = CONTROL;
    page[at] = byte;
    page
}

/// A caching mode page.
fn caching(wce: u8) -> [u8; 20] {
    let mut page = [0; 20];
    page[..3].copy_from_slice(&[0x08, 0x12, wce << 2]);
    page
}

/// MODE SELECT(6) of a page, with SP if it is to be saved.
fn select(rig: &mut Rig, page: &[u8], save: bool) -> Answer {
    let list = [&[0; 4][..], page].concat();
    rig.run(0, &[0x15, 0x10 | u8::from(save), 0, 0, list.len() as u8, 0], &[&list], &[])
}

/// A page by MODE SENSE(6) without block descriptor; `pc` as in the CDB.
fn sense(rig: &mut Rig, pc: u8, page: u8) -> Vec<u8> {
    rig.run(0, &[0x1A, 0x08, pc << 6 | page, 0, 255, 0], &[], &[255]).data.split_off(4)
}

#[test]
fn mode_select_of_swp_write_protects_and_is_reported() {
    let file = medium(8, false);
    let mut rig = Rig::on(vdisk_svc::engine::Choice::Best, disk(0), &file);
    let answer = select(&mut rig, &control(4, 0x08), false);
    assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 16, 16));
    let (unit, report) = *rig.reports.last().expect("a report comes before the command ends");
    assert_eq!((unit, report.generations.mode, report.origin), (0, 1, NEXUS));
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), SOFTWARE_WRITE_PROTECTED);
    assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [1; 512]);
    assert_eq!(rig.run(0, &[0x1A, 0, 0x0A, 0, 255, 0], &[], &[255]).data[2], 0x90, "WP, DPOFUA");
    assert_eq!(select(&mut rig, &CONTROL, false).status(), GOOD);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), GOOD);
    let reports = rig.reports.len();
    assert_eq!(select(&mut rig, &CONTROL, false).status(), GOOD);
    assert_eq!(rig.reports.len(), reports, "nothing has changed");
}

#[test]
fn mode_select_of_d_sense_gives_descriptor_sense() {
    let file = medium(8, false);
    let mut rig = Rig::on(vdisk_svc::engine::Choice::Best, disk(0), &file);
    assert_eq!(select(&mut rig, &control(2, 0x06), false).status(), GOOD);
    assert!(rig.reports.last().unwrap().1.control.d_sense);
    let reply = rig.run(0, &read_10(9, 1), &[], &[512]).reply;
    // Current error in descriptor format, ILLEGAL REQUEST, 21/00, an information descriptor: LBA 9.
    let sense = [0x72, 0x05, 0x21, 0x00, 0, 0, 0, 12, 0x00, 0x0A, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    assert_eq!(reply.sense[..usize::from(reply.sense_len)], sense);
}

#[test]
fn mode_select_of_wce_off_syncs_and_writes_through_from_then_on() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, disk(0), &file);
        assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 0);
        assert_eq!(select(&mut rig, &caching(0), false).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 1, "what was written before");
        assert_eq!(rig.run(0, &write_10(2, 1), &[&[9; 512]], &[]).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 2);
        assert_eq!(select(&mut rig, &caching(1), false).status(), GOOD);
        assert_eq!(rig.run(0, &write_10(2, 1), &[&[9; 512]], &[]).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 2);
    }
}

#[test]
fn mode_select_whose_sync_fails_changes_nothing() {
    let file = medium(8, false);
    let faults = ipc::message::config::FaultConfig { fail_every: 2, ..Default::default() };
    let mut rig = Rig::on(vdisk_svc::engine::Choice::Best, faulty(0, faults), &file);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), GOOD);
    assert_eq!(select(&mut rig, &caching(0), false).status(), (2, 0x3, 0x0C, 0x00));
    assert_eq!(sense(&mut rig, 0, 0x08), caching(1));
    assert_eq!(rig.reports.last().unwrap().1.generations.mode, 0);
}

#[test]
fn mode_selects_at_once_go_one_after_the_other() {
    for choice in engines() {
        let file = medium(8, false);
        let slow = ipc::message::config::FaultConfig { delay_us: 20_000, ..Default::default() };
        let mut rig = Rig::on(choice, faulty(0, slow), &file);
        let list = |page: &[u8]| [&[0; 4][..], page].concat();
        let (off, swp, on) = (list(&caching(0)), list(&control(4, 0x08)), list(&caching(1)));
        for list in [&off, &swp, &on] {
            rig.send(0, &[0x15, 0x10, 0, 0, list.len() as u8, 0], &[list], &[]);
        }
        let serials: Vec<u64> = (0..3)
            .map(|_| {
                let reply = rig.reply();
                assert_eq!(status(&reply), GOOD);
                reply.serial
            })
            .collect();
        assert_eq!(serials, [1, 2, 3]);
        assert_eq!(sense(&mut rig, 0, 0x08), caching(1));
        assert_eq!(sense(&mut rig, 0, 0x0A), control(4, 0x08));
        assert_eq!(rig.reports.last().unwrap().1.generations.mode, 3);
    }
}

#[test]
fn mode_select_that_is_refused() {
    let file = medium(8, false);
    let mut rig = Rig::on(vdisk_svc::engine::Choice::Best, disk(0), &file);
    assert_eq!(
        select(&mut rig, &control(4, 0x08), true).status(),
        INVALID_FIELD_IN_CDB,
        "SP without a place"
    );
    assert_eq!(rig.run(0, &[0x1A, 0, 0xCA, 0, 255, 0], &[], &[255]).status(), (2, 0x5, 0x39, 0x00));
    let reply = select(&mut rig, &control(3, 0x14), false).reply;
    assert_eq!(status(&reply), INVALID_FIELD_IN_LIST);
    // SKSV, in the parameter list, BPV, bit 2; byte 7.
    assert_eq!(reply.sense[15..18], [0x8A, 0, 7]);
    // Less data than PARAMETER LIST LENGTH says.
    let list = [&[0; 4][..], &CONTROL].concat();
    let answer = rig.run(0, &[0x15, 0x10, 0, 0, 16, 0], &[&list[..15]], &[]);
    assert_eq!(answer.status(), LIST_LENGTH_ERROR);
    assert_eq!(rig.run(0, &[0x15, 0x10, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    assert_eq!(sense(&mut rig, 0, 0x0A), CONTROL);
}

#[test]
fn vdisk_svc_dies_and_unsaved_parameters_are_in_force_again() {
    let file = medium(8, false);
    let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
    assert_eq!(select(&mut rig, &control(4, 0x08), false).status(), GOOD);
    let told = rig.reports.last().unwrap().1;
    let list = [&[0; 4][..], &control(4, 0x08)].concat();
    let sent = rig.send(0, &[0x15, 0x10, 0, 0, 16, 0], &[&list], &[]);
    let notebook = rig.notebook.try_clone().unwrap();
    rig.kill();
    rig.death();

    let mut rig = Rig::process_after(Some(notebook), vec![(disk(0), Some(open(&file)))]);
    // The command that may have been executed comes again, and changes nothing that is not so.
    let (out, flags) = (rig.room(16), ipc::message::record::request_flags::AGAIN);
    rig.arena.write(rig.arena.check(out).unwrap(), &list);
    let mut request =
        ipc::message::record::Request::new(ipc::message::record::RequestKind::Execute, NEXUS, sent.serial);
    (request.flags, request.cdb_len, request.out_extents, request.out_len) = (flags, 6, 1, 16);
    request.cdb[..6].copy_from_slice(&[0x15, 0x10, 0, 0, 16, 0]);
    request.extents[0] = out;
    rig.send_raw(&request);
    assert_eq!(status(&rig.reply()), GOOD);
    assert_eq!(rig.reports.last().unwrap().1, told, "the same generation: nobody is told twice");
    assert_eq!(sense(&mut rig, 0, 0x0A)[4], 0x08);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), SOFTWARE_WRITE_PROTECTED);
}

#[test]
fn saved_parameters_outlive_the_process() {
    let (file, state) = (medium(8, false), tempfile::tempdir().unwrap());
    let mut rig = Rig::with_state(disk(0), &file, &state);
    assert_eq!(sense(&mut rig, 3, 0x0A)[0], 0x8A, "PS");
    assert_eq!(select(&mut rig, &control(4, 0x08), true).status(), GOOD);
    assert_eq!(select(&mut rig, &caching(0), false).status(), GOOD);
    assert_eq!(sense(&mut rig, 3, 0x0A)[4], 0x08);
    assert_eq!(sense(&mut rig, 3, 0x08)[2], 0x04, "current, but not saved");
    rig.stop();

    let mut rig = Rig::with_state(disk(0), &file, &state);
    assert_eq!(sense(&mut rig, 0, 0x0A)[4], 0x08);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), SOFTWARE_WRITE_PROTECTED);
    assert_eq!(sense(&mut rig, 2, 0x0A)[4], 0x00, "the default is what it was");
    // RTD with SP: everything back to the defaults, for good.
    assert_eq!(rig.run(0, &[0x55, 0x03, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    rig.stop();
    let mut rig = Rig::with_state(disk(0), &file, &state);
    assert_eq!(sense(&mut rig, 0, 0x0A)[4], 0x00);
}

#[test]
fn saved_parameters_that_are_damaged_are_reported_and_left_out() {
    let (file, state) = (medium(8, false), tempfile::tempdir().unwrap());
    std::fs::write(state.path().join("mode.disk0"), b"BULKHEAD and more").unwrap();
    let mut rig = Rig::with_state(disk(0), &file, &state);
    match rig.event() {
        ipc::message::Event::Problem { text } => assert!(text.contains("mode.disk0"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sense(&mut rig, 0, 0x0A)[4], 0x00);
    assert_eq!(select(&mut rig, &control(4, 0x08), true).status(), GOOD);
    rig.stop();
    let mut rig = Rig::with_state(disk(0), &file, &state);
    assert_eq!(sense(&mut rig, 0, 0x0A)[4], 0x08);
}

#[test]
fn mode_select_that_cannot_be_saved_changes_nothing() {
    let (file, state) = (medium(8, false), tempfile::tempdir().unwrap());
    let mut rig = Rig::with_state(disk(0), &file, &state);
    drop(state);
    assert_eq!(select(&mut rig, &control(4, 0x08), true).status(), (2, 0x4, 0x44, 0x00));
    assert_eq!(sense(&mut rig, 0, 0x0A)[4], 0x00);
    match rig.event() {
        ipc::message::Event::Problem { text } => assert!(text.contains("disk0"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(select(&mut rig, &control(4, 0x08), false).status(), GOOD);
}
