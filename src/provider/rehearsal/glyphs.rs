//! The letters of one word, drawn dot by dot.

/// The word that every painted image bears.
const WORD: [[&str; 7]; 9] = [R, E, H, E, A, R, S, A, L];

const R: [&str; 7] = ["####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"];
const E: [&str; 7] = ["#####", "#....", "#....", "####.", "#....", "#....", "#####"];
const H: [&str; 7] = ["#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"];
const A: [&str; 7] = [".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"];
const S: [&str; 7] = [".####", "#....", "#....", ".###.", "....#", "....#", "####."];
const L: [&str; 7] = ["#....", "#....", "#....", "#....", "#....", "#....", "#####"];

/// Width of the word in dots: nine letters of five, and one dot between two.
pub(super) const WIDTH: usize = 9 * 6 - 1;
/// Height of the word in dots.
pub(super) const HEIGHT: usize = 7;

/// Whether the word "REHEARSAL" has a dot here.
pub(super) fn dot(x: usize, y: usize) -> bool {
    let letter = WORD.get(x / 6).and_then(|rows| rows.get(y));
    letter.is_some_and(|row| row.as_bytes().get(x % 6) == Some(&b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_five_dots_wide() {
        for row in WORD.iter().flatten() {
            assert_eq!(row.len(), 5, "{row}");
            assert!(row.chars().all(|c| c == '#' || c == '.'), "{row}");
        }
    }

    #[test]
    fn the_word_begins_with_an_upright_and_ends_before_its_width() {
        assert!((0..HEIGHT).all(|y| dot(0, y)), "the R stands");
        assert!((0..HEIGHT).all(|y| !dot(5, y) && !dot(WIDTH, y)), "letters keep their distance");
        assert!(dot(WIDTH - 1, HEIGHT - 1), "the L has a foot");
    }
}
