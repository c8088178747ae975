//! The one way in which an enum of this crate crosses a boundary: as one octet, with a checked way back.
//!
//! Used by [`crate::status`], [`crate::attribute`] and [`crate::task_management`]. The octets are fixed: they stand in rings and
//! notebooks, which outlive a process and its build.

/// An octet that stands for nothing in the enum that it was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{value:#04x} is no {what}")]
pub struct UnknownCode {
    /// What the octet was read as.
    pub what: &'static str,
    /// The octet.
    pub value: u8,
}

/// Declares an enum with fixed octets, `code()` and `TryFrom<u8>`.
macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $value),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The fixed octet of this value.
            pub const fn code(self) -> u8 {
                self as u8
            }
        }

        impl TryFrom<u8> for $name {
            type Error = $crate::code::UnknownCode;
            fn try_from(value: u8) -> Result<Self, $crate::code::UnknownCode> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err($crate::code::UnknownCode { what: $what, value }),
                }
            }
        }
    };
}

pub(crate) use coded_enum;
