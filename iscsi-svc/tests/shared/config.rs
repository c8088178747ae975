//! What a service under test is told of itself and of its target, whatever surrounds it.

use ipc::message::config::{ServiceConfig, TargetConfig};

/// The service's index, and so the number of its arena.
pub const SERVICE: u32 = 3;
pub const TARGET: &str = "iqn.2026-11.org.example:disk";

/// The service, which sends no NOP-In.
pub fn service() -> ServiceConfig {
    ServiceConfig {
        service: SERVICE,
        name: "iscsi".into(),
        hold_ms: 30_000,
        log: "off".into(),
        max_connections: 8,
        queue_depth: 32,
        ..Default::default()
    }
}

/// Its only target, at its only portal.
pub fn target() -> TargetConfig {
    TargetConfig {
        target: 5,
        name: TARGET.into(),
        transport: SERVICE,
        portal_group: 1,
        portals: vec![0],
        ..Default::default()
    }
}
