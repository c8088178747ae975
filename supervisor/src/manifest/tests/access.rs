//! Mistakes in LUN maps, port groups and identifiers.

use super::{SMALL, wrong};

#[test]
fn manifest_with_wrong_access_is_refused() {
    let text = format!(
        r#"{SMALL}
[[target.access_group]]
name = "hosts"
initiators = ["iqn.1994-05.org.example:One", "host1", "iqn.1994-05.org.example:*", "iqn.1994-05.org.example:*"]
luns = [{{ lun = 1, device = "disk1", read_only = 1 }}]
[[target.access_group]]
name = "hosts"
initiator = []
luns = []
"#
    );
    let expected = "\
m.toml:12:15: initiator \"iqn.1994-05.org.example:One\" cannot be used; names of initiators are compared in lower case: \"iqn.1994-05.org.example:one\"
m.toml:12:46: initiator \"host1\" cannot be used; an iSCSI name begins with iqn., eui. or naa., such as \"iqn.2026-11.org.example:disks\"; or use * for any characters
m.toml:12:84: \"iqn.1994-05.org.example:*\" is in access group \"hosts\" already; an initiator sees the LUNs of one group: keep it in one
m.toml:13:29: there is no device \"disk1\"; did you mean \"disk0\"?
m.toml:13:50: read_only is a whole number; write true or false
m.toml:14:1: [[target.access_group]] has no initiators; add initiators = [\"iqn.1994-05.org.example:host1\", \"iqn.1994-05.org.example:*\"]
m.toml:15:8: there are two access groups \"hosts\"; give one of them another name
m.toml:15:8: warning: nobody is in access group \"hosts\"; add initiators = [\"iqn.1994-05.org.example:host1\"]
m.toml:16:1: [[target.access_group]] has no key \"initiator\"; did you mean \"initiators\"?";
    assert_eq!(wrong(&text), expected);
}

#[test]
fn manifest_with_wrong_port_groups_is_refused() {
    let text = format!(
        r#"{SMALL}
relative_port = 7
[[port_group]]
id = 1
name = "left"
targets = ["iqn.2026-11.org.example:disk"]
remote_ports = [7]
state = "activ"
[[port_group]]
id = 1
name = "right"
[[device_group]]
name = "all"
devices = ["disk0"]
states = {{ lef = "standby", right = 3 }}
mode = "implicid"
preferred = ["middle"]
"#
    );
    let expected = "\
m.toml:7:8: target \"iqn.2026-11.org.example:disks\" is in no port group; add it to the targets of a [[port_group]]: where there are groups, every port has one
m.toml:14:12: there is no target \"iqn.2026-11.org.example:disk\"; did you mean \"iqn.2026-11.org.example:disks\"?
m.toml:15:17: relative target port 7 is there twice; give each target port an identifier of its own
m.toml:16:9: there is no state \"activ\"; did you mean \"active\"?
m.toml:17:1: port group \"right\" has no port; name its targets: targets = [\"iqn.2026-11.org.example:disks\"]
m.toml:18:6: there are two port groups with id 1; give one of them another id
m.toml:23:12: there is no port group \"lef\"; did you mean \"left\"?
m.toml:23:37: right is a whole number; write a state, such as \"standby\"
m.toml:24:8: there is no mode \"implicid\"; did you mean \"implicit\"?
m.toml:25:14: there is no port group \"middle\"; there is \"left\" or \"right\"";
    assert_eq!(wrong(&text), expected);
}

#[test]
fn manifest_with_wrong_identifiers_is_refused() {
    let with = |keys: &str| wrong(&SMALL.replace("null.size", &format!("{keys}\nnull.size")));
    for (keys, hint) in [
        ("naa_id = \"60014\"", "it needs 32 hexadecimal digits, without 0x"),
        (
            "naa_id = \"1000000000000000\"",
            "begin with 2, 3 or 5 and use 16 hexadecimal digits, or with 6 and use 32",
        ),
        ("naa_id = \"300000000000000g\"", "it needs 16 hexadecimal digits, without 0x"),
        ("eui64_id = \"0x11223344556677\"", "use 16, 24 or 32 hexadecimal digits, without 0x"),
        ("scsi_device_name = \"disk\"", "an iSCSI name begins with iqn."),
        ("t10_dev_id = \"\"", "use 1 to 64 printable ASCII characters"),
    ] {
        assert!(with(keys).starts_with("m.toml:4:") && with(keys).contains(hint), "{}", with(keys));
    }
    let two = format!("{SMALL}[[device]]\nname = \"b\"\neui64_id = \"0011223344556677\"\nnull.size = 512\n");
    let two = two.replacen("null.size", "eui64_id = \"0011223344556677\"\nnull.size", 1);
    assert!(wrong(&two).contains("device \"disk0\" has the same eui64_id; give each device its own"));
}

#[test]
fn manifest_with_too_many_groups_or_ports_is_refused() {
    let ports: Vec<String> = (1..=256).map(|port| port.to_string()).collect();
    let group =
        |id: usize| format!("[[port_group]]\nid = {id}\nname = \"g{id}\"\nremote_ports = [{}]\n", 1000 + id);
    let many: String = (1..=65).map(group).collect();
    let text =
        format!("{SMALL}[[port_group]]\nid = 99\nname = \"x\"\nremote_ports = [{}]\n", ports.join(", "));
    assert!(
        wrong(&text).contains("port group \"x\" has too many ports; give it at most 255"),
        "{}",
        wrong(&text)
    );
    assert!(wrong(&format!("{SMALL}{many}")).contains("there are too many port groups; define at most 64"));
    let device_group = |n: usize| format!("[[device_group]]\nname = \"d{n}\"\ndevices = []\n");
    let many: String = (1..=257).map(device_group).collect();
    assert!(
        wrong(&format!("{SMALL}{many}")).contains("there are too many device groups; define at most 256")
    );
}
