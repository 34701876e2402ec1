//! The manifest: pictures and what is known about each, as CSV or JSON Lines.

use super::{Collector, Error, Input, lists, paths};
use crate::config::did_you_mean;
use csv::ByteRecord;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 5] = ["path", "topic", "external_id", "keywords", "design_prompt"];
/// Mistakes told at most; whoever has more has the same one on every line.
const MISTAKES_MAX: usize = 20;

impl Collector {
    pub(super) fn manifest(&mut self, file: &Path) -> Result<(), Error> {
        let name = paths::shown(file);
        let kind = file.extension().unwrap_or_default().to_ascii_lowercase();
        let opened = || {
            let list = name.clone();
            File::open(file).map_err(|source| Error::List { list, source })
        };
        let before = self.count();
        let mut reader = Reader {
            folder: file.parent().unwrap_or(Path::new("")),
            name: &name,
            collector: self,
            mistakes: Vec::new(),
            mistakes_more: 0,
        };
        match kind.to_str() {
            Some("csv") => reader.csv(opened()?),
            Some("jsonl") => reader.json_lines(BufReader::new(opened()?))?,
            Some(_) | None => return Err(Error::ManifestKind(name)),
        }
        reader.end()?;
        self.note_if_empty(before, || format!("the manifest {name}"));
        Ok(())
    }
}

struct Reader<'a> {
    /// Its paths are relative to here.
    folder: &'a Path,
    name: &'a str,
    collector: &'a mut Collector,
    mistakes: Vec<String>,
    mistakes_more: usize,
}

/// One row as it stands there: texts by column.
#[derive(Debug, Default)]
struct Row {
    path: Vec<u8>,
    topic: Option<String>,
    external_id: Option<String>,
    keywords: Vec<String>,
    design_prompt: Option<String>,
}

impl Reader<'_> {
    fn csv(&mut self, file: File) {
        let mut csv = csv::ReaderBuilder::new().flexible(true).has_headers(true).from_reader(file);
        let columns = match csv.byte_headers() {
            Ok(header) => header.clone(),
            Err(error) => return self.mistake(1, &error.to_string()),
        };
        let columns: Vec<String> = columns.iter().map(column_name).collect();
        if !self.header_is_good(&columns) {
            return;
        }
        let mut record = ByteRecord::new();
        loop {
            match csv.read_byte_record(&mut record) {
                Ok(true) => self.csv_row(&columns, &record),
                Ok(false) => return,
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    return self.mistake(line, &error.to_string());
                }
            }
        }
    }

    fn header_is_good(&mut self, columns: &[String]) -> bool {
        for (position, column) in columns.iter().enumerate() {
            if columns.iter().take(position).any(|before| before == column) {
                self.mistake(1, &format!("column `{column}` stands twice"));
            }
        }
        if !columns.iter().any(|column| column == "path") {
            self.mistake(1, "there is no column `path`");
        }
        self.warn_of_strange(columns.iter().map(String::as_str));
        self.mistakes.is_empty()
    }

    fn csv_row(&mut self, columns: &[String], record: &ByteRecord) {
        let line = record.position().map_or(1, csv::Position::line);
        if record.len() != columns.len() {
            let message = format!("{} cells under {} columns", record.len(), columns.len());
            return self.mistake(line, &message);
        }
        let mut row = Row::default();
        for (column, cell) in columns.iter().zip(record) {
            if column == "path" {
                cell.clone_into(&mut row.path);
                continue;
            }
            match std::str::from_utf8(cell) {
                Ok(text) => row.set(column, text),
                Err(_) => return self.mistake(line, &format!("`{column}` is not UTF-8")),
            }
        }
        self.take(line, row);
    }

    fn json_lines(&mut self, mut file: impl BufRead) -> Result<(), Error> {
        let mut strange = BTreeSet::new();
        let mut text = Vec::new();
        for line in 1_u64.. {
            text.clear();
            let read = file.read_until(b'\n', &mut text);
            let list = || self.name.to_owned();
            if read.map_err(|source| Error::List { list: list(), source })? == 0 {
                break;
            }
            let text =
                if line == 1 { text.trim_ascii().strip_prefix(b"\xef\xbb\xbf") } else { None }
                    .unwrap_or(text.trim_ascii());
            if !text.is_empty() {
                self.json_row(line, text, &mut strange);
            }
        }
        self.warn_of_strange(strange.iter().map(String::as_str));
        Ok(())
    }

    fn json_row(&mut self, line: u64, text: &[u8], strange: &mut BTreeSet<String>) {
        let fields: Map<String, Value> = match serde_json::from_slice(text) {
            Ok(fields) => fields,
            Err(error) => {
                let message = format!("this is not a JSON object (column {})", error.column());
                return self.mistake(line, &message);
            }
        };
        let mut row = Row::default();
        for (field, value) in &fields {
            if !COLUMNS.contains(&field.as_str()) {
                strange.insert(field.clone());
            } else if let Err(message) = row.set_json(field, value) {
                return self.mistake(line, &message);
            }
        }
        self.take(line, row);
    }

    fn take(&mut self, line: u64, row: Row) {
        if row.path.is_empty() {
            return self.mistake(line, "`path` is empty");
        }
        let path: PathBuf = lists::path(&row.path);
        self.collector.row(Input {
            source: paths::shown(&path),
            path: self.folder.join(path),
            topic: row.topic,
            external_id: row.external_id,
            keywords: row.keywords,
            design_prompt: row.design_prompt,
        });
    }

    fn warn_of_strange<'c>(&mut self, columns: impl Iterator<Item = &'c str>) {
        for column in columns.filter(|column| !COLUMNS.contains(column)) {
            let near = did_you_mean(column, COLUMNS);
            let warning = format!("{}: column `{column}` is not used{near}", self.name);
            self.collector.found.warnings.push(warning);
        }
    }

    fn mistake(&mut self, line: u64, message: &str) {
        if self.mistakes.len() < MISTAKES_MAX {
            self.mistakes.push(format!("{}:{line}: {message}", self.name));
        } else {
            self.mistakes_more += 1;
        }
    }

    fn end(mut self) -> Result<(), Error> {
        if self.mistakes_more > 0 {
            self.mistakes.push(format!("{}: and {} more", self.name, self.mistakes_more));
        }
        if self.mistakes.is_empty() { Ok(()) } else { Err(Error::Manifest(self.mistakes)) }
    }
}

impl Row {
    fn set(&mut self, column: &str, text: &str) {
        let some = || Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match column {
            "path" => text.as_bytes().clone_into(&mut self.path),
            "topic" => self.topic = some(),
            "external_id" => self.external_id = some(),
            "keywords" => self.keywords = keywords(text),
            "design_prompt" => self.design_prompt = some(),
            _ => {}
        }
    }

    fn set_json(&mut self, field: &str, value: &Value) -> Result<(), String> {
        match (field, value) {
            (_, Value::Null) => {}
            (_, Value::String(text)) => self.set(field, text),
            ("external_id", Value::Number(number)) => self.set(field, &number.to_string()),
            ("keywords", Value::Array(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                let texts = texts.ok_or("`keywords` must be a list of texts")?;
                self.keywords = texts
                    .into_iter()
                    .map(|t| t.trim().to_owned())
                    .filter(|t| !t.is_empty())
                    .collect();
            }
            _ => return Err(format!("`{field}` must be a text")),
        }
        Ok(())
    }
}

/// A column's name: without the byte order mark and spaces that spreadsheets leave.
fn column_name(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_owned()
}

/// `a | b`, `a, b`, and as one types them in Chinese.
fn keywords(text: &str) -> Vec<String> {
    text.split(['|', ',', '，', '、'])
        .map(|keyword| keyword.trim().to_owned())
        .filter(|keyword| !keyword.is_empty())
        .collect()
}
