//! What persistent reservations are of one logical unit (SPC-4 5.13): registrations, the reservation, and what follows from them.
//!
//! A value without a nexus in it: I_T nexuses have names here ([`Port`]), because a registration outlives its nexus and is
//! met again when the same initiator port comes back through the same target port. The notebook and the
//! file of APTPL hold it; what is read back from either is taken only if it [is sound](State::is_sound).

use rustc_hash::FxHashSet;
use scsi::persistent_reservation::Type;
use scsi::transport_id::TransportId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most registrations of one logical unit: 64 hosts with eight paths each.
pub const MOST: usize = 512;

/// Most registrations of all logical units together: they have to fit the notebook, with the longest names.
pub const MOST_OF_ALL: usize = 4096;

/// The name of an I_T nexus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    /// The initiator port.
    #[serde(with = "encoded")]
    pub initiator: TransportId,
    /// Relative identifier of the target port.
    pub target: u16,
}

/// A registered I_T nexus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Which nexus.
    pub port: Port,
    /// Its reservation key, never zero.
    pub key: u64,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What it allows.
    #[serde(serialize_with = "code", deserialize_with = "from_code")]
    pub kind: Type,
    /// Who holds it; nobody in particular if all registrants do.
    pub holder: Option<Port>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// PRGENERATION.
    pub generation: u32,
    /// APTPL is in force: registrations and reservation survive a loss of power.
    pub aptpl: bool,
    /// What had to survive has been lost, and nobody has replaced it yet.
    pub lost: bool,
    /// In the order in which they were made.
    pub registrations: Vec<Registration>,
    /// The reservation.
    pub held: Option<Held>,
}

impl State {
    /// The registration of a nexus.
    pub fn find(&self, port: &Port) -> Option<&Registration> {
        self.registrations.iter().find(|known| known.port == *port)
    }

    /// Whether a nexus holds the reservation.
    pub fn is_holder(&self, port: &Port) -> bool {
        self.held.as_ref().is_some_and(|held| match &held.holder {
            Some(holder) => holder == port,
            None => self.find(port).is_some(),
        })
    }

    /// Key of the holder and type, as READ RESERVATION has them: the key is zero if all registrants hold it.
    pub fn reservation(&self) -> Option<(u64, Type)> {
        let held = self.held.as_ref()?;
        let holder = held.holder.as_ref().and_then(|port| self.find(port));
        Some((holder.map_or(0, |holder| holder.key), held.kind))
    }

    /// Whether there is anything that has to survive a loss of power.
    pub fn is_durable(&self) -> bool {
        self.aptpl && !self.registrations.is_empty()
    }

    /// The part that survives a loss of power: PRGENERATION does not (SPC-4 5.13.5).
    pub fn durable(&self) -> Option<Self> {
        self.is_durable().then(|| Self { generation: 0, lost: false, ..self.clone() })
    }

    /// Whether it can have come about: for what was read back.
    pub fn is_sound(&self) -> bool {
        let mut seen = FxHashSet::default();
        let registered = self.registrations.iter().all(|known| {
            let port = matches!(known.port.initiator, TransportId::IscsiDevice(_));
            known.key != 0 && !port && seen.insert(&known.port)
        });
        let held = self.held.as_ref().is_none_or(|held| match &held.holder {
            Some(holder) => !held.kind.is_held_by_all() && seen.contains(holder),
            None => held.kind.is_held_by_all() && !seen.is_empty(),
        });
        let lost = !self.lost || self.registrations.is_empty();
        registered && held && lost && self.registrations.len() <= MOST
    }
}

/// A TransportID as its bytes.
mod encoded {
    use super::{Deserialize, Deserializer, Serialize, Serializer, TransportId};
    use serde::de::Error;

    pub fn serialize<S: Serializer>(id: &TransportId, serializer: S) -> Result<S::Ok, S::Error> {
        id.encode().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TransportId, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        match TransportId::parse(&bytes) {
            Ok((id, length)) if length == bytes.len() => Ok(id),
            _ => Err(D::Error::custom("a TransportID cannot be this")),
        }
    }
}

fn code<S: Serializer>(kind: &Type, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(kind.code())
}

fn from_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Type, D::Error> {
    Type::try_from(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
