//! What files and folders are called.

use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// Characters of a slug at most: with the index, 47 of the 255 bytes of a file name in ASCII and
/// 167 where every character takes four.
pub const SLUG_CHARS_MAX: usize = 40;

/// Rows on one page of the report: a page with two pictures a row stays under 400 requests.
pub const REPORT_ROWS_MAX: u32 = 200;

/// The letters and digits of a file's stem, lower case, with one `-` for every run of others; at
/// most [`SLUG_CHARS_MAX`] characters; `picture` where nothing is left.
pub fn slug(source: &str) -> String {
    let stem = Path::new(source).file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let mut slug = String::new();
    let mut chars = 0;
    // Composed first, or the accents of a decomposed name would be cut off as "others".
    for c in stem.nfc().flat_map(char::to_lowercase).nfc() {
        if chars == SLUG_CHARS_MAX {
            break;
        }
        if c.is_alphanumeric() {
            slug.push(c);
            chars += 1;
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
            chars += 1;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "picture".to_owned() } else { slug.to_owned() }
}

/// The folder of a batch below the exports: its name, with `.rehearsal` where no model was asked.
pub fn batch_folder(batch: &str, rehearsal: bool) -> String {
    if rehearsal { format!("{batch}.rehearsal") } else { batch.to_owned() }
}

/// The folder of a job below its batch's: `000003-koi-pond`.
pub fn job_folder(index: u32, source: &str) -> String {
    format!("{index:06}-{}", slug(source))
}

/// The prepared picture's file in its job's folder.
pub fn picture_file(mime: &str) -> String {
    format!("picture.{}", extension(mime))
}

/// The file of the k-th generated image, from 1.
pub fn generated_file(k: usize, mime: &str) -> String {
    format!("generated-{k}.{}", extension(mime))
}

/// The page of the report that shows a row, from 1.
pub fn report_page_of(index: u32) -> u32 {
    index.saturating_sub(1) / REPORT_ROWS_MAX + 1
}

/// The file of a page of the report: `report.html`, `report-2.html`, …
pub fn report_file(page: u32) -> String {
    if page <= 1 { "report.html".to_owned() } else { format!("report-{page}.html") }
}

/// The last part of a source: what people call the picture.
pub fn file_name(source: &str) -> String {
    let name = Path::new(source).file_name();
    name.map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn extension(mime: &str) -> &'static str {
    match mime {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slug_says_which_picture_it_was() {
        let check = |source: &str, expected: &str| assert_eq!(slug(source), expected, "{source}");
        check("photos/Koi Pond (2).webp", "koi-pond-2");
        check("锦鲤 池塘.jpg", "锦鲤-池塘");
        check("Cafe\u{301}.png", "café");
        check("ÉTÉ.png", "été");
        check("a/../b/--x--.gif", "x");
        check("!!!.png", "picture");
        check("", "picture");
        check(".hidden", "hidden");
        check("archive.tar.gz", "archive-tar");
        check(&format!("{}.png", "x".repeat(60)), &"x".repeat(40));
        check(&format!("{} y.png", "x".repeat(39)), &"x".repeat(39));
    }

    #[test]
    fn folders_sort_in_the_order_of_the_batch() {
        assert_eq!(job_folder(3, "pictures/koi-pond.webp"), "000003-koi-pond");
        assert_eq!(batch_folder("june", true), "june.rehearsal");
        assert_eq!(batch_folder("june", false), "june");
    }

    #[test]
    fn a_row_is_on_the_page_that_lists_it() {
        let check = |index, file: &str| assert_eq!(report_file(report_page_of(index)), file);
        check(1, "report.html");
        check(200, "report.html");
        check(201, "report-2.html");
        check(10_000, "report-50.html");
    }

    proptest! {
        #[test]
        fn a_slug_is_a_safe_name_for_any_source(source: String) {
            let slug = slug(&source);
            prop_assert!(!slug.is_empty() && slug.chars().count() <= SLUG_CHARS_MAX);
            prop_assert!(slug.chars().all(|c| c.is_alphanumeric() || c == '-'), "{}", slug);
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
        }
    }
}
