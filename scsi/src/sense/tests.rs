//! Sense data in both formats, byte by byte.

use proptest::prelude::*;

use super::*;

fn fixed(sense: Sense) -> Vec<u8> {
    sense.to_fixed().as_slice().to_vec()
}

fn descriptor(sense: Sense) -> Vec<u8> {
    sense.to_descriptor().as_slice().to_vec()
}

#[test]
fn fixed_invalid_field_in_cdb_points_at_byte_and_bit() {
    let expected = [0x70, 0, 0x05, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x24, 0x00, 0, 0b1100_1111, 0x00, 0x01];
    assert_eq!(fixed(Sense::invalid_field_in_cdb(1, Some(7))), expected);
}

#[test]
fn fixed_invalid_field_in_parameter_list_points_at_a_whole_byte() {
    let expected = [0x70, 0, 0x05, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x26, 0x00, 0, 0b1000_0000, 0x01, 0x02];
    assert_eq!(fixed(Sense::invalid_field_in_parameter_list(0x102, None)), expected);
}

#[test]
fn fixed_unit_attention() {
    let expected = [0x70, 0, 0x06, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x29, 0x00, 0, 0, 0, 0];
    assert_eq!(fixed(Sense::unit_attention(Asc::POWER_ON_OR_RESET_OCCURRED)), expected);
}

#[test]
fn fixed_medium_error_has_the_lba_if_32_bits_hold_it() {
    let small = [0xF0, 0, 0x03, 0x12, 0x34, 0x56, 0x78, 0x0A, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0];
    assert_eq!(fixed(Sense::medium_error_read(Some(0x1234_5678))), small);
    let large = [0x70, 0, 0x03, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x0C, 0x00, 0, 0, 0, 0];
    assert_eq!(fixed(Sense::medium_error_write(Some(1 << 32))), large);
}

#[test]
fn fixed_not_ready_shows_progress() {
    let expected = [0x70, 0, 0x02, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x04, 0x04, 0, 0x80, 0x80, 0x00];
    assert_eq!(fixed(Sense::not_ready_progress(Asc::FORMAT_IN_PROGRESS, 0x8000)), expected);
}

#[test]
fn descriptor_has_only_the_descriptors_that_say_something() {
    assert_eq!(descriptor(Sense::write_protected()), [0x72, 0x07, 0x27, 0x00, 0, 0, 0, 0]);
    let miscompare = [
        [0x72, 0x0E, 0x1D, 0x00, 0, 0, 0, 12].as_slice(),
        &[0x00, 0x0A, 0x80, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0x02],
    ];
    assert_eq!(descriptor(Sense::miscompare(0x0100_0000_0000_0002)), miscompare.concat());
    let invalid = [
        [0x72, 0x05, 0x24, 0x00, 0, 0, 0, 8].as_slice(),
        &[0x02, 0x06, 0x00, 0x00, 0b1100_1010, 0x00, 0x0E, 0x00],
    ];
    assert_eq!(descriptor(Sense::invalid_field_in_cdb(14, Some(2))), invalid.concat());
}

#[test]
fn encode_follows_the_descriptor_bit() {
    assert_eq!(Sense::none().encode(false).as_slice(), fixed(Sense::none()));
    assert_eq!(Sense::none().encode(true).as_slice(), descriptor(Sense::none()));
}

#[test]
fn constructors_have_the_codes_of_the_standard() {
    let codes = |sense: Sense| (sense.key.code(), sense.asc.code, sense.asc.qualifier);
    assert_eq!(codes(Sense::invalid_opcode()), (0x5, 0x20, 0x00));
    assert_eq!(codes(Sense::lba_out_of_range()), (0x5, 0x21, 0x00));
    assert_eq!(codes(Sense::lun_not_supported()), (0x5, 0x25, 0x00));
    assert_eq!(codes(Sense::saving_parameters_not_supported(2, Some(7))), (0x5, 0x39, 0x00));
    assert_eq!(codes(Sense::not_ready(Asc::MEDIUM_NOT_PRESENT)), (0x2, 0x3A, 0x00));
    assert_eq!(codes(Sense::internal_target_failure()), (0x4, 0x44, 0x00));
    assert_eq!(codes(Sense::space_allocation_failed()), (0x7, 0x27, 0x07));
    assert_eq!(codes(Sense::aborted_command(Asc::IO_PROCESS_TERMINATED)), (0xB, 0x00, 0x06));
}

#[test]
fn parse_cut_off_sense_keeps_what_is_there() {
    assert_eq!(Sense::parse(&[]), None);
    assert_eq!(Sense::parse(&[0x70, 0]), None);
    assert_eq!(Sense::parse(&[0x00; 18]), None);
    let key_only = Sense::new(SenseKey::NotReady, Asc { code: 0, qualifier: 0 });
    assert_eq!(Sense::parse(&[0x70, 0, 0x02]), Some(key_only));
    assert_eq!(Sense::parse(&[0x72, 0x02]), Some(key_only));
    let half_a_descriptor = [0x72, 0x02, 0, 0, 0, 0, 0, 12, 0x00, 0x0A, 0x80, 0x00, 1, 2];
    assert_eq!(Sense::parse(&half_a_descriptor), Some(key_only));
    let no_length = [0x72, 0x02, 0, 0, 0, 0, 0, 2, 0x00, 0x00];
    assert_eq!(Sense::parse(&no_length), Some(key_only));
}

fn any_sense() -> impl Strategy<Value = Sense> {
    let key = prop::sample::select(SenseKey::ALL);
    let bit = prop::option::of(0..8_u8);
    (key, any::<(u8, u8)>(), any::<Option<u64>>(), any::<(bool, u16)>(), bit, any::<bool>()).prop_map(
        |(key, (code, qualifier), information, (in_cdb, value), bit, set)| Sense {
            deferred: set,
            key,
            asc: Asc { code, qualifier },
            information,
            specific: match key {
                SenseKey::IllegalRequest if set => Specific::Field(FieldPointer { in_cdb, byte: value, bit }),
                SenseKey::NotReady | SenseKey::NoSense if set => Specific::Progress(value),
                _ => Specific::None,
            },
        },
    )
}

proptest! {
    #[test]
    fn descriptor_round_trips(sense in any_sense()) {
        prop_assert_eq!(Sense::parse(sense.to_descriptor().as_slice()), Some(sense));
    }

    #[test]
    fn fixed_round_trips_but_for_long_information(sense in any_sense()) {
        let kept = Sense { information: sense.information.filter(|&lba| lba <= u64::from(u32::MAX)), ..sense };
        prop_assert_eq!(Sense::parse(sense.to_fixed().as_slice()), Some(kept));
    }

    #[test]
    fn parse_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        Sense::parse(&bytes);
    }

    #[test]
    fn parse_takes_any_descriptors(mut bytes in prop::collection::vec(0..16_u8, 8..100)) {
        bytes[0] = 0x72;
        bytes[7] = 0xFF;
        Sense::parse(&bytes);
    }
}

#[test]
fn deferred_sense_bytes() {
    let sense = Sense::medium_error_write(None).deferred();
    let fixed = [0x71, 0, 0x03, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0C, 0x00, 0, 0, 0, 0];
    assert_eq!(sense.to_fixed().as_slice(), fixed);
    assert_eq!(sense.to_descriptor().as_slice(), [0x73, 0x03, 0x0C, 0x00, 0, 0, 0, 0]);
    assert_eq!(Sense::parse(&fixed), Some(sense));
}
