//! The minutes, taken apart again: they come as Markdown whose frame is ours and whose words may be
//! anybody's, so pages read the frame and escape the rest.

use serde::Serialize;

/// One paragraph of the minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Block {
    /// `#` is 1.
    Heading {
        level: usize,
        text: String,
    },
    List {
        items: Vec<String>,
    },
    Quote {
        text: String,
    },
    Text {
        text: String,
    },
}

/// The blocks of some minutes. A line starts one of four things or continues the one before.
pub(super) fn blocks(minutes: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in minutes.lines().map(str::trim_end) {
        let (last, continues) = (blocks.last_mut(), open);
        open = true;
        let hashes = line.chars().take_while(|c| *c == '#').count();
        let heading = line.trim_start_matches('#').strip_prefix(' ').filter(|_| hashes > 0);
        if line.is_empty() {
            open = false;
        } else if let Some(text) = heading {
            blocks.push(Block::Heading { level: hashes, text: text.to_owned() });
            open = false;
        } else if let Some(item) = line.strip_prefix("- ") {
            match last {
                Some(Block::List { items }) if continues => items.push(item.to_owned()),
                _ => blocks.push(Block::List { items: vec![item.to_owned()] }),
            }
        } else if let Some(quoted) = line.strip_prefix('>') {
            let quoted = quoted.strip_prefix(' ').unwrap_or(quoted);
            match last {
                Some(Block::Quote { text }) if continues => append(text, quoted),
                _ => blocks.push(Block::Quote { text: quoted.to_owned() }),
            }
        } else {
            match last {
                Some(Block::Text { text }) if continues => append(text, line),
                _ => blocks.push(Block::Text { text: line.to_owned() }),
            }
        }
    }
    blocks
}

fn append(text: &mut String, line: &str) {
    text.push('\n');
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_headings_lists_quotes_and_text() {
        let read =
            blocks("# Minutes\n\n- Topic: x\n- Seats: 6\n\n> a\n>\n> b\n\nNothing.\nMore.\n");
        let text = |text: &str| text.to_owned();
        assert_eq!(
            read,
            [
                Block::Heading { level: 1, text: text("Minutes") },
                Block::List { items: vec![text("Topic: x"), text("Seats: 6")] },
                Block::Quote { text: text("a\n\nb") },
                Block::Text { text: text("Nothing.\nMore.") },
            ]
        );
    }

    #[test]
    fn words_that_look_like_a_frame_are_only_words() {
        let check = |line: &str| {
            assert_eq!(blocks(line), [Block::Text { text: line.to_owned() }], "{line}");
        };
        check("#hashtag");
        check("-5 degrees");
        check("<h1>x</h1>");
    }
}
