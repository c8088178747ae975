//! What a small manifest looks like.

use std::path::Path;

use super::{Format, draw};
use crate::manifest::Manifest;
use crate::plan::Plan;

fn plan() -> Plan {
    let text = "[[device]]\nname = \"disk0\"\nfile = { path = \"disk0.img\" }\n[[target]]\nname = \"eui.0123456789abcdef\"\nluns = [{ lun = 0, device = \"disk0\" }]\n";
    let (manifest, _) = Manifest::parse("m.toml", text, Path::new("/srv")).expect("valid");
    Plan::new(&manifest, "")
}

#[test]
fn graph_as_mermaid_shows_everything() {
    let expected = "\
flowchart LR
    initiators([initiators])
    s0[\"core<br/>core-svc\"]
    s1[\"iscsi<br/>iscsi-svc\"]
    s2[\"vdisk<br/>vdisk-svc\"]
    initiators -- \"127.0.0.1:3260\" --> s1
    s1 -- link --> s0
    s0 -- link --> s2
    s2 --> u0[(\"disk0<br/>/srv/disk0.img\")]
";
    assert_eq!(draw(&plan(), Format::Mermaid), expected);
}

#[test]
fn graph_as_dot_shows_everything() {
    let expected = "\
digraph bulkhead {
    rankdir=LR;
    initiators [shape=ellipse];
    s0 [shape=box, label=\"core\\ncore-svc\"];
    s1 [shape=box, label=\"iscsi\\niscsi-svc\"];
    s2 [shape=box, label=\"vdisk\\nvdisk-svc\"];
    u0 [shape=cylinder, label=\"disk0\\n/srv/disk0.img\"];
    initiators -> s1 [label=\"127.0.0.1:3260\"];
    s1 -> s0 [label=\"link\"];
    s0 -> s2 [label=\"link\"];
    s2 -> u0;
}
";
    assert_eq!(draw(&plan(), Format::Dot), expected);
}
