//! Task attributes (SAM-5 clause 8): where a command goes in its task set.
//!
//! Transports decode their own field into this enum; core-svc orders by it.

use crate::code::coded_enum;

coded_enum! {
    /// A task attribute. The octets are those of the ATTR field of RFC 7143 11.3.1.2; other transports translate.
    TaskAttribute, "task attribute" {
        /// No attribute was given: treated as SIMPLE.
        Untagged = 0,
        /// SIMPLE: after every older ORDERED task, in any order among SIMPLE ones.
        Simple = 1,
        /// ORDERED: after everything older, before everything younger.
        Ordered = 2,
        /// HEAD OF QUEUE: at once.
        HeadOfQueue = 3,
        /// ACA: runs while the auto contingent allegiance condition of its I_T nexus stands.
        Aca = 4,
    }
}

#[cfg(test)]
mod tests;
