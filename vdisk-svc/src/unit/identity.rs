//! What a unit is called and through which ports it is reached, from the words of the manifest to the types of `scsi`.

use ipc::message::config::{AccessManagement, DeviceConfig, PortName, UnitNames};
use scsi::device_info::{Ascii, Eui64, Naa, Names, Port, ScsiName, Tpgs};

fn scsi_name(name: &str) -> Result<ScsiName, String> {
    ScsiName::new(name).ok_or_else(|| format!("{name:?} cannot be a SCSI name"))
}

/// The names of the unit. An error says which of them cannot be.
pub fn names(names: &UnitNames) -> Result<Names, String> {
    let eui64 = match names.eui64.as_slice() {
        [] => None,
        bytes => Some(Eui64::new(bytes).ok_or("its EUI-64 identifier has a length that there is not")?),
    };
    let scsi_name = (!names.scsi_name.is_empty()).then(|| scsi_name(&names.scsi_name)).transpose()?;
    Ok(Names {
        naa: Naa::new(&names.naa).ok_or("its NAA identifier is of a kind that there is not")?,
        eui64,
        t10: Ascii::new(&names.t10).map_err(|error| format!("its T10 identifier: {error}"))?,
        scsi_name,
    })
}

/// The ports.
pub fn ports(ports: &[PortName]) -> Result<Vec<Port>, String> {
    let port = |port: &PortName| {
        let (device, name) = (scsi_name(&port.device)?, scsi_name(&port.port)?);
        Ok(Port { relative: port.relative, group: port.group, protocol: port.protocol, device, name })
    };
    ports.iter().map(port).collect()
}

/// TPGS for what the manifest says.
pub fn tpgs(management: AccessManagement) -> Tpgs {
    match management {
        AccessManagement::None => Tpgs::None,
        AccessManagement::Implicit => Tpgs::Implicit,
        AccessManagement::Explicit => Tpgs::Explicit,
        AccessManagement::Both => Tpgs::Both,
    }
}

/// LOGICAL UNIT GROUP: the device group, counted from 1.
pub fn unit_group(config: &DeviceConfig) -> Option<u16> {
    let states = config.management != AccessManagement::None;
    u16::try_from(config.device_group + 1).ok().filter(|_| states)
}
