//! `docs/commands.md` is made from the opcode table, and is what the table would make of it now.
//!
//! To make it anew: `BULKHEAD_WRITE_DOCS=1 cargo test -p scsi --test commands_doc`.

use std::fmt::Write;
use std::path::Path;

use scsi::device_info::DeviceType;
use scsi::opcode::{
    Admission, Alua, Direction, Executor, Opcode, Queueing, Replay, Requires, Reservation, TABLE,
    UnitAttention,
};

const WRITE_DOCS: &str = "BULKHEAD_WRITE_DOCS";
const HOW: &str = "BULKHEAD_WRITE_DOCS=1 cargo test -p scsi --test commands_doc";

const HEAD: &str = "# Commands

Made from the opcode table (`scsi/src/opcode/table.rs`); a test fails when it is stale. To make it anew:

    BULKHEAD_WRITE_DOCS=1 cargo test -p scsi --test commands_doc

* **Code**: operation code, and service action after a slash.
* **Of**: the types of device that have the command, and what else a unit has to be for it.
* **By**: who executes it, core-svc or the handler of the medium. **Data**: to the initiator (in) or from it (out).
* **Unit attention**: a pending one is *reported* in place of the command, *kept* while the command is executed, or *taken* by it.
* **Reserved**: for a nexus that has no part in a reservation, under a persistent reservation of a Write Exclusive type, of an
  Exclusive Access type, and under RESERVE: `+` executed, `-` RESERVATION CONFLICT, `start` executed if it only starts the unit, `allow`
  if it only allows removal,
  `own` the command judges by itself.
* **ALUA**: the states other than active in which it is executed.
* **Medium**: `writes` is what write protection stops.
* **Queue**: implicit HEAD OF QUEUE (*aside*); waits for older commands and lets younger ones go on (*begins*); waits for older ones, and
  younger ones wait for it (*alone*); empty: as its task attribute says.
* **Again**: after a death of its executor it is *repeated*, or its outcome is *recorded* and never made a second time.
* **Timeout**: the recommended one of REPORT SUPPORTED OPERATION CODES, in seconds.

| Code | Command | Of | By | Data | Unit attention | Reserved | ALUA | Medium | Queue | Again | Timeout |
|---|---|---|---|---|---|---|---|---|---|---|---|
";

fn of(row: &Opcode) -> String {
    let types = row.types.iter().map(|kind| match kind {
        DeviceType::Disk => "disk",
        DeviceType::CdDvd => "CD",
    });
    let types = types.collect::<Vec<_>>().join(", ");
    match row.requires {
        Requires::Nothing => types,
        Requires::Removable => format!("{types} (removable)"),
        Requires::ThinProvisioning => format!("{types} (thin)"),
        Requires::AccessStates => format!("{types} (ALUA)"),
        Requires::ExplicitAccess => format!("{types} (explicit ALUA)"),
    }
}

fn reserved(Reservation { write_exclusive, exclusive_access, spc2 }: Reservation) -> String {
    let word = |admission| match admission {
        Admission::Allowed => "+",
        Admission::Conflict => "-",
        Admission::AllowedToAllow => "allow",
        Admission::AllowedToStart => "start",
        Admission::JudgesItself => "own",
    };
    [write_exclusive, exclusive_access, spc2].map(word).join(" ")
}

fn alua(alua: Alua) -> &'static str {
    match alua {
        Alua { transitioning: true, .. } => "all",
        Alua { unavailable: true, .. } => "all but transitioning",
        Alua { standby: true, .. } => "standby",
        Alua { echo: true, .. } => "all but transitioning, echo buffer only",
        Alua { .. } => "",
    }
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for row in TABLE {
        let code = match row.service_action {
            Some(action) => format!("{:02X}/{action:02X}", row.code),
            None => format!("{:02X}", row.code),
        };
        let by = if row.executor == Executor::Core { "core" } else { "handler" };
        let data = match row.direction {
            Direction::None => "",
            Direction::In => "in",
            Direction::Out => "out",
        };
        let attention = match row.unit_attention {
            UnitAttention::Report => "reported",
            UnitAttention::Skip => "kept",
            UnitAttention::Take => "taken",
        };
        let again = match row.replay {
            Replay::Repeat => "repeated",
            Replay::Record => "recorded",
            Replay::Never => "refused",
        };
        let queue = match row.queueing {
            Queueing::Plain => "",
            Queueing::Aside => "aside",
            Queueing::Begins => "begins",
            Queueing::Alone => "alone",
        };
        writeln!(
            text,
            "| {code} | {} | {} | {by} | {data} | {attention} | {} | {} | {} | {queue} | {again} | {} |",
            row.name,
            of(row),
            reserved(row.reservation),
            alua(row.alua),
            if row.medium_write { "writes" } else { "" },
            row.timeout,
        )
        .expect("a String takes everything");
    }
    text
}

#[test]
fn document_of_commands_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let now = document();
    if std::env::var_os(WRITE_DOCS).is_some() {
        std::fs::write(&path, &now).expect("docs/commands.md can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = now.lines().zip(there.lines()).find(|(now, there)| now != there);
    assert!(now == there, "docs/commands.md is stale ({differs:?}); to make it anew: {HOW}");
}
