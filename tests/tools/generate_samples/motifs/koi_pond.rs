//! Two koi that circle each other in a pond, between lily pads.

use crate::canvas::{Canvas, around, faded, flat, hex};
use crate::shape::Shape;

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(600, 440);
    water(&mut canvas);
    // The second fish is the first, turned half round.
    koi(&mut canvas, (236.0, 206.0), (0.94, -0.342), 0xE8502A);
    koi(&mut canvas, (372.0, 248.0), (-0.94, 0.342), 0x2C2A33);
    pads(&mut canvas);
    lotus(&mut canvas);
    canvas
}

fn water(canvas: &mut Canvas) {
    canvas.ground(around((300.0, 220.0), &[(60.0, hex(0x2A8583)), (390.0, hex(0x14505A))]));
    for (x, y, radius) in [(304.0, 226.0, 176.0), (304.0, 226.0, 128.0), (304.0, 226.0, 78.0)] {
        let ring = ripple(x, y, radius);
        canvas.fill(&ring, |_| faded(hex(0xBFE8E0), 0.22));
    }
    for (x, y, size) in
        [(70.0, 384.0, 22.0), (112.0, 402.0, 15.0), (510.0, 60.0, 18.0), (548.0, 84.0, 12.0)]
    {
        canvas.fill(&Shape::ellipse((x, y), size, size * 0.7), |_| faded(hex(0x0A333C), 0.7));
    }
}

/// A thin closed ring: an outline, and the same run backwards inside it.
fn ripple(x: f32, y: f32, radius: f32) -> Shape {
    let mut inner = Shape::ellipse((x, y), radius - 2.0, (radius - 2.0) * 0.86);
    for outline in &mut inner.polygons {
        outline.reverse();
    }
    Shape::ellipse((x, y), radius, radius * 0.86).and(inner)
}

/// A fish with its head to the left of its middle, then turned and put in its place.
fn koi(canvas: &mut Canvas, (x, y): (f32, f32), turn: (f32, f32), patches: u32) {
    let placed = |path: &str| Shape::path(path).turned(turn).moved(x, y);
    let body = "M -118 4 C -112 -30 -60 -44 -10 -38 C 50 -32 86 -6 124 18 C 84 26 44 36 -10 34
                C -62 34 -108 30 -118 4 Z";
    canvas.fill(&placed(body).moved(10.0, 14.0), |_| faded(hex(0x062B33), 0.4));
    let fin = |_| faded(hex(0xFFF3E4), 0.85);
    canvas.fill(
        &placed(
            "M 112 14 C 140 -16 168 -22 188 -14 C 176 4 170 14 182 44 C 158 44 132 36 112 20 Z",
        ),
        fin,
    );
    canvas.fill(&placed("M -56 -36 C -52 -66 -26 -78 -8 -74 C -14 -58 -22 -44 -28 -36 Z"), fin);
    canvas.fill(&placed("M -56 32 C -50 60 -24 72 -6 70 C -12 54 -20 42 -28 32 Z"), fin);
    canvas.fill(&placed(body), flat(0xFDF6EC));
    for patch in [
        "M -84 -22 C -70 -38 -40 -40 -30 -26 C -26 -8 -44 6 -62 6 C -82 6 -92 -8 -84 -22 Z",
        "M 0 -36 C 26 -38 48 -26 50 -10 C 46 8 18 14 2 4 C -14 -8 -18 -30 0 -36 Z",
        "M 70 -8 C 88 -6 104 8 108 16 C 94 24 74 24 66 14 C 60 4 62 -6 70 -8 Z",
        "M -20 18 C -6 12 16 18 20 26 C 10 36 -14 36 -20 18 Z",
    ] {
        canvas.fill(&placed(patch), flat(patches));
    }
    canvas.fill(
        &Shape::stroke("M -40 -30 C -28 -10 -28 10 -40 30", 2.0).turned(turn).moved(x, y),
        |_| faded(hex(0xB98C70), 0.8),
    );
    canvas.fill(
        &Shape::stroke("M -20 -16 C 20 -20 70 -6 104 14", 2.0).turned(turn).moved(x, y),
        |_| faded(hex(0xB98C70), 0.5),
    );
    for eye in [(-96.0, -14.0), (-98.0, 16.0)] {
        canvas.fill(&Shape::disc(eye, 5.0).turned(turn).moved(x, y), flat(0x17202A));
    }
    for barbel in ["M -116 -4 C -126 -10 -132 -10 -138 -6", "M -116 12 C -126 18 -132 18 -138 14"] {
        canvas.fill(&Shape::stroke(barbel, 2.4).turned(turn).moved(x, y), flat(0xFDF6EC));
    }
}

fn pads(canvas: &mut Canvas) {
    for (x, y, radius, turn) in [
        (82.0, 82.0, 62.0, (1.0, 0.0)),
        (168.0, 40.0, 38.0, (0.5, 0.866)),
        (540.0, 372.0, 66.0, (-0.5, 0.866)),
        (452.0, 410.0, 40.0, (0.0, -1.0)),
        (30.0, 176.0, 34.0, (0.0, 1.0)),
        (572.0, 264.0, 32.0, (-0.866, -0.5)),
    ] {
        let pad = |scale: f32| {
            Shape::path("M 0 0 L 96 26 C 70 104 -30 120 -76 64 C -124 4 -84 -92 4 -100 C 60 -100 98 -58 99 -16 Z")
                .scaled(radius / 100.0 * scale)
                .turned(turn)
        };
        canvas.fill(&pad(1.0).moved(x + 6.0, y + 8.0), |_| faded(hex(0x062B33), 0.4));
        canvas.fill(&pad(1.0).moved(x, y), flat(0x3F8F4A));
        canvas.fill(&pad(0.86).moved(x, y), flat(0x56A858));
        for vein in [
            "M 0 0 L -70 30",
            "M 0 0 L -60 -50",
            "M 0 0 L 4 -80",
            "M 0 0 L 50 -56",
            "M 0 0 L -20 76",
            "M 0 0 L 44 64",
        ] {
            let vein = Shape::stroke(vein, 3.0).scaled(radius / 100.0).turned(turn).moved(x, y);
            canvas.fill(&vein, |_| faded(hex(0x2F6F3A), 0.8));
        }
    }
}

fn lotus(canvas: &mut Canvas) {
    let petal = || Shape::path("M 0 0 C 18 -16 18 -44 0 -60 C -18 -44 -18 -16 0 0 Z");
    let (x, y) = (82.0, 84.0);
    // Eighths of a full turn, twice: large petals outside, small ones between them.
    let eighths = [
        (1.0, 0.0),
        (0.707, 0.707),
        (0.0, 1.0),
        (-0.707, 0.707),
        (-1.0, 0.0),
        (-0.707, -0.707),
        (0.0, -1.0),
        (0.707, -0.707),
    ];
    for turn in eighths {
        canvas.fill(&petal().scaled(0.82).turned(turn).moved(x, y), flat(0xE98BA8));
    }
    for turn in eighths {
        let between = petal().scaled(0.62).turned((0.924, 0.383)).turned(turn);
        canvas.fill(&between.moved(x, y), flat(0xF9C9D6));
    }
    canvas.fill(&Shape::disc((x, y), 11.0), flat(0xF4C542));
}
