//! Text of strangers in Markdown: it is shown, it never becomes a heading, a link or HTML.

use minijinja::value::Value;

/// Characters that can begin something anywhere in a line (`CommonMark` 0.31, tables, strike-through
/// and formulas of common dialects). All ASCII punctuation may be escaped by a backslash.
const ACTIVE: &[char] = &['\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '&', '$'];

/// Characters that can make a line something other than a paragraph.
const ACTIVE_FIRST: &[char] = &['#', '+', '-', '='];

/// Text for the middle of a line: escaped, line breaks become spaces.
pub(super) fn inline(text: &str) -> String {
    lines(text).map(escape_line).collect::<Vec<_>>().join(" ")
}

/// Text as a block quote, every line of it.
pub(super) fn quote(text: &str) -> String {
    let quoted = lines(text).map(|line| {
        let line = escape_line(line);
        if line.is_empty() { ">".to_owned() } else { format!("> {line}") }
    });
    quoted.collect::<Vec<_>>().join("\n")
}

/// A filter of the transcript's template: `{{ text | quote }}`.
pub(super) fn quote_filter(text: &str) -> Value {
    Value::from_safe_string(quote(text))
}

/// Lines in the sense of Markdown, where a carriage return alone ends one too.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn escape_line(line: &str) -> String {
    let line = line.trim_matches([' ', '\t']);
    let mut escaped = String::with_capacity(line.len());
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    for (position, c) in line.chars().enumerate() {
        let starts_block = position == 0 && ACTIVE_FIRST.contains(&c);
        let starts_list = digits > 0 && position == digits && matches!(c, '.' | ')');
        if starts_block || starts_list || ACTIVE.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_be_markup_is_shown_as_it_was_written() {
        let check = |text: &str, expected: &str| assert_eq!(inline(text), expected, "{text}");
        check("# Heading", "\\# Heading");
        check("C# and F#", "C# and F#");
        check("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>");
        check("[x](http://y) ![z](w)", "\\[x\\](http://y) !\\[z\\](w)");
        check("1. one\n2) two", "1\\. one 2\\) two");
        check("- item\r\n+ item\r---", "\\- item \\+ item \\---");
        check("&lt; a_b_c | d ~~e~~ $f$", "\\&lt; a\\_b\\_c \\| d \\~\\~e\\~\\~ \\$f\\$");
        check("剪纸 2.5 元", "剪纸 2.5 元");
        check("bell\u{7}", "bell\u{fffd}");
    }

    #[test]
    fn a_quote_stays_a_quote_to_its_last_line() {
        assert_eq!(quote("one\n\n# two\r    three"), "> one\n>\n> \\# two\n> three");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_quote(text: String) {
            for line in quote(&text).split(['\n', '\r']) {
                prop_assert!(line == ">" || line.starts_with("> "), "{:?}", line);
                let first = line.chars().nth(2);
                prop_assert!(!first.is_some_and(|c| "#+-=<>`~|*_".contains(c)), "{:?}", line);
            }
        }

        #[test]
        fn no_text_starts_a_line_from_within_one(text: String) {
            prop_assert!(!inline(&text).contains(['\n', '\r']));
        }
    }
}
