//! Asymmetric logical unit access (SPC-4 5.15.2): in which state each target port group is for each group of units, and what
//! that lets through.
//!
//! A state is of one target port group for one device group. The administrator changes it (implicit) or an initiator does
//! (`commands`, explicit); either way it is in the notebook before anybody sees it, so that the core's death changes
//! nothing. A reboot begins with what the manifest says: a state is about machines and paths as they are now, and what
//! held before a reboot may be what it was done for.
//!
//! A command is judged when it arrives. One that is in its task set when the state changes is carried out.

mod commands;

use ipc::message::Event;
use ipc::message::config::{AccessManagement, AccessState as Configured, DeviceGroupConfig, PortGroupConfig};
use scsi::asc::Asc;
use scsi::opcode::{Alua as Column, Opcode};
use scsi::sense::Sense;
use scsi::target_port_groups::{AccessState, StatusCode};

use crate::core::Core;
use crate::notebook::{self, Part};

/// A target port group for one device group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Identifier of the target port group.
    pub port_group: u16,
    /// Its state.
    pub state: AccessState,
    /// Whether initiators are asked to prefer it.
    pub preferred: bool,
    /// What changed it last.
    pub status: StatusCode,
}

/// Units that share their states.
#[derive(Debug)]
struct DeviceGroup {
    management: AccessManagement,
    standings: Vec<Standing>,
}

/// What the core knows of states.
#[derive(Debug, Default)]
pub struct Alua {
    /// Identifier of each target port group, and its ports on other machines.
    port_groups: Vec<(u16, Vec<u16>)>,
    /// By index.
    device_groups: Vec<Option<DeviceGroup>>,
    /// Some state somewhere is not an active one, so that commands have to be asked for.
    restricts: bool,
}

impl Alua {
    /// Takes a target port group, or takes it anew.
    pub fn adopt_port_group(&mut self, config: PortGroupConfig) {
        self.port_groups.retain(|(id, _)| *id != config.id);
        self.port_groups.push((config.id, config.remote_ports));
    }

    /// Takes a device group with the states that it begins with. None: its index is too high.
    pub fn adopt_device_group(&mut self, config: &DeviceGroupConfig, most: u32) -> Option<()> {
        let standings = config.states.iter().map(|(port_group, state, preferred)| Standing {
            port_group: *port_group,
            state: from_config(*state),
            preferred: *preferred,
            status: StatusCode::None,
        });
        let group = DeviceGroup { management: config.management, standings: standings.collect() };
        let index = usize::try_from(config.group).ok().filter(|_| config.group < most)?;
        if self.device_groups.len() <= index {
            self.device_groups.resize_with(index + 1, || None);
        }
        *self.device_groups.get_mut(index)? = Some(group);
        self.look();
        Some(())
    }

    fn look(&mut self) {
        let standings = self.device_groups.iter().flatten().flat_map(|group| &group.standings);
        let active = |state| matches!(state, AccessState::Active | AccessState::NonOptimized);
        self.restricts = standings.into_iter().any(|standing| !active(standing.state));
    }

    fn group(&self, device_group: u32) -> Option<&DeviceGroup> {
        self.device_groups.get(device_group as usize)?.as_ref()
    }

    /// How the states of a device group may change.
    pub fn management(&self, device_group: u32) -> AccessManagement {
        self.group(device_group).map(|group| group.management).unwrap_or_default()
    }

    /// Every target port group for a device group.
    pub fn standings(&self, device_group: u32) -> &[Standing] {
        self.group(device_group).map(|group| group.standings.as_slice()).unwrap_or_default()
    }

    /// One of them.
    pub fn standing(&self, device_group: u32, port_group: u16) -> Option<Standing> {
        self.standings(device_group).iter().find(|standing| standing.port_group == port_group).copied()
    }

    /// The state of a port's group for a unit's group. Where there are no states every port is active.
    #[inline]
    pub fn state(&self, device_group: u32, port_group: u16) -> AccessState {
        if !self.restricts {
            return AccessState::Active;
        }
        self.standing(device_group, port_group).map_or(AccessState::Active, |standing| standing.state)
    }

    /// Ports of a target port group that are on other machines.
    pub fn remote_ports(&self, port_group: u16) -> &[u16] {
        let group = self.port_groups.iter().find(|(id, _)| *id == port_group);
        group.map(|(_, ports)| ports.as_slice()).unwrap_or_default()
    }

    /// Sets a state. None: there is no such group. True: it was another.
    fn set(
        &mut self,
        device_group: u32,
        port_group: u16,
        state: AccessState,
        status: StatusCode,
    ) -> Option<bool> {
        let group = self.device_groups.get_mut(device_group as usize)?.as_mut()?;
        let standing = group.standings.iter_mut().find(|standing| standing.port_group == port_group)?;
        let changed = std::mem::replace(&mut standing.state, state) != state;
        if changed {
            standing.status = status;
            self.look();
        }
        Some(changed)
    }

    /// What the notebook keeps of a state: nothing as long as it is what the manifest says.
    pub fn kept(&self, device_group: u32, port_group: u16) -> Option<(u8, u8)> {
        let standing = self.standing(device_group, port_group)?;
        let changed = standing.status != StatusCode::None;
        changed.then_some((standing.state.code(), standing.status.code()))
    }

    /// Takes up what the notebook has kept. None: it cannot be.
    pub fn take_up(&mut self, device_group: u64, port_group: u64, (state, status): (u8, u8)) -> Option<()> {
        let (device_group, port_group) = (u32::try_from(device_group).ok()?, u16::try_from(port_group).ok()?);
        let (state, status) = (AccessState::try_from(state).ok()?, StatusCode::try_from(status).ok()?);
        let group = self.device_groups.get_mut(device_group as usize)?.as_mut()?;
        let standing = group.standings.iter_mut().find(|standing| standing.port_group == port_group)?;
        (standing.state, standing.status) = (state, status);
        self.look();
        Some(())
    }
}

/// Why a state refuses a command (SPC-4 5.15.2.4); none if it does not.
pub fn refusal(state: AccessState, row: &Opcode, cdb: &[u8]) -> Option<Sense> {
    let Column { standby, unavailable, transitioning, echo: _ } = row.alua_of(cdb);
    let (allowed, asc) = match state {
        AccessState::Active | AccessState::NonOptimized => return None,
        AccessState::Standby => (standby, Asc::TARGET_PORT_IN_STANDBY_STATE),
        AccessState::Unavailable => (unavailable, Asc::TARGET_PORT_IN_UNAVAILABLE_STATE),
        AccessState::Offline => (unavailable, Asc::OFFLINE),
        AccessState::Transitioning => (transitioning, Asc::ASYMMETRIC_ACCESS_STATE_TRANSITION),
    };
    (!allowed).then(|| Sense::not_ready(asc))
}

fn from_config(state: Configured) -> AccessState {
    match state {
        Configured::Active => AccessState::Active,
        Configured::NonOptimized => AccessState::NonOptimized,
        Configured::Standby => AccessState::Standby,
        Configured::Unavailable => AccessState::Unavailable,
        Configured::Offline => AccessState::Offline,
        Configured::Transitioning => AccessState::Transitioning,
    }
}

fn to_config(state: AccessState) -> Configured {
    match state {
        AccessState::Active => Configured::Active,
        AccessState::NonOptimized => Configured::NonOptimized,
        AccessState::Standby => Configured::Standby,
        AccessState::Unavailable => Configured::Unavailable,
        AccessState::Offline => Configured::Offline,
        AccessState::Transitioning => Configured::Transitioning,
    }
}

impl Core {
    /// The state of the port of the nexus at `nexus` for a unit.
    #[inline]
    pub(crate) fn access_state(&self, nexus: usize, unit: u32) -> AccessState {
        if !self.alua.restricts {
            return AccessState::Active;
        }
        let group = self.nexuses.get(nexus).and_then(|nexus| Some(self.target_of(nexus)?.port_group));
        self.alua.state(self.device_group_of(unit), group.unwrap_or_default())
    }

    /// The index of the device group of a unit.
    pub(crate) fn device_group_of(&self, unit: u32) -> u32 {
        self.units.get(unit as usize).and_then(Option::as_ref).map_or(0, |unit| unit.device_group)
    }

    /// The administrator sets a state: every nexus hears of it (SPC-4 5.15.2.8).
    pub(crate) fn set_access_state(&mut self, device_group: u32, port_group: u16, state: Configured) {
        let state = from_config(state);
        let set = self.change_access_state((device_group, port_group), state, StatusCode::Implicit, None);
        if !set {
            tracing::error!(device_group, port_group, "the state of a group that there is not cannot be set");
        }
    }

    /// Sets a state, has it noted and told. `author` is the place of the nexus whose command did it and the unit that the
    /// command was for: that nexus knows, of that unit. False: there is no such group.
    fn change_access_state(
        &mut self,
        (device_group, port_group): (u32, u16),
        state: AccessState,
        status: StatusCode,
        author: Option<(usize, u32)>,
    ) -> bool {
        let Some(changed) = self.alua.set(device_group, port_group, state, status) else { return false };
        self.events.push(Event::AccessState { device_group, port_group, state: to_config(state) });
        if changed {
            tracing::info!(device_group, port_group, ?state, ?status, "asymmetric access state changed");
            self.touch((Part::AccessState, u64::from(device_group), u64::from(port_group)));
            let members = (0..).zip(&self.units).filter_map(|(number, unit)| Some((number, unit.as_ref()?)));
            let members = members.filter(|(_, unit)| unit.device_group == device_group);
            let members: Vec<u32> = members.map(|(number, _)| number).collect();
            for unit in members {
                self.raise_attention(unit, Asc::ASYMMETRIC_ACCESS_STATE_CHANGED, |place| {
                    author != Some((place, unit))
                });
            }
        }
        true
    }

    /// Tells the supervisor of every state, as it is when the core begins.
    pub(crate) fn tell_access_states(&mut self) {
        for (number, group) in (0..).zip(&self.alua.device_groups) {
            for standing in group.iter().flat_map(|group| &group.standings) {
                let Standing { port_group, state, .. } = *standing;
                let state = to_config(state);
                self.events.push(Event::AccessState { device_group: number, port_group, state });
            }
        }
    }

    /// What the notebook keeps of a state.
    pub(crate) fn encode_access_state(&self, device_group: u64, port_group: u64) -> Option<Vec<u8>> {
        let (device_group, port_group) = (u32::try_from(device_group).ok()?, u16::try_from(port_group).ok()?);
        notebook::bytes(&self.alua.kept(device_group, port_group)?)
    }
}

#[cfg(test)]
mod tests;
