//! GET CONFIGURATION (MMC-6 5, 6.6): the features of the drive, and which of them are current with the medium that is in.

use super::{Disc, Profile};
use crate::command::{Features, GetConfiguration};
use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;

const CURRENT: u8 = 0x01;
const PERSISTENT: u8 = 0x02;

/// When a feature is current.
#[derive(Clone, Copy)]
enum When {
    /// Always, whatever is in: it is persistent.
    Always,
    /// With any medium.
    Medium,
    /// With this kind of medium.
    Only(Profile),
}

/// A feature: its code, version, when it is current, and how to write what is behind its header.
struct Feature {
    code: u16,
    version: u8,
    when: When,
    body: fn(&DeviceInfo, Disc, &mut ParameterData),
}

/// The features, in order of their code.
const FEATURES: &[Feature] = &[
    Feature { code: 0x0000, version: 0, when: When::Always, body: profile_list },
    // Core: a physical interface of the SCSI family; DBE and INQ2 zero.
    Feature {
        code: 0x0001,
        version: 2,
        when: When::Always,
        body: |_, _, data| data.put(&[0, 0, 0, 1, 0, 0, 0, 0]),
    },
    // Morphing: events are asked for (ASYNC zero), and no operational change is announced.
    Feature { code: 0x0002, version: 1, when: When::Always, body: |_, _, data| data.put(&[0; 4]) },
    // Removable Medium: a tray that opens and locks.
    Feature { code: 0x0003, version: 0, when: When::Always, body: |_, _, data| data.put(&[0x29, 0, 0, 0]) },
    Feature { code: 0x0010, version: 0, when: When::Medium, body: random_readable },
    // CD Read: no digital audio, no C2 pointers, no CD-TEXT.
    Feature {
        code: 0x001E,
        version: 2,
        when: When::Only(Profile::CdRom),
        body: |_, _, data| data.put(&[0; 4]),
    },
    Feature {
        code: 0x001F,
        version: 1,
        when: When::Only(Profile::DvdRom),
        body: |_, _, data| data.put(&[0; 4]),
    },
    // Power Management: START STOP UNIT.
    Feature { code: 0x0100, version: 0, when: When::Always, body: |_, _, _| {} },
    // Timeout: every command ends.
    Feature { code: 0x0105, version: 0, when: When::Always, body: |_, _, _| {} },
];

/// Answers GET CONFIGURATION.
pub fn configuration(info: &DeviceInfo, disc: Disc, request: &GetConfiguration) -> ParameterData {
    let profile = Profile::of(info, disc);
    let mut data = ParameterData::new(request.allocation_length);
    data.put(&[0; 6]);
    data.put_u16(profile.number());
    for feature in FEATURES {
        let current = match feature.when {
            When::Always => true,
            When::Medium => disc.present,
            When::Only(of) => of == profile,
        };
        let wanted = match request.features {
            Features::From(first) => feature.code >= first,
            Features::CurrentFrom(first) => feature.code >= first && current,
            Features::One(code) => feature.code == code,
        };
        if wanted {
            put(feature, current, info, disc, &mut data);
        }
    }
    let length = (data.full_len() - 4) as u32;
    data.patch(0, &length.to_be_bytes());
    data
}

fn put(feature: &Feature, current: bool, info: &DeviceInfo, disc: Disc, data: &mut ParameterData) {
    let persistent = if matches!(feature.when, When::Always) { PERSISTENT } else { 0 };
    let flags = feature.version << 2 | persistent | if current { CURRENT } else { 0 };
    let start = data.full_len();
    data.put_u16(feature.code);
    data.put(&[flags, 0]);
    (feature.body)(info, disc, data);
    let additional = (data.full_len() - start - 4) as u8;
    data.patch(start + 3, &[additional]);
}

/// Profile List: what the drive takes, the highest number first.
fn profile_list(info: &DeviceInfo, disc: Disc, data: &mut ParameterData) {
    let now = Profile::of(info, disc);
    for profile in [Profile::DvdRom, Profile::CdRom] {
        data.put_u16(profile.number());
        data.put(&[u8::from(profile == now), 0]);
    }
}

/// Random Readable: any block, one at a time.
fn random_readable(info: &DeviceInfo, _: Disc, data: &mut ParameterData) {
    data.put_u32(info.block_size.get());
    data.put(&[0, 1, 0, 0]);
}
