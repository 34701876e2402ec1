//! A lit paper lantern on nothing: its glow fades into full transparency.

use crate::canvas::{Canvas, across, around, down, faded, flat, hex};
use crate::shape::Shape;

const AXIS: f32 = 210.0;
const MIDDLE: f32 = 250.0;

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(420, 600);
    let glow = hex(0xFFB347);
    canvas.fill(
        &Shape::disc((AXIS, MIDDLE), 205.0),
        around(
            (AXIS, MIDDLE),
            &[(110.0, faded(glow, 0.55)), (160.0, faded(glow, 0.18)), (205.0, faded(glow, 0.0))],
        ),
    );
    cord(&mut canvas);
    paper(&mut canvas);
    caps(&mut canvas);
    tassel(&mut canvas);
    canvas
}

fn cord(canvas: &mut Canvas) {
    canvas.fill(&Shape::stroke("M 210 0 L 210 110", 5.0), flat(0x7A1F1A));
    canvas.fill(&Shape::disc((AXIS, 70.0), 11.0), flat(0xC8962E));
    canvas.fill(&Shape::disc((AXIS, 70.0), 5.0), flat(0x7A1F1A));
}

fn paper(canvas: &mut Canvas) {
    let lit = [
        (60.0, hex(0xA3121C)),
        (140.0, hex(0xE03A22)),
        (AXIS, hex(0xFF9A3C)),
        (280.0, hex(0xE03A22)),
        (360.0, hex(0xA3121C)),
    ];
    canvas.fill(&Shape::ellipse((AXIS, MIDDLE), 150.0, 128.0), across(&lit));
    let candle = hex(0xFFE9A8);
    canvas.fill(
        &Shape::ellipse((AXIS, MIDDLE + 14.0), 110.0, 96.0),
        around((AXIS, MIDDLE + 24.0), &[(0.0, faded(candle, 0.9)), (96.0, faded(candle, 0.0))]),
    );
    for bow in [0.0_f32, 44.0, 84.0, 118.0, 142.0] {
        for side in [-1.0, 1.0] {
            let x = AXIS + side * bow * 0.35;
            let reach = AXIS + side * bow * 1.28;
            let rib = format!("M {x} 126 C {reach} 165 {reach} 335 {x} 374");
            canvas.fill(&Shape::stroke(&rib, 2.4), |_| faded(hex(0x6E0B14), 0.75));
        }
    }
    blossom(canvas);
}

/// A five-petalled plum blossom painted on the front.
fn blossom(canvas: &mut Canvas) {
    let petal = || Shape::ellipse((0.0, -20.0), 13.0, 17.0);
    // The fifths of a full turn.
    for turn in [(1.0, 0.0), (0.309, 0.951), (-0.809, 0.588), (-0.809, -0.588), (0.309, -0.951)] {
        canvas.fill(&petal().turned(turn).moved(AXIS, MIDDLE), |_| faded(hex(0xFFF6E0), 0.92));
    }
    canvas.fill(&Shape::disc((AXIS, MIDDLE), 7.0), flat(0xC8962E));
}

fn caps(canvas: &mut Canvas) {
    let gold = [(140.0, hex(0x8A5A16)), (200.0, hex(0xF2CF6B)), (280.0, hex(0x8A5A16))];
    for cap in [
        Shape::path("M 158 128 L 172 104 L 248 104 L 262 128 Z"),
        Shape::path("M 158 372 L 262 372 L 248 396 L 172 396 Z"),
    ] {
        canvas.fill(&cap, across(&gold));
    }
}

fn tassel(canvas: &mut Canvas) {
    canvas.fill(&Shape::stroke("M 210 396 L 210 440", 5.0), flat(0x7A1F1A));
    canvas.fill(&Shape::disc((AXIS, 436.0), 13.0), flat(0xC8962E));
    canvas.fill(
        &Shape::path(
            "M 194 446 L 226 446 C 236 500 240 550 238 590 L 182 590 C 180 550 184 500 194 446 Z",
        ),
        down(&[(446.0, hex(0xC4201F)), (590.0, hex(0x7A0F16))]),
    );
    for step in 0..6_u8 {
        let top = 199.0 + f32::from(step) * 4.4;
        let bottom = 187.0 + f32::from(step) * 9.2;
        let strand = format!("M {top} 456 C {top} 510 {bottom} 540 {bottom} 588");
        canvas.fill(&Shape::stroke(&strand, 1.6), |_| faded(hex(0x4E060C), 0.6));
    }
    canvas.fill(&Shape::rect(192.0, 446.0, 36.0, 8.0), flat(0xE9B44C));
}
