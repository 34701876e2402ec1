//! Comparing folders of result files.

use std::collections::BTreeMap;
use std::path::Path;

/// Files that tell of time and money: true, and never the same twice.
const TELEMETRY: [&str; 4] = ["calls.csv", "attempts.csv", "timing.json", "telemetry.js"];

/// Every result file below a folder with its bytes.
pub(crate) fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                walk(root, &path, files);
            } else if !TELEMETRY.contains(&name.as_str()) {
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, folder, &mut files);
    files
}

/// The names of files that differ or are on one side only.
pub(crate) fn differences(a: &Path, b: &Path) -> Vec<String> {
    let (a, b) = (results(a), results(b));
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}
