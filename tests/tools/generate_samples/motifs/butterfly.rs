//! A butterfly cut from red paper, the same on both sides.

use crate::canvas::{Canvas, around, down, faded, flat, hex};
use crate::shape::Shape;

const WIDTH: usize = 640;
const HEIGHT: usize = 560;
const AXIS: f32 = 320.0;

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    canvas.ground(around((AXIS, 270.0), &[(120.0, hex(0xFBF3E2)), (460.0, hex(0xE6D3B0))]));
    for shape in [upper_wing(), lower_wing()] {
        both_sides(&mut canvas, &shape.moved(-5.0, 9.0), |_| faded(hex(0x5A3A1A), 0.22));
    }
    let paper = down(&[(60.0, hex(0xD8322A)), (500.0, hex(0x9E1220))]);
    both_sides(&mut canvas, &lower_wing(), &paper);
    both_sides(&mut canvas, &upper_wing(), &paper);
    for hole in holes() {
        both_sides(&mut canvas, &hole, flat(0xFAF0DC));
    }
    for thread in threads() {
        both_sides(&mut canvas, &thread, flat(0xE9B44C));
    }
    body(&mut canvas);
    canvas
}

fn both_sides(canvas: &mut Canvas, left: &Shape, paint: impl crate::canvas::Paint) {
    canvas.fill(left, &paint);
    canvas.fill(&left.clone().mirrored(AXIS), &paint);
}

fn upper_wing() -> Shape {
    Shape::path(
        "M 314 262 C 300 168 214 62 104 66 C 44 70 26 128 58 184
         C 70 206 64 222 82 240 C 130 290 230 300 314 286 Z",
    )
}

fn lower_wing() -> Shape {
    Shape::path(
        "M 314 288 C 240 290 150 300 122 360 C 106 396 128 410 132 434
         C 138 486 186 510 226 482 C 262 456 300 380 314 306 Z",
    )
}

/// What the scissors took away.
fn holes() -> Vec<Shape> {
    let drop = || Shape::path("M 0 0 C 22 -26 26 -66 0 -92 C -26 -66 -22 -26 0 0 Z");
    let mut holes = vec![
        drop().turned((0.342, -0.940)).moved(258.0, 236.0),
        drop().turned((0.643, -0.766)).scaled(1.15).moved(244.0, 204.0),
        drop().turned((0.906, -0.423)).scaled(0.8).moved(268.0, 196.0),
        drop().turned((0.087, -0.996)).scaled(0.9).moved(222.0, 262.0),
        drop().turned((-0.643, -0.766)).scaled(0.85).moved(248.0, 346.0),
        drop().turned((-0.866, -0.500)).scaled(0.95).moved(262.0, 366.0),
        drop().turned((-0.259, -0.966)).scaled(0.6).moved(232.0, 328.0),
    ];
    for (x, y, radius) in [
        (92.0, 104.0, 9.0),
        (78.0, 136.0, 7.5),
        (82.0, 166.0, 6.5),
        (96.0, 196.0, 6.0),
        (122.0, 92.0, 7.5),
        (118.0, 226.0, 6.0),
        (152.0, 390.0, 7.0),
        (158.0, 424.0, 8.0),
        (172.0, 456.0, 7.0),
        (198.0, 470.0, 6.0),
        (152.0, 360.0, 5.5),
        (150.0, 98.0, 6.0),
    ] {
        holes.push(Shape::disc((x, y), radius));
    }
    holes
}

/// Fine gold lines along the edges.
fn threads() -> [Shape; 2] {
    [
        Shape::stroke("M 306 252 C 284 180 208 88 118 80", 3.0),
        Shape::stroke("M 304 302 C 284 380 250 440 214 468", 3.0),
    ]
}

fn body(canvas: &mut Canvas) {
    let ink = flat(0x2B1418);
    for feeler in [
        Shape::stroke("M 316 236 C 306 190 286 160 258 140", 5.0),
        Shape::disc((255.0, 137.0), 8.0),
    ] {
        both_sides(canvas, &feeler, &ink);
    }
    canvas.fill(&Shape::ellipse((AXIS, 340.0), 13.0, 82.0), &ink);
    canvas.fill(&Shape::ellipse((AXIS, 276.0), 18.0, 38.0), &ink);
    canvas.fill(&Shape::disc((AXIS, 236.0), 16.0), &ink);
    for y in [318.0, 340.0, 362.0, 384.0] {
        canvas.fill(&Shape::rect(AXIS - 10.0, y, 20.0, 4.0), flat(0xE9B44C));
    }
}
