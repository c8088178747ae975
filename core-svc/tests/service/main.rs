//! The core driven as a service: real control socket, real links, fake peers. What is asserted is what peers can see.

#[path = "../shared/bare.rs"]
mod bare;
#[path = "../shared/ends.rs"]
mod ends;
mod rig;

mod aca;
mod alua;
mod control;
mod copy_death;
mod copy_disks;
mod copy_gate;
mod copying;
mod core_death;
mod data;
mod errands;
mod explain;
mod faults;
mod function_death;
mod gate;
mod handler_death;
mod limits;
mod lun_maps;
mod medium_death;
mod nexuses;
mod ordering;
mod reports;
mod reservation_deaths;
mod reservations;
mod task_management;
mod transport_death;
