//! A patchwork quilt: nine blocks, each an eight-pointed star, in four fabrics.

use crate::canvas::{Canvas, flat};
use crate::shape::{Point, Shape};

const SIDE: usize = 360;
const BORDER: f32 = 24.0;
const BLOCK: f32 = 104.0;
const UNIT: f32 = BLOCK / 4.0;

const CREAM: u32 = 0xF4EAD5;
const NAVY: u32 = 0x27406B;
const BRICK: u32 = 0xB5452F;
const MUSTARD: u32 = 0xE0A83A;
const SAGE: u32 = 0x7F9A77;

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(SIDE, SIDE);
    canvas.ground(flat(NAVY));
    border(&mut canvas);
    for row in 0..3_u8 {
        for column in 0..3_u8 {
            let corner = (BORDER + f32::from(column) * BLOCK, BORDER + f32::from(row) * BLOCK);
            let (points, heart) = match (row + column) % 3 {
                0 => (BRICK, MUSTARD),
                1 => (NAVY, BRICK),
                _ => (SAGE, NAVY),
            };
            block(&mut canvas, corner, points, heart);
        }
    }
    stitches(&mut canvas);
    canvas
}

/// Triangles that march round the edge.
fn border(canvas: &mut Canvas) {
    let tooth = BORDER;
    for step in 0..13_u8 {
        let along = BORDER + f32::from(step) * tooth;
        let far = 360.0 - BORDER;
        let colour = if step % 2 == 0 { MUSTARD } else { BRICK };
        for points in [
            [(along, BORDER), (along + tooth, BORDER), (along + tooth / 2.0, 4.0)],
            [(along, far), (along + tooth, far), (along + tooth / 2.0, 356.0)],
            [(BORDER, along), (BORDER, along + tooth), (4.0, along + tooth / 2.0)],
            [(far, along), (far, along + tooth), (356.0, along + tooth / 2.0)],
        ] {
            canvas.fill(&Shape::polygon(&points), flat(colour));
        }
    }
}

fn block(canvas: &mut Canvas, (x, y): Point, points: u32, heart: u32) {
    let at = |column: f32, row: f32| (x + column * UNIT, y + row * UNIT);
    canvas.fill(&Shape::rect(x, y, BLOCK, BLOCK), flat(CREAM));
    // Two triangles on each side of the square make the star's points.
    for triangle in [
        [at(1.0, 1.0), at(1.0, 0.0), at(2.0, 1.0)],
        [at(2.0, 1.0), at(3.0, 0.0), at(3.0, 1.0)],
        [at(3.0, 1.0), at(4.0, 1.0), at(3.0, 2.0)],
        [at(3.0, 2.0), at(4.0, 3.0), at(3.0, 3.0)],
        [at(3.0, 3.0), at(3.0, 4.0), at(2.0, 3.0)],
        [at(2.0, 3.0), at(1.0, 4.0), at(1.0, 3.0)],
        [at(1.0, 3.0), at(0.0, 3.0), at(1.0, 2.0)],
        [at(1.0, 2.0), at(0.0, 1.0), at(1.0, 1.0)],
    ] {
        canvas.fill(&Shape::polygon(&triangle), flat(points));
    }
    let (left, top) = at(1.0, 1.0);
    canvas.fill(&Shape::rect(left, top, 2.0 * UNIT, 2.0 * UNIT), flat(heart));
    let diamond = [at(2.0, 1.0), at(3.0, 2.0), at(2.0, 3.0), at(1.0, 2.0)];
    canvas.fill(&Shape::polygon(&diamond), flat(CREAM));
    canvas.fill(&Shape::disc(at(2.0, 2.0), UNIT * 0.45), flat(MUSTARD));
    for corner in [at(0.0, 0.0), at(3.0, 0.0), at(0.0, 3.0), at(3.0, 3.0)] {
        let inner = Shape::rect(corner.0 + 8.0, corner.1 + 8.0, UNIT - 16.0, UNIT - 16.0);
        canvas.fill(&inner, flat(SAGE));
    }
}

/// Running stitches along every seam between blocks.
fn stitches(canvas: &mut Canvas) {
    for seam in 0..4_u8 {
        let line = BORDER + f32::from(seam) * BLOCK;
        for stitch in 0..39_u8 {
            let along = BORDER + f32::from(stitch) * 8.0 + 2.0;
            canvas.fill(&Shape::rect(along, line - 1.0, 5.0, 2.0), flat(0x5B4A3A));
            canvas.fill(&Shape::rect(line - 1.0, along, 2.0, 5.0), flat(0x5B4A3A));
        }
    }
}
