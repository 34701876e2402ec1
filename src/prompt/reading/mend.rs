//! Almost-JSON into JSON: other quotation marks, full-width punctuation, trailing commas and raw
//! line breaks. Valid JSON passes unchanged; nothing is ever added that was not written.

use std::str::Chars;

use super::{Leniency, NESTING_MAX, Notes, Why};

/// Mends the JSON value that `text` begins with, up to the bracket that closes it.
///
/// Returns it with the text behind it. If the value never closes, all of the text is returned;
/// the parser then says that it is cut off.
pub(super) fn mend<'t>(text: &'t str, notes: &mut Notes) -> Result<(String, &'t str), Why> {
    let mut chars = text.chars();
    let mut json = String::with_capacity(text.len());
    let mut depth = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '{' | '[' => {
                depth += 1;
                if depth > NESTING_MAX {
                    return Err(Why::TooDeep);
                }
                json.push(c);
            }
            '}' | ']' => {
                drop_trailing_comma(&mut json, notes);
                json.push(c);
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            '"' => mend_string(c, &mut chars, &mut json, notes),
            '\'' | '“' | '”' | '‘' | '’' => {
                notes.note(Leniency::OtherQuotes);
                mend_string(c, &mut chars, &mut json, notes);
            }
            '，' | '：' => {
                notes.note(Leniency::FullWidthComma);
                json.push(if c == '，' { ',' } else { ':' });
            }
            other => json.push(other),
        }
    }
    Ok((json, chars.as_str()))
}

/// The comma is structural: a string would end in its quotation mark.
fn drop_trailing_comma(json: &mut String, notes: &mut Notes) {
    let Some(before) = json.trim_end().strip_suffix(',') else {
        return;
    };
    json.truncate(before.len());
    notes.note(Leniency::TrailingComma);
}

/// Copies one string up to its closing mark, which is missing if the text ends first.
fn mend_string(open: char, chars: &mut Chars<'_>, json: &mut String, notes: &mut Notes) {
    json.push('"');
    while let Some(c) = chars.next() {
        match c {
            '\\' => mend_escape(chars, json, notes),
            c if closes(open, c) => {
                json.push('"');
                return;
            }
            '"' => json.push_str("\\\""),
            '\n' | '\t' => {
                notes.note(Leniency::RawLineBreak);
                json.push_str(if c == '\n' { "\\n" } else { "\\t" });
            }
            other => json.push(other),
        }
    }
}

fn mend_escape(chars: &mut Chars<'_>, json: &mut String, notes: &mut Notes) {
    match chars.next() {
        Some('\'') => {
            notes.note(Leniency::OtherQuotes);
            json.push('\'');
        }
        Some(escaped) => json.extend(['\\', escaped]),
        None => json.push('\\'),
    }
}

fn closes(open: char, c: char) -> bool {
    match open {
        '“' | '”' => matches!(c, '“' | '”' | '"'),
        '‘' | '’' => matches!(c, '‘' | '’'),
        same => c == same,
    }
}
