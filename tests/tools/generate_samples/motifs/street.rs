//! A city street on a rainy evening: lit windows, a tram, a walker with an umbrella.

use crate::canvas::{Canvas, Scatter, around, down, faded, flat, hex};
use crate::shape::Shape;

const GROUND: f32 = 262.0;

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(480, 360);
    canvas.ground(down(&[(0.0, hex(0x1E2748)), (GROUND, hex(0x5B4B7A))]));
    moon(&mut canvas);
    houses(&mut canvas);
    road(&mut canvas);
    lamps(&mut canvas);
    tram(&mut canvas);
    walker(&mut canvas);
    rain(&mut canvas);
    canvas
}

fn moon(canvas: &mut Canvas) {
    let crescent =
        "M 272 30 C 244 28 232 54 240 72 C 248 90 276 92 288 76 C 262 80 250 52 272 30 Z";
    canvas.fill(&Shape::path(crescent), flat(0xF3E9C6));
}

/// Left edge, width, top, wall, and how many windows across and down.
const HOUSES: [(f32, f32, f32, u32, u8, u8); 6] = [
    (-10.0, 92.0, 60.0, 0x7A3B3F, 3, 6),
    (82.0, 70.0, 104.0, 0x39506E, 3, 5),
    (152.0, 84.0, 134.0, 0x8A5F3C, 3, 4),
    (288.0, 62.0, 118.0, 0x4A5E4E, 2, 4),
    (350.0, 74.0, 78.0, 0x5E3E66, 3, 6),
    (424.0, 70.0, 38.0, 0x364A72, 2, 7),
];

fn houses(canvas: &mut Canvas) {
    let mut scatter = Scatter(21);
    canvas.fill(&Shape::rect(236.0, 160.0, 52.0, 102.0), flat(0x4B3F68));
    for (left, width, top, wall, across, down) in HOUSES {
        canvas.fill(&Shape::rect(left, top, width, GROUND - top), flat(wall));
        canvas.fill(&Shape::rect(left - 3.0, top - 5.0, width + 6.0, 7.0), flat(0x1B1F33));
        let pitch = width / f32::from(across);
        for column in 0..across {
            for row in 0..down {
                let x = left + pitch * f32::from(column) + pitch * 0.27;
                let y = top + 14.0 + f32::from(row) * 26.0;
                if y > GROUND - 44.0 {
                    continue;
                }
                let glass = if scatter.next() < 0.55 { 0xFFD479 } else { 0x20263F };
                canvas.fill(&Shape::rect(x, y, pitch * 0.46, 15.0), flat(glass));
                canvas.fill(&Shape::rect(x + pitch * 0.21, y, 1.5, 15.0), flat(wall));
            }
        }
        canvas.fill(&Shape::rect(left, GROUND - 34.0, width, 5.0), flat(0x1B1F33));
        canvas.fill(&Shape::rect(left + 8.0, GROUND - 28.0, width - 34.0, 26.0), flat(0xF6B65A));
        canvas.fill(&Shape::rect(left + width - 20.0, GROUND - 28.0, 13.0, 28.0), flat(0x2A1D26));
    }
    awning(canvas, 84.0, 42.0, 0xC5403A);
    awning(canvas, 352.0, 46.0, 0x2F8F83);
}

fn awning(canvas: &mut Canvas, left: f32, width: f32, cloth: u32) {
    for stripe in 0..6_u8 {
        let step = width / 6.0;
        let x = left + f32::from(stripe) * step;
        let colour = if stripe % 2 == 0 { cloth } else { 0xF3E6D0 };
        let cut = Shape::polygon(&[
            (x + 2.0, 230.0),
            (x + step + 2.0, 230.0),
            (x + step, 244.0),
            (x, 244.0),
        ]);
        canvas.fill(&cut, flat(colour));
    }
}

fn road(canvas: &mut Canvas) {
    canvas.fill(
        &Shape::rect(0.0, GROUND, 480.0, 98.0),
        down(&[(GROUND, hex(0x4A4660)), (360.0, hex(0x23233A))]),
    );
    canvas.fill(&Shape::rect(0.0, GROUND, 480.0, 12.0), flat(0x6C6679));
    for (left, width, ..) in HOUSES {
        let glow = Shape::rect(left + 10.0, GROUND + 14.0, width - 36.0, 60.0);
        canvas.fill(
            &glow,
            down(&[(276.0, faded(hex(0xF6B65A), 0.4)), (336.0, faded(hex(0xF6B65A), 0.0))]),
        );
    }
    for rail in [304.0, 318.0] {
        canvas.fill(&Shape::rect(0.0, rail, 480.0, 2.0), flat(0x9A97AB));
    }
    for dash in 0..7_u8 {
        canvas.fill(&Shape::rect(f32::from(dash) * 76.0, 342.0, 40.0, 4.0), flat(0xD8D2C0));
    }
}

fn lamps(canvas: &mut Canvas) {
    for x in [60.0, 330.0] {
        let light = hex(0xFFE2A0);
        canvas.fill(
            &Shape::disc((x, 168.0), 44.0),
            around((x, 168.0), &[(6.0, faded(light, 0.7)), (44.0, faded(light, 0.0))]),
        );
        canvas.fill(&Shape::rect(x - 2.0, 172.0, 4.0, 100.0), flat(0x15182A));
        canvas.fill(
            &Shape::polygon(&[
                (x - 9.0, 160.0),
                (x + 9.0, 160.0),
                (x + 6.0, 176.0),
                (x - 6.0, 176.0),
            ]),
            flat(0xFFF1C4),
        );
        canvas.fill(
            &Shape::polygon(&[(x - 11.0, 160.0), (x, 151.0), (x + 11.0, 160.0)]),
            flat(0x15182A),
        );
    }
}

fn tram(canvas: &mut Canvas) {
    canvas.fill(&Shape::stroke("M 0 176 L 480 170", 1.4), flat(0x15182A));
    canvas.fill(&Shape::stroke("M 226 222 L 238 198 L 224 175", 2.0), flat(0x15182A));
    canvas.fill(&Shape::path("M 138 230 C 138 222 144 220 152 220 L 310 220 C 318 220 322 224 324 232 L 330 306 L 138 306 Z"), flat(0xC9342E));
    canvas.fill(&Shape::rect(138.0, 270.0, 190.0, 8.0), flat(0xF3E6D0));
    for window in 0..5_u8 {
        canvas.fill(
            &Shape::rect(148.0 + f32::from(window) * 34.0, 232.0, 27.0, 30.0),
            flat(0xFFE6A6),
        );
    }
    for head in [160.0, 200.0, 262.0] {
        canvas.fill(
            &Shape::disc((head, 251.0), 6.0).and(Shape::ellipse((head, 264.0), 10.0, 8.0)),
            flat(0x4A3148),
        );
    }
    canvas.fill(&Shape::rect(138.0, 262.0, 190.0, 8.0), flat(0xC9342E));
    for wheel in [172.0, 206.0, 270.0, 302.0] {
        canvas.fill(&Shape::disc((wheel, 308.0), 10.0), flat(0x171727));
        canvas.fill(&Shape::disc((wheel, 308.0), 4.0), flat(0x9A97AB));
    }
    canvas.fill(&Shape::disc((322.0, 290.0), 5.0), flat(0xFFF6D8));
}

fn walker(canvas: &mut Canvas) {
    canvas.fill(
        &Shape::path("M 398 252 C 386 260 384 292 388 312 L 420 312 C 424 292 420 260 410 252 Z"),
        flat(0x20405E),
    );
    canvas.fill(
        &Shape::rect(393.0, 310.0, 7.0, 26.0).and(Shape::rect(408.0, 310.0, 7.0, 26.0)),
        flat(0x191A2B),
    );
    canvas.fill(&Shape::disc((404.0, 244.0), 9.0), flat(0xE2B48E));
    canvas.fill(&Shape::rect(418.0, 216.0, 2.5, 64.0), flat(0x191A2B));
    canvas.fill(&Shape::path("M 374 226 C 380 192 458 192 464 226 C 450 218 440 218 434 226 C 426 216 412 216 404 226 C 396 218 384 218 374 226 Z"), flat(0xF2C230));
}

fn rain(canvas: &mut Canvas) {
    let mut scatter = Scatter(3);
    for _ in 0..90 {
        let (x, y) = (scatter.between(0.0, 490.0), scatter.between(0.0, 350.0));
        let drop = format!("M {x} {y} L {} {}", x - 4.0, y + 12.0);
        canvas.fill(&Shape::stroke(&drop, 1.0), |_| faded(hex(0xC9D6F0), 0.45));
    }
}
