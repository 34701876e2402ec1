//! Every committed picture against what other decoders see in it (`tools/second_opinion.py`).

use super::read_back;
use crate::support::program::samples;
use image::RgbaImage;
use std::collections::BTreeSet;
use std::path::Path;
use tableround::imaging::{Limits, Mime, prepare};

const CELLS: u32 = 8;

/// The mean red, green, blue and alpha of a cell; colours weighed by alpha.
fn mean(picture: &RgbaImage, x: u32, y: u32) -> [f64; 4] {
    let (width, height) = picture.dimensions();
    let range = |cell: u32, side: u32| {
        let from = cell * side / CELLS;
        from..((cell + 1) * side / CELLS).max(from + 1)
    };
    let (mut sums, mut alphas, mut count) = ([0.0; 3], 0.0, 0.0);
    for row in range(y, height) {
        for column in range(x, width) {
            let [colours @ .., alpha] = picture.get_pixel(column, row).0.map(f64::from);
            for (sum, colour) in sums.iter_mut().zip(colours) {
                *sum += colour * alpha;
            }
            alphas += alpha;
            count += 1.0;
        }
    }
    let [red, green, blue] = sums.map(|sum| sum / f64::max(alphas, 1e-9));
    [red, green, blue, alphas / count]
}

#[test]
fn other_decoders_see_the_same_in_every_committed_picture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rows = csv::Reader::from_path(root.join("tests/fixtures/second-opinion.csv")).unwrap();
    let mut told = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows.deserialize() {
        let (name, width, height, cells): (String, u32, u32, String) = row.unwrap();
        // The sides are those of the file; what is larger than 800 was made smaller.
        let prepared = prepare(&std::fs::read(root.join(&name)).unwrap(), &Limits::default());
        let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
        let shrinks = width > 800 || height > 800;
        assert!(shrinks || (prepared.width, prepared.height) == (width, height), "{name}");
        let ours = read_back(&prepared).into_rgba8();
        let theirs = hex::decode(cells).unwrap();
        // Colour at half size, in the file or once it is encoded anew, runs over the edge of a cell.
        let passes = name.ends_with("png") && prepared.mime == Mime::Png;
        let (mean_max, most) = if passes { (0.5, 2.0) } else { (6.0, 20.0) };
        let mut sum = 0.0;
        let places = (0..CELLS).flat_map(|y| (0..CELLS).map(move |x| (x, y)));
        for ((x, y), cell) in places.zip(theirs.as_chunks::<4>().0) {
            let found = mean(&ours, x, y);
            let weight = f64::from(cell[3]) / 255.0;
            let off = (0..4).map(|band| {
                let off = (found[band] - f64::from(cell[band])).abs();
                // What is not seen cannot be wrong.
                if band < 3 { off * weight } else { off }
            });
            let off = off.fold(0.0, f64::max);
            sum += off / f64::from(CELLS * CELLS);
            if off > most {
                wrong.push(format!("{name} at {x},{y}: {found:.0?}, others see {cell:?}"));
            }
        }
        if sum > mean_max {
            wrong.push(format!("{name}: cells differ by {sum:.1} on average"));
        }
        told.insert(name);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));

    let images = std::fs::read_dir(root.join("tests/fixtures/images")).unwrap();
    let committed = images.map(|entry| entry.unwrap().path()).chain(samples());
    for path in committed {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        assert!(
            told.contains(&name)
                || name.contains("is_refused")
                // Pillow paints what the frame leaves free; browsers, and we, leave it clear.
                || name.ends_with("gif_frame_lies_at_its_offset.gif"),
            "{name} has no row; run tests/tools/second_opinion.py"
        );
    }
}
