//! The targets and portals of this service, as the supervisor granted them.
//!
//! Trusted as far as the manifest is. Names are brought into normal form here, once, so that logins compare equal.

use crate::discovery::Listed;
use crate::login::name;
use crate::login::stage::{Directory, TargetInfo};
use crate::nexus::Nexuses;
use ipc::message::config::{PortalConfig, TargetConfig};
use std::net::SocketAddr;

/// What can be logged in to, and where.
#[derive(Debug, Default)]
pub struct Targets {
    targets: Vec<TargetConfig>,
    portals: Vec<(u32, SocketAddr)>,
}

impl Targets {
    /// Adds a target or replaces the one with the same index.
    ///
    /// # Errors
    /// What is wrong with its name, for the administrator.
    pub fn insert(&mut self, mut target: TargetConfig) -> Result<(), String> {
        target.name = name::normalize(&target.name)
            .map_err(|error| format!("target {:?} cannot be served: {error}", target.name))?;
        self.targets.retain(|known| known.target != target.target);
        self.targets.push(target);
        self.targets.sort_by_key(|target| target.target);
        Ok(())
    }

    /// Adds a portal or replaces the one with the same index.
    ///
    /// # Errors
    /// What is wrong with its address, for the administrator.
    pub fn insert_portal(&mut self, portal: &PortalConfig) -> Result<(), String> {
        let address = portal.address.parse().map_err(|_| {
            format!(
                "portal address {:?} is not of the form 192.0.2.1:3260 or [2001:db8::1]:3260",
                portal.address
            )
        })?;
        self.portals.retain(|(index, _)| *index != portal.portal);
        self.portals.push((portal.portal, address));
        Ok(())
    }

    /// The name of a target.
    pub fn name(&self, target: u32) -> Option<&str> {
        self.targets.iter().find(|known| known.target == target).map(|known| known.name.as_str())
    }

    /// The targets as discovery shows them.
    pub fn listed(&self) -> Vec<Listed> {
        self.targets.iter().map(|target| self.list(target)).collect()
    }

    fn list(&self, target: &TargetConfig) -> Listed {
        let address = |index: &u32| self.portals.iter().find(|(known, _)| known == index).map(|(_, at)| *at);
        Listed {
            name: target.name.clone(),
            portal_group: target.portal_group,
            portals: target.portals.iter().filter_map(address).collect(),
        }
    }

    /// What a login through `portal` can see.
    pub fn through<'a>(&'a self, portal: u32, nexuses: &'a Nexuses) -> Through<'a> {
        Through { targets: self, portal, nexuses }
    }
}

/// The targets of one portal.
pub struct Through<'a> {
    targets: &'a Targets,
    portal: u32,
    nexuses: &'a Nexuses,
}

impl Directory for Through<'_> {
    fn target(&self, name: &str) -> Option<TargetInfo> {
        let found = self.targets.targets.iter();
        let found = found
            .filter(|target| target.portals.contains(&self.portal))
            .find(|target| target.name == name)?;
        Some(TargetInfo {
            target: found.target,
            portal_group: found.portal_group,
            alias: found.alias.clone(),
        })
    }

    fn has_session(&self, tsih: u16) -> bool {
        self.nexuses.has_tsih(tsih)
    }
}
