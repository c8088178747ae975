//! From a manifest to everything that shall exist: services, links, arenas, notebooks, listening sockets, media; each
//! with the number that records and grants call it by. Pure: nothing is opened or made here, that is `wiring`.
//!
//! A service's number is its place in the manifest; the same holds for units (devices), targets and portals. The numbers
//! stay for the life of the supervisor.

mod access;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipc::arena::most_per_command;
use ipc::message::config::{
    AccessGroupConfig, BackendConfig, DeviceConfig, DeviceGroupConfig, FaultConfig, PortGroupConfig,
    PortName, PortalConfig, ServiceConfig, ServiceKind, TargetConfig, UnitConfig,
};
use serde::{Deserialize, Serialize};

use crate::manifest::{self, Backend, Kind, Manifest, Settings};
use crate::policy::Policy;

/// Bytes of a transport's notebook for each connection, and connections that it has room for at most: two thirds of it
/// are for connections, the rest for tasks. What finds no room works, and ends with the transport's process.
const NOTEBOOK_PER_CONNECTION: usize = 80 << 10;
const MOST_NOTED_CONNECTIONS: usize = 1024;

/// Bytes of a notebook, by kind. The core remembers nexuses and reservations, a transport its connections.
fn notebook_bytes(kind: Kind, connections: u32) -> usize {
    match kind {
        Kind::Core => 16 << 20,
        Kind::Iscsi => {
            (connections as usize).min(MOST_NOTED_CONNECTIONS) * NOTEBOOK_PER_CONNECTION + (4 << 20)
        }
        Kind::Vdisk => 8 << 20,
    }
}

/// PROTOCOL IDENTIFIER of iSCSI (SPC-4 7.6.1).
const ISCSI: u8 = 5;

/// Everything that shall exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Limits and places.
    pub settings: Settings,
    /// The services, by number.
    pub services: Vec<ServicePlan>,
    /// The links: every transport asks the core, the core asks every handler.
    pub links: Vec<LinkPlan>,
    /// The listening sockets, by number.
    pub portals: Vec<PortalPlan>,
    /// The logical units, by number.
    pub units: Vec<UnitPlan>,
    /// The targets, by number.
    pub targets: Vec<TargetConfig>,
    /// The access groups of all targets.
    pub access_groups: Vec<AccessGroupConfig>,
    /// The target port groups.
    pub port_groups: Vec<PortGroupConfig>,
    /// The device groups, by number.
    pub device_groups: Vec<DeviceGroupConfig>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// What it does.
    pub kind: Kind,
    /// What it is told about itself, for its first incarnation.
    pub config: ServiceConfig,
    /// When it is restarted.
    pub policy: Policy,
    /// The CPUs it may run on; empty means all.
    pub cpus: Vec<u32>,
    /// The most descriptors it may have open.
    pub nofile: u64,
    /// The most address space it may use in bytes, if limited.
    pub address_space: Option<u64>,
    /// Bytes of its notebook.
    pub notebook: usize,
    /// Bytes of the arena that it owns: a transport for the data of its commands, the core for what it copies.
    pub arena: Option<usize>,
}

/// One link, by the numbers of the services at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkPlan {
    /// Who asks.
    pub requester: u32,
    /// Who answers.
    pub responder: u32,
}

impl LinkPlan {
    /// The service at the other end than `service`, if that is one of the ends.
    pub fn other_end(&self, service: u32) -> Option<u32> {
        match *self {
            LinkPlan { requester, responder } if requester == service => Some(responder),
            LinkPlan { requester, responder } if responder == service => Some(requester),
            _ => None,
        }
    }
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalPlan {
    /// Where it listens.
    pub address: SocketAddr,
    /// The transport that accepts from it.
    pub service: u32,
    /// What the transport is told.
    pub config: PortalConfig,
}

/// One logical unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitPlan {
    /// The handler that serves it.
    pub service: u32,
    /// What the handler is told.
    pub config: DeviceConfig,
    /// What is opened for each incarnation of the handler.
    pub medium: Medium,
    /// An administrator has changed the medium since the start.
    pub changed: bool,
    /// What the manifest says is to be served of a block device.
    pub manifest_limit: Option<u64>,
    /// Commands that it may have.
    pub queue_depth: u32,
}

impl UnitPlan {
    /// What the core is told.
    pub fn for_core(&self) -> UnitConfig {
        UnitConfig {
            unit: self.config.unit,
            name: self.config.name.clone(),
            handler: self.service,
            device_group: self.config.device_group,
            queue_depth: self.queue_depth,
            names: self.config.names.clone(),
        }
    }
}

/// Where the bytes of a unit are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Medium {
    /// Nowhere.
    None,
    /// In a file or block device.
    File {
        /// Its absolute path.
        path: PathBuf,
        /// The size to make it with where it is missing.
        create: Option<u64>,
    },
    /// In memory that the supervisor holds, so that it outlives the handler.
    Memory {
        /// Its size.
        bytes: u64,
    },
}

impl Medium {
    /// Its path, if it has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Medium::File { path, .. } => Some(path),
            Medium::None | Medium::Memory { .. } => None,
        }
    }
}

impl Plan {
    /// The plan for a manifest without errors. `machine` is what tells this machine from others, for serial numbers.
    pub fn new(manifest: &Manifest, machine: &str) -> Self {
        let services: Vec<ServicePlan> = (0..)
            .zip(&manifest.services)
            .map(|(number, service)| service_plan(number, service, manifest))
            .collect();
        let portals = portal_plans(manifest);
        let targets = (0..).zip(&manifest.targets).zip(access::relative_ports(manifest));
        let targets = targets
            .map(|((number, target), port)| target_config(number, target, port, manifest, &portals))
            .collect();
        let mut plan = Self {
            settings: manifest.settings.clone(),
            links: links(&services),
            services,
            portals,
            units: Vec::new(),
            targets,
            access_groups: access::access_groups(manifest),
            port_groups: access::port_groups(manifest),
            device_groups: access::device_groups(manifest),
        };
        let units = (0..).zip(&manifest.devices);
        plan.units = units.map(|(unit, device)| unit_plan(unit, device, manifest, &plan, machine)).collect();
        plan
    }

    /// The number of the service named `name`.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.services.iter().position(|service| service.config.name == name).map(|number| number as u32)
    }

    /// The numbers of the services of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = u32> {
        (0..).zip(&self.services).filter(move |(_, service)| service.kind == kind).map(|(number, _)| number)
    }

    /// The numbers of the arenas that a service is granted: its own to a transport; all to the core and to handlers, which serve
    /// the transports and the core's copies.
    pub fn arenas_of(&self, service: u32) -> impl Iterator<Item = u32> {
        let kind = self.services.get(service as usize).map(|service| service.kind);
        let arenas = (0..).zip(&self.services).filter(|(_, service)| service.arena.is_some());
        arenas.map(|(number, _)| number).filter(move |number| kind != Some(Kind::Iscsi) || *number == service)
    }
}

/// The kind as control messages have it.
pub fn service_kind(kind: Kind) -> ServiceKind {
    match kind {
        Kind::Core => ServiceKind::Core,
        Kind::Iscsi => ServiceKind::Iscsi,
        Kind::Vdisk => ServiceKind::Vdisk,
    }
}

/// The number of a service that the manifest names; the checks made sure that it exists.
fn service_number(manifest: &Manifest, name: &str) -> u32 {
    manifest.services.iter().position(|service| service.name.value == name).unwrap_or_default() as u32
}

fn service_plan(number: u32, service: &manifest::Service, manifest: &Manifest) -> ServicePlan {
    let transport = (service.kind == Kind::Iscsi).then_some(service.transport);
    let config = ServiceConfig {
        service: number,
        name: service.name.value.clone(),
        incarnation: 0,
        poll_us: service.poll_us,
        hold_ms: manifest.settings.hold_limit.as_millis().try_into().unwrap_or(u32::MAX),
        log: service.log.clone(),
        max_connections: transport.map_or(0, |transport| transport.max_connections),
        nop_interval_s: transport.map_or(0, |transport| transport.nop_interval_s),
        queue_depth: transport.map_or(0, |transport| transport.queue_depth),
        workers: if service.kind == Kind::Vdisk { service.workers } else { 0 },
        buffers: if service.kind == Kind::Vdisk { service.buffers } else { 0 },
    };
    ServicePlan {
        kind: service.kind,
        config,
        policy: service.policy,
        cpus: service.cpus.clone(),
        nofile: service.nofile,
        address_space: service.address_space,
        notebook: notebook_bytes(service.kind, transport.map_or(0, |transport| transport.max_connections)),
        arena: match service.kind {
            Kind::Iscsi => usize::try_from(service.transport.arena).ok(),
            Kind::Core => usize::try_from(service.copy_arena).ok(),
            Kind::Vdisk => None,
        },
    }
}

fn links(services: &[ServicePlan]) -> Vec<LinkPlan> {
    let of_kind = |kind| (0..).zip(services).filter(move |(_, service)| service.kind == kind).map(|(n, _)| n);
    let Some(core) = of_kind(Kind::Core).next() else { return Vec::new() };
    let transports = of_kind(Kind::Iscsi).map(|requester| LinkPlan { requester, responder: core });
    transports.chain(of_kind(Kind::Vdisk).map(|responder| LinkPlan { requester: core, responder })).collect()
}

/// One listening socket an address: targets of one service share it.
fn portal_plans(manifest: &Manifest) -> Vec<PortalPlan> {
    let mut plans: Vec<PortalPlan> = Vec::new();
    for target in &manifest.targets {
        for address in target.portals.iter().map(|portal| portal.value) {
            if !plans.iter().any(|plan| plan.address == address) {
                let config = PortalConfig { portal: plans.len() as u32, address: address.to_string() };
                plans.push(PortalPlan {
                    address,
                    service: service_number(manifest, &target.service.value),
                    config,
                });
            }
        }
    }
    plans
}

fn target_config(
    number: u32,
    target: &manifest::Target,
    relative_port: u16,
    manifest: &Manifest,
    portals: &[PortalPlan],
) -> TargetConfig {
    let portal = |address: SocketAddr| portals.iter().position(|plan| plan.address == address);
    TargetConfig {
        target: number,
        name: target.name.value.clone(),
        alias: target.alias.clone().unwrap_or_default(),
        transport: service_number(manifest, &target.service.value),
        portal_group: target.tag,
        relative_port,
        port_group: access::port_group_of(manifest, target),
        portals: target.portals.iter().filter_map(|address| Some(portal(address.value)? as u32)).collect(),
        queue_depth: target.queue_depth,
        lun_queue_depth: target.lun_queue_depth,
        addressing: target.addressing,
        luns: access::lun_map(manifest, &target.luns),
    }
}

/// What every transport that shows a unit can carry of one command, in bytes.
fn max_transfer(unit: u32, plan: &Plan) -> u64 {
    let shows = |target: &&TargetConfig| access::shows(target, &plan.access_groups, unit);
    let arena = |target: &TargetConfig| plan.services.get(target.transport as usize)?.arena;
    let arenas = plan.targets.iter().filter(shows).filter_map(arena);
    arenas.map(|bytes| most_per_command(bytes as u64)).min().unwrap_or(0)
}

/// The target ports that show a unit.
fn ports_of(unit: u32, plan: &Plan) -> Vec<PortName> {
    let shows = |target: &&TargetConfig| access::shows(target, &plan.access_groups, unit);
    let port = |target: &TargetConfig| PortName {
        relative: target.relative_port,
        group: target.port_group,
        protocol: ISCSI,
        device: target.name.clone(),
        port: format!("{},t,0x{:04x}", target.name, target.portal_group),
    };
    plan.targets.iter().filter(shows).map(port).collect()
}

fn unit_plan(
    unit: u32,
    device: &manifest::Device,
    manifest: &Manifest,
    plan: &Plan,
    machine: &str,
) -> UnitPlan {
    let (backend, medium) = backend_plan(device);
    let file = device.backend.file();
    let cdrom = matches!(device.backend, Backend::Cdrom(_));
    let or = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    let serial = or(&device.serial, &serial(machine, &device.name.value));
    let device_group = access::device_group_of(manifest, device);
    let management = plan.device_groups.get(device_group as usize).map(|group| group.management);
    let vendor = or(&device.vendor, access::VENDOR);
    let product = or(&device.product, if cdrom { "CD-ROM" } else { access::PRODUCT });
    let exponent = (device.physical_block_size / device.block_size).max(1).trailing_zeros();
    let config = DeviceConfig {
        unit,
        name: device.name.value.clone(),
        backend,
        block_size: device.block_size,
        physical_exponent: exponent as u8,
        read_only: device.read_only,
        write_through: device.write_through,
        rotational: device.traits.rotational.unwrap_or(false),
        thin: device.thin,
        removable: device.removable,
        cdrom,
        revision: or(&device.revision, "0001"),
        names: access::unit_names(device, &vendor, &product, &serial),
        vendor,
        product,
        serial,
        management: management.unwrap_or_default(),
        device_group,
        management_url: manifest.settings.management_url.clone().unwrap_or_default(),
        ports: ports_of(unit, plan),
        medium_generation: 0,
        limit: file
            .filter(|file| file.block || device.traits.on_block_device)
            .and_then(|file| file.size.as_ref())
            .map(|size| size.value),
        direct: file.is_some_and(|file| file.direct),
        pretend: device.traits.pretend,
        nv_cache: device.traits.nv_cache,
        cacheless: device.traits.cacheless,
        rotation_rate: device.traits.rotation_rate,
        lowest_aligned: device.traits.lowest_aligned,
        optimal_transfer: device.traits.opt_transfer,
        optimal_granularity: device.traits.opt_granularity,
        threshold: device.traits.threshold,
        max_transfer: max_transfer(unit, plan),
        lost: false,
        sanitize_rate: device.traits.sanitize_rate,
    };
    let (service, queue_depth) = (service_number(manifest, &device.service.value), device.queue_depth);
    let manifest_limit = config.limit;
    UnitPlan { service, config, medium, changed: false, manifest_limit, queue_depth }
}

/// What a unit's handler is told of its backend, and the medium that it is granted.
fn backend_plan(device: &manifest::Device) -> (BackendConfig, Medium) {
    let medium_of = |file: &manifest::FileBackend| Medium::File {
        path: file.path.value.clone(),
        create: file.size.as_ref().filter(|_| file.create).map(|size| size.value),
    };
    match &device.backend {
        Backend::File(file) => (BackendConfig::File, medium_of(file)),
        Backend::Null { size } => (BackendConfig::Null { bytes: size.value }, Medium::None),
        Backend::Cdrom(image) => (BackendConfig::File, image.as_ref().map_or(Medium::None, medium_of)),
        Backend::Fault(fault) => {
            let memory = Medium::Memory { bytes: fault.size.value };
            let config = FaultConfig {
                delay_us: fault.delay_us,
                fail_every: fault.fail_every,
                short_every: fault.short_every,
                die_at: fault.die_at,
            };
            (BackendConfig::Fault(config), fault.file.as_ref().map_or(memory, medium_of))
        }
    }
}

/// A serial number for a device without one: the same at every start, another on another machine, for an initiator takes
/// two units with one serial number for two paths to one disk.
fn serial(machine: &str, name: &str) -> String {
    format!("{:016x}", access::fnv(machine.bytes().chain([0]).chain(name.bytes())))
}
