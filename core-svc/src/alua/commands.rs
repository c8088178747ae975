//! REPORT TARGET PORT GROUPS and SET TARGET PORT GROUPS (SPC-4 6.37, 6.45).

use ipc::message::config::AccessManagement;
use ipc::message::record::Request;
use scsi::asc::Asc;
use scsi::command::ReportTargetPortGroups;
use scsi::sense::{Sense, SenseKey};
use scsi::target_port_groups::{self, AccessState, Group, StatusCode, decode_set};

use crate::core::Core;
use crate::settle::Outcome;

/// The longest parameter list that makes sense: each group once, and there are not more than 65535.
const LONGEST_LIST: usize = 4 + 4 * 65535;

impl Core {
    /// REPORT TARGET PORT GROUPS of a unit: every group with a port through which somebody can reach it.
    pub(crate) fn report_target_port_groups(
        &self,
        unit: u32,
        command: &ReportTargetPortGroups,
        request: &Request,
    ) -> Outcome {
        if self.alua.management(self.device_group_of(unit)) == AccessManagement::None {
            return Outcome::check(Sense::invalid_opcode());
        }
        self.give(request, &target_port_groups::report(&self.port_groups_of(unit), command))
    }

    fn port_groups_of(&self, unit: u32) -> Vec<Group> {
        let standings = self.alua.standings(self.device_group_of(unit)).iter();
        let groups = standings.map(|standing| {
            let shown = self.targets.iter().flatten().filter(|target| target.shows(unit));
            let own = shown.filter(|target| target.port_group == standing.port_group);
            let remote = self.alua.remote_ports(standing.port_group).iter().copied();
            Group {
                id: standing.port_group,
                state: standing.state,
                preferred: standing.preferred,
                status: standing.status,
                ports: own.map(|target| target.port).chain(remote).collect(),
            }
        });
        groups.filter(|group| !group.ports.is_empty()).collect()
    }

    /// SET TARGET PORT GROUPS of the nexus at `nexus`, through `unit`: the states of its whole device group.
    pub(crate) fn set_target_port_groups(
        &mut self,
        nexus: usize,
        unit: u32,
        length: u32,
        request: &Request,
    ) -> Outcome {
        let outcome = match self.try_set_target_port_groups(nexus, unit, length as usize, request) {
            Ok(moved) => Outcome::good(moved, moved),
            Err(sense) => Outcome::check(sense),
        };
        self.record(nexus, request.serial, &outcome);
        outcome
    }

    fn try_set_target_port_groups(
        &mut self,
        nexus: usize,
        unit: u32,
        length: usize,
        request: &Request,
    ) -> Result<u32, Sense> {
        let device_group = self.device_group_of(unit);
        match self.alua.management(device_group) {
            AccessManagement::Explicit | AccessManagement::Both => {}
            AccessManagement::None | AccessManagement::Implicit => return Err(Sense::invalid_opcode()),
        }
        let list = self.received(request, length.min(LONGEST_LIST));
        if list.len() < length {
            return Err(Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR));
        }
        let groups = self.port_groups_of(unit);
        let wanted = decode_set(&list, |id| groups.iter().any(|group| group.id == id))?;
        // The administrator has taken such a group away or is moving it, and only the administrator gives it back.
        let held = |state| matches!(state, AccessState::Offline | AccessState::Transitioning);
        let named = |group: &&Group| wanted.iter().any(|(id, _)| *id == group.id);
        if groups.iter().filter(named).any(|group| held(group.state)) {
            return Err(Sense::new(SenseKey::HardwareError, Asc::SET_TARGET_PORT_GROUPS_COMMAND_FAILED));
        }
        for (port_group, state) in wanted {
            let author = Some((nexus, unit));
            self.change_access_state((device_group, port_group), state, StatusCode::Explicit, author);
        }
        Ok(list.len() as u32)
    }
}
