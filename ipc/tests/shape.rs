//! What the processes of one Bulkhead say to one another has the shape that [`ipc::ABI_VERSION`] is for.

#[path = "shared/shape.rs"]
mod shape;

use ipc::message::{Event, Grant};
use serde::Deserialize;

/// Numbers of [`ipc::ABI_VERSION`], and of the shapes of [`Grant`] and [`Event`] then.
const SHAPES: [(u64, u64); 3] =
    [(2, 0xdd14_e548_a604_789f), (3, 0x1255_e673_e32c_7eb3), (4, 0x1255_e673_e32c_7eb3)];

#[test]
fn messages_have_the_shape_of_their_version() {
    let both = format!("{}\n{}", shape::of::<Grant>(), shape::of::<Event>());
    shape::check("ABI_VERSION", u64::from(ipc::ABI_VERSION), &SHAPES, &both);
}

/// Everything that a shape is made of.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Sample {
    a: (u8, Option<u16>),
    b: Vec<Kind>,
    c: [bool; 2],
    d: std::collections::BTreeMap<u64, String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only read")]
enum Kind {
    Nothing,
    One(Inner),
    Some { x: i64, y: Inner },
    Two(u8, ()),
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Inner(u32);

#[test]
fn shape_says_everything_in_its_order() {
    let expected = "Sample\n\
        struct Sample { a: (u8, maybe u16), b: [Kind], c: (bool, bool), d: {u64 => str} }\n\
        enum Kind { Nothing, One(Inner = u32), Some { x: i64, y: Inner = u32 }, Two(u8, ()) }";
    assert_eq!(shape::of::<Sample>(), expected);
    assert_eq!(shape::number(""), 0xCBF2_9CE4_8422_2325);
    assert_ne!(shape::number("a: u8"), shape::number("a: u16"));
}
