//! The service as a whole, driven through a real link and a real control socket by an in-process requester.

mod anchor;
mod atomic;
mod boot;
mod cd;
mod change;
mod data;
mod direct;
mod drive;
mod faults;
mod fixture;
mod hostile;
mod log;
mod medium;
mod mode;
mod overlap;
mod pages;
mod relink;
mod verify;
