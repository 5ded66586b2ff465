//! Every text of a number against the standard library, bit by bit.

use proptest::prelude::*;

use super::*;

/// Both ways agree with the standard library bit by bit, with the number at the front of a window and alone.
fn agrees(text: &str) {
    let expected: f32 = text.parse().expect(text);
    let found = parse(text.as_bytes()).expect(text);
    assert_eq!(
        found.to_bits(),
        expected.to_bits(),
        "{text}: {found:e} instead of {expected:e}"
    );
    let mut window = [b','; WINDOW];
    if text.len() < WINDOW {
        window[..text.len()].copy_from_slice(text.as_bytes());
        if let Some((found, length)) = leading(&window) {
            assert_eq!(length, text.len(), "{text}");
            assert_eq!(
                found.to_bits(),
                expected.to_bits(),
                "{text}: {found:e} instead of {expected:e}"
            );
        }
    }
}

fn printed_in_every_way(value: f32) {
    agrees(&value.to_string());
    agrees(&format!("{value:e}"));
    agrees(&format!("{value:E}"));
    let wide = f64::from(value);
    agrees(&wide.to_string());
    agrees(&format!("{wide:.16e}"));
    for decimals in [1, 6, 8, 9, 12, 15, 16, 17, 18, 19] {
        agrees(&format!("{wide:.decimals$}"));
    }
}

#[test]
fn values_on_the_edge_are_met() {
    for text in [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0e5",
        "-0e-5",
        "1",
        "-1",
        "0.1",
        "16777217",
        "16777219",
        "0.5",
        "1e0",
        "1E+2",
        "1e-2",
        "3.4028235e38",
        "3.4028234663852886e38",
        "1.1754944e-38",
        "1.1754942e-38",
        "1e-45",
        "1.4e-45",
        "7e-46",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "1e-400",
        "0e999999999999999999999",
        "0.000000000000000000000000000000000000000000000000000000000000000000000000000000001e80",
        "9007199254740993",
        "9007199791611905",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "0.99999999999999999",
        "0.999999970197677612",
        "1.00000005960464477539",
        "1.000000059604644775390625",
        "1.0000000596046447753906250000000001",
        "1.00000005960464477539062499999999",
    ] {
        agrees(text);
    }
    assert_eq!(parse(b"3.4028236e38"), Some(f32::INFINITY));
    assert_eq!(parse(b"-1e39"), Some(f32::NEG_INFINITY));
    assert_eq!(parse(b"1e99999999999999999999999"), Some(f32::INFINITY));
    assert_eq!(parse(b"1e-99999999999999999999999"), Some(0.0));
}

#[test]
fn what_json_has_no_number_for_is_refused() {
    for text in [
        "",
        "-",
        "+1",
        "01",
        "-01",
        "00",
        "1.",
        ".5",
        "-.5",
        "1.e5",
        "1e",
        "1e+",
        "1e-",
        "1e5.0",
        "1.5.5",
        "1 ",
        " 1",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "-Infinity",
        "null",
        "true",
        "0x10",
        "1_000",
        "1f",
        "--1",
        "1-",
        "1e5e5",
        "٣",
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn boundaries_between_neighbours_are_rounded_right() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Magnitudes from 2^-30 to 2^30, where the quick ways work.
        let value = f32::from_bits((97 << 23) + (state >> 33) as u32 % (60 << 23));
        let boundary = f64::midpoint(f64::from(value), f64::from(value.next_up()));
        for near in [boundary, boundary.next_up(), boundary.next_down()] {
            agrees(&near.to_string());
            agrees(&format!("{near:.60}"));
            for decimals in 6..20 {
                agrees(&format!("{near:.decimals$}"));
            }
        }
    }
}

#[test]
fn all_short_fractions_are_met() {
    for digits in 1..=4_usize {
        for mantissa in 0..10_u32.pow(digits as u32) {
            agrees(&format!("0.{mantissa:0digits$}"));
            agrees(&format!("-7.{mantissa:0digits$}"));
        }
    }
}

#[test]
fn the_window_takes_what_vectors_are_made_of() {
    for text in [
        "0.1",
        "-0.012345678",
        "0.0012345678",
        "-1.2345678",
        "0.006929283495992422",
        "0.12345678",
    ] {
        let mut window = [b','; WINDOW];
        window[..text.len()].copy_from_slice(text.as_bytes());
        assert_eq!(leading(&window).map(|found| found.1), Some(text.len()), "{text}");
    }
    for text in ["1", "12.5", "-", ".5", "0.", "null", "-a.5", "", "]"] {
        let mut window = [b','; WINDOW];
        window[..text.len()].copy_from_slice(text.as_bytes());
        assert_eq!(leading(&window), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bit_pattern_is_met(bits: u32) {
        let value = f32::from_bits(bits);
        if value.is_finite() {
            printed_in_every_way(value);
        }
    }

    #[test]
    fn any_value_of_an_embedding_is_met(value in -1.0_f32..1.0) {
        printed_in_every_way(value);
    }

    #[test]
    fn any_number_of_json_is_met(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?") {
        agrees(&text);
    }

    #[test]
    fn a_token_is_a_number_exactly_where_json_says_so(text in "[-+.eE0-9]{1,8}") {
        let by_serde = serde_json::from_str::<serde_json::Value>(&text).is_ok()
            // Where the value does not fit, serde_json refuses what is a number all the same.
            || text.parse::<f64>().is_ok_and(f64::is_infinite) && parse(text.as_bytes()).is_some();
        prop_assert_eq!(parse(text.as_bytes()).is_some(), by_serde);
    }
}
