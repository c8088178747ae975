//! The mode parameters of a unit: in force, saved, and about to be.
//!
//! What the way of a READ or WRITE asks for stands beside them, worked out when they change. MODE SELECT changes them, one
//! at a time ([`crate::spc::mode`]).

use ipc::state::{Loaded, StateDir, file_name};
use scsi::device_info::DeviceInfo;
use scsi::mode_page::ModeParameters;

use crate::slots::Queue;

/// Number of the format of the file that saved parameters stand in.
const SCHEMA: u32 = 1;

/// Where saved parameters are kept.
#[derive(Debug, Clone)]
pub struct Shelf {
    dir: StateDir,
    name: String,
}

/// A change that is on its way.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// What is to be in force.
    pub parameters: ModeParameters,
    /// It is to be saved too.
    pub save: bool,
}

/// The mode parameters of a unit.
#[derive(Debug)]
pub struct Settings {
    current: ModeParameters,
    saved: ModeParameters,
    shelf: Option<Shelf>,
    /// The change that a MODE SELECT is making.
    pub change: Option<Change>,
    /// MODE SELECTs that wait for that one.
    pub waiting: Queue,
    /// They are not in the notebook as they are.
    pub unkept: bool,
    /// WCE is zero: a write is on the medium before it is answered.
    pub write_through: bool,
    /// SWP is one.
    pub protected: bool,
    /// D_SENSE is one.
    pub descriptor_sense: bool,
}

impl Settings {
    /// What a unit begins with.
    pub fn new(info: &DeviceInfo) -> Self {
        let default = ModeParameters::default();
        let mut settings = Self {
            current: default,
            saved: default,
            shelf: None,
            change: None,
            waiting: Queue::default(),
            unkept: false,
            write_through: false,
            protected: false,
            descriptor_sense: false,
        };
        settings.derive(info);
        settings
    }

    /// The parameters in force.
    pub fn current(&self) -> &ModeParameters {
        &self.current
    }

    /// The saved ones, if any can be saved.
    pub fn saved(&self) -> Option<&ModeParameters> {
        self.shelf.is_some().then_some(&self.saved)
    }

    /// Where they are saved.
    pub fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    /// From now on parameters can be saved; those that were are in force. What is returned is for the administrator.
    pub fn shelve(&mut self, info: &DeviceInfo, unit: &str, dir: &StateDir) -> Option<String> {
        let shelf = Shelf { dir: dir.clone(), name: file_name("mode", unit) };
        let damaged = |why: &str| {
            Some(format!(
                "device {unit}: its saved mode parameters ({} in the state directory) cannot be used: {why}; it has \
                 the defaults",
                shelf.name
            ))
        };
        let problem = match shelf.dir.load(&shelf.name, SCHEMA) {
            Ok(Loaded::Absent) => None,
            Ok(Loaded::Contents(bytes)) => match ModeParameters::decode(info, &bytes) {
                Some(saved) => {
                    self.saved = saved;
                    None
                }
                None => damaged("they are no list of pages"),
            },
            Ok(Loaded::Damaged(why)) => damaged(why),
            Err(error) => damaged(&error.to_string()),
        };
        self.shelf = Some(shelf);
        self.force(info, self.saved);
        problem
    }

    /// Puts parameters in force.
    pub fn force(&mut self, info: &DeviceInfo, parameters: ModeParameters) {
        self.current = parameters;
        self.derive(info);
    }

    /// Ends the change that is on its way: it counts now. True if anything in force is different.
    pub fn commit(&mut self, info: &DeviceInfo) -> bool {
        let Some(change) = self.change.take() else { return false };
        if change.save {
            self.saved = change.parameters;
        }
        let changed = change.parameters != self.current;
        self.unkept |= changed;
        self.force(info, change.parameters);
        changed
    }

    /// Ends the change that is on its way: nothing of it counts.
    pub fn give_up(&mut self, info: &DeviceInfo) {
        self.change = None;
        self.derive(info);
    }

    /// A reset of the logical unit (SPC-4 6.11): the saved parameters are in force, or the defaults.
    pub fn reset(&mut self, info: &DeviceInfo) {
        self.unkept |= self.current != self.saved;
        self.force(info, self.saved);
    }

    fn derive(&mut self, info: &DeviceInfo) {
        self.write_through = !self.current.write_cache(info);
        self.protected = self.current.software_write_protect(info);
        self.descriptor_sense = self.current.control(info).d_sense;
    }
}

impl Shelf {
    /// Saves parameters; when this returns, they have reached the medium. Blocks.
    pub fn save(&self, parameters: &ModeParameters) -> std::io::Result<()> {
        self.dir.save(&self.name, SCHEMA, &parameters.encode())
    }
}
