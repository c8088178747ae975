//! The `iscsi-svc` process. Started by `bulkhead`, which hands it its control socket as descriptor 0.

fn main() -> anyhow::Result<()> {
    if ipc::service::asked_for_abi() {
        return Ok(());
    }
    iscsi_svc::run::inherited()
}
