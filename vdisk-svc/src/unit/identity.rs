//! What initiators are told of a unit: what it is called, through which ports it is reached, what it is like. From the words of
//! the manifest to the types of `scsi`.

use ipc::message::config::{AccessManagement, DeviceConfig, PortName, UnitNames};
use scsi::device_info::{Ascii, DeviceInfo, DeviceType, Eui64, Naa, Names, Port, ScsiName, Tpgs};
use scsi::units::{BlockSize, Bytes};

/// The longest transfer of one command, in bytes, where transports can carry as much.
const MAX_TRANSFER: u64 = 16 << 20;

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

/// What initiators are told of a unit of so many bytes.
pub fn info(config: &DeviceConfig, bytes: u64) -> Result<DeviceInfo, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let block_size = BlockSize::new(config.block_size).map_err(|error| text(&error))?;
    let blocks = Bytes(bytes).whole_blocks(block_size);
    Ok(DeviceInfo {
        device_type: if config.cdrom { DeviceType::CdDvd } else { DeviceType::Disk },
        vendor: Ascii::new(&config.vendor).map_err(|error| text(&error))?,
        product: Ascii::new(&config.product).map_err(|error| text(&error))?,
        revision: Ascii::new(&config.revision).map_err(|error| text(&error))?,
        serial: Ascii::new(&config.serial).map_err(|error| text(&error))?,
        names: names(&config.names)?,
        ports: ports(&config.ports)?,
        tpgs: tpgs(config.management),
        unit_group: unit_group(config),
        management_url: config.management_url.clone(),
        physical_block_exponent: config.physical_exponent,
        read_only: config.read_only,
        removable: config.removable,
        rotational: config.rotational,
        write_cache: !(config.write_through || config.nv_cache || config.cacheless),
        nv_cache: config.nv_cache,
        rotation_rate: config.rotation_rate,
        lowest_aligned: config.lowest_aligned,
        optimal_transfer: Bytes(u64::from(config.optimal_transfer)).whole_blocks(block_size),
        optimal_granularity: u16::try_from(config.optimal_granularity / config.block_size).unwrap_or(0),
        thin_provisioned: config.thin,
        max_transfer: max_transfer(config).whole_blocks(block_size),
        ..DeviceInfo::disk(&config.name, block_size, blocks)
    })
}

/// The longest transfer of one command.
fn max_transfer(config: &DeviceConfig) -> Bytes {
    match config.max_transfer {
        0 => Bytes(MAX_TRANSFER),
        carried => Bytes(MAX_TRANSFER.min(carried)),
    }
}
