//! The `core-svc` process. Started by `bulkhead`, which hands it its control socket as descriptor 0.

fn main() -> anyhow::Result<()> {
    core_svc::run::inherited()
}
