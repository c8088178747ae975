//! The process `vdisk-svc`: takes over the control socket and serves. See [`vdisk_svc::run`].
#![forbid(unsafe_code)]

use anyhow::Context;
use ipc::message::config::ServiceKind;
use ipc::service::Control;
use vdisk_svc::engine::Choice;
use vdisk_svc::{run, stats};

fn main() -> anyhow::Result<()> {
    if ipc::service::asked_for_abi() {
        return Ok(());
    }
    let control = Control::inherit(ServiceKind::Vdisk, stats::NAMES)
        .context("vdisk-svc is started by bulkhead, with a control socket as descriptor 0")?;
    run::serve(control, Choice::from_env()).context("vdisk-svc cannot go on")
}
