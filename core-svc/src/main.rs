//! The `core-svc` process. Started by `bulkhead`, which hands it its control socket as descriptor 0.

fn main() -> anyhow::Result<()> {
    if ipc::service::asked_for_abi() {
        return Ok(());
    }
    core_svc::run::inherited()
}
