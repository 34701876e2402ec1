//! Cells to CSV: UTF-8, LF, RFC 4180, and no text that a spreadsheet would run.

use super::codebook::Table;
use std::fmt::Display;

/// What lists are joined by.
pub(super) const LIST: &str = " | ";

/// The rows that one job adds to a table.
pub(super) struct Sheet {
    columns: usize,
    filled: usize,
    csv: csv::Writer<Vec<u8>>,
}

impl Sheet {
    /// An empty sheet of this table, without its header.
    pub(super) fn of(table: &Table) -> Self {
        Self { columns: table.columns.len(), filled: 0, csv: csv::Writer::from_writer(Vec::new()) }
    }

    /// A text of a person or a model, guarded against being read as a formula.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        if is_formula(text) { self.cell(&format!("'{text}")) } else { self.cell(text) }
    }

    /// Several texts in one cell.
    pub(super) fn list<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        let texts: Vec<&str> = texts.into_iter().collect();
        self.text(&texts.join(LIST))
    }

    /// A number, or a word of ours.
    pub(super) fn value(&mut self, value: impl Display) -> &mut Self {
        self.cell(&value.to_string())
    }

    /// The same where there is one; else an empty cell.
    pub(super) fn maybe(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.value(value),
            None => self.cell(""),
        }
    }

    /// So many empty cells.
    pub(super) fn empty(&mut self, cells: usize) -> &mut Self {
        for _ in 0..cells {
            self.cell("");
        }
        self
    }

    /// The row is complete.
    pub(super) fn end(&mut self) {
        assert_eq!(self.filled, self.columns, "a row has one cell for each column");
        self.filled = 0;
        self.csv.write_record(None::<&[u8]>).expect("memory can be written to");
    }

    /// The rows as bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.csv.into_inner().expect("memory can be written to")
    }

    fn cell(&mut self, text: &str) -> &mut Self {
        self.filled += 1;
        self.csv.write_field(text).expect("memory can be written to");
        self
    }
}

/// The first row of a table, with a byte order mark for Excel if wanted.
pub(super) fn header(table: &Table, bom: bool) -> Vec<u8> {
    let mut sheet = Sheet::of(table);
    for column in table.columns {
        sheet.value(column.name);
    }
    sheet.end();
    let mark: &[u8] = if bom { "\u{feff}".as_bytes() } else { &[] };
    [mark, &sheet.into_bytes()].concat()
}

/// Whether a spreadsheet may take the text for a formula
/// (OWASP, *CSV Injection*: `=`, `+`, `-`, `@`, tab, carriage return).
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::codebook::Column;
    use proptest::prelude::*;

    const TWO: Table = Table {
        file: "two.csv",
        about: "",
        columns: &[
            Column { name: "a", meaning: "", unit: "", range: "" },
            Column { name: "b", meaning: "", unit: "", range: "" },
        ],
    };

    fn rows(texts: &[&str]) -> Vec<u8> {
        let mut sheet = Sheet::of(&TWO);
        for text in texts {
            sheet.text(text).value(1);
            sheet.end();
        }
        sheet.into_bytes()
    }

    #[test]
    fn a_text_that_looks_like_a_formula_is_guarded_and_a_number_is_not() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8(rows(&[text])).unwrap(), format!("{expected},1\n"));
        };
        check("=cmd()", "'=cmd()");
        check("@a", "'@a");
        check("\tx", "'\tx");
        check("\rx", "\"'\rx\"");
        check("a=b", "a=b");
        check("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\"");
        let mut sheet = Sheet::of(&TWO);
        sheet.value(-1).maybe(None::<u32>);
        sheet.end();
        assert_eq!(sheet.into_bytes(), b"-1,\n");
    }

    #[test]
    fn the_header_is_the_codebook_with_a_mark_for_those_who_want_one() {
        assert_eq!(header(&TWO, false), b"a,b\n");
        assert_eq!(header(&TWO, true), b"\xEF\xBB\xBFa,b\n");
    }

    proptest! {
        #[test]
        fn any_text_survives_an_independent_reader_apart_from_the_guard(texts: Vec<String>) {
            let given: Vec<&str> = texts.iter().map(String::as_str).collect();
            let bytes = rows(&given);
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            let read: Vec<String> =
                reader.records().map(|row| row.unwrap().get(0).unwrap().to_owned()).collect();
            let expected: Vec<String> = texts
                .iter()
                .map(|text| if is_formula(text) { format!("'{text}") } else { text.clone() })
                .collect();
            prop_assert_eq!(read, expected);
        }
    }
}
