//! Durations, money, counts and names, fit for one line of a terminal.

use crate::domain::cost::MicroUsd;
use console::measure_text_width;
use std::time::Duration;

/// A duration in whole seconds and at most two units: `8s`, `2m10s`, `1h04m`, `3d02h`.
pub fn clock(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        86_400.. => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

/// How long something took that is over: tenths of a second below a minute.
pub fn took(duration: Duration) -> String {
    if duration < Duration::from_mins(1) {
        let tenths = duration.as_millis() / 100;
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        clock(duration)
    }
}

/// A cost, never understated: calls without a known price are not free.
pub fn money(cost: MicroUsd, some_unknown: bool) -> String {
    match (cost, some_unknown) {
        (cost, false) => format!("{cost} USD"),
        (MicroUsd(0), true) => "unknown".to_owned(),
        (cost, true) => format!("at least {cost} USD"),
    }
}

/// Jobs a minute, or an hour where that is easier to read.
pub fn pace(per_minute: f64) -> String {
    if per_minute >= 1.0 {
        format!("{per_minute:.1} jobs/min")
    } else {
        format!("{:.1} jobs/h", per_minute * 60.0)
    }
}

/// `1 turn`, `38 turns`.
pub fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// One line without anything that moves a cursor or turns the writing direction: names of files
/// and messages of services are strangers' text.
pub fn one_line(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_ill_behaved(c) => '\u{fffd}',
        c => c,
    };
    let text: String = text.chars().map(shown).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Moves the cursor, or turns the writing direction.
pub(super) fn is_ill_behaved(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c.is_control()
}

/// A name in at most `width` columns: the middle goes, because the beginning tells what it is
/// and the end which one.
pub(super) fn cut_middle(name: &str, width: usize, ellipsis: &str) -> String {
    if measure_text_width(name) <= width {
        return name.to_owned();
    }
    let room = width.saturating_sub(measure_text_width(ellipsis));
    if room < 2 {
        return fitting(name.chars(), width).into_iter().collect();
    }
    let mut tail = fitting(name.chars().rev(), room / 2);
    tail.reverse();
    let tail: String = tail.into_iter().collect();
    let head = fitting(name.chars(), room - measure_text_width(&tail));
    head.into_iter().chain(ellipsis.chars()).chain(tail.chars()).collect()
}

/// As many of the characters as fit.
fn fitting(chars: impl Iterator<Item = char>, width: usize) -> Vec<char> {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += measure_text_width(c.encode_utf8(&mut [0; 4]));
            used <= width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duration_shows_its_two_largest_units() {
        let check = |s, expected: &str| assert_eq!(clock(Duration::from_secs(s)), expected);
        check(0, "0s");
        check(59, "59s");
        check(60, "1m00s");
        check(130, "2m10s");
        check(3599, "59m59s");
        check(3840, "1h04m");
        check(86_399, "23h59m");
        check(266_400, "3d02h");
    }

    #[test]
    fn what_took_less_than_a_minute_is_told_in_tenths() {
        let check = |ms, expected: &str| assert_eq!(took(Duration::from_millis(ms)), expected);
        check(40, "0.0 s");
        check(12_399, "12.3 s");
        check(59_999, "59.9 s");
        check(60_000, "1m00s");
    }

    #[test]
    fn an_unknown_price_is_never_shown_as_free() {
        let check = |micro, unknown, expected: &str| {
            assert_eq!(money(MicroUsd(micro), unknown), expected);
        };
        check(41_230, false, "0.041230 USD");
        check(0, false, "0.000000 USD");
        check(41_230, true, "at least 0.041230 USD");
        check(0, true, "unknown");
    }

    #[test]
    fn a_strangers_text_cannot_move_the_cursor() {
        let check = |text, expected: &str| assert_eq!(one_line(text), expected);
        check("moon.gif", "moon.gif");
        check("two\nlines\r\n  and\ta tab ", "two lines and a tab");
        check("\u{1b}[2Jgone.png", "\u{fffd}[2Jgone.png");
        check("gpj.\u{202e}exe", "gpj.\u{fffd}exe");
        check("蝴蝶 剪纸.png", "蝴蝶 剪纸.png");
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let check = |name, width, expected: &str| {
            assert_eq!(cut_middle(name, width, "…"), expected);
        };
        check("butterfly.png", 13, "butterfly.png");
        check("butterfly.png", 12, "butter…y.png");
        check("butterfly.png", 7, "but…png");
        check("蝴蝶在花园里飞舞.png", 20, "蝴蝶在花园里飞舞.png");
        check("蝴蝶在花园里飞舞.png", 12, "蝴蝶在….png");
        check("蝴蝶", 3, "蝴…");
        check("蝴蝶", 2, "蝴");
        check("蝴蝶", 1, "");
        check("abc", 0, "");
    }

    proptest! {
        #[test]
        fn a_cut_name_fits_and_keeps_both_ends(name in "[a-z蝴蝶剪纸é.]{4,60}", width in 0..50usize) {
            let cut = cut_middle(&name, width, "…");
            prop_assert!(measure_text_width(&cut) <= width);
            if width >= 6 {
                prop_assert_eq!(cut.chars().next(), name.chars().next());
                prop_assert_eq!(cut.chars().last(), name.chars().last());
            }
        }
    }
}
