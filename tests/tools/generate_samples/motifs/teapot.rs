//! A porcelain teapot and a cup on a wooden table, steam rising.

use crate::canvas::{Canvas, Scatter, across, around, down, faded, flat, hex};
use crate::shape::Shape;

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(720, 540);
    room(&mut canvas);
    table(&mut canvas);
    pot(&mut canvas);
    cup(&mut canvas);
    steam(&mut canvas);
    canvas
}

fn room(canvas: &mut Canvas) {
    canvas.ground(around((560.0, 80.0), &[(60.0, hex(0xF7E2BD)), (620.0, hex(0xA9764E))]));
    canvas.fill(&Shape::rect(498.0, 24.0, 164.0, 230.0), flat(0x6B452B));
    canvas.fill(
        &Shape::rect(508.0, 34.0, 144.0, 210.0),
        down(&[(34.0, hex(0x9CC9E3)), (244.0, hex(0xE8F3EE))]),
    );
    canvas.fill(
        &Shape::path("M 508 214 C 540 180 580 226 652 190 L 652 244 L 508 244 Z"),
        flat(0x7FA36B),
    );
    canvas.fill(&Shape::rect(576.0, 34.0, 8.0, 210.0), flat(0x6B452B));
    canvas.fill(&Shape::rect(508.0, 132.0, 144.0, 8.0), flat(0x6B452B));
    canvas.fill(&Shape::rect(488.0, 250.0, 184.0, 14.0), flat(0x7D5233));
}

fn table(canvas: &mut Canvas) {
    canvas.fill(
        &Shape::rect(0.0, 372.0, 720.0, 168.0),
        down(&[(372.0, hex(0x9A6238)), (540.0, hex(0x5C3419))]),
    );
    canvas.fill(&Shape::rect(0.0, 368.0, 720.0, 8.0), flat(0xC08A56));
    let mut scatter = Scatter(5);
    for _ in 0..26 {
        let (x, y) = (scatter.between(-60.0, 720.0), scatter.between(384.0, 536.0));
        let long = scatter.between(60.0, 220.0);
        let end = x + long;
        let bend = y + scatter.between(-3.0, 3.0);
        let grain = format!("M {x} {y} Q {} {bend} {end} {y}", x + long / 2.0);
        canvas.fill(&Shape::stroke(&grain, 1.6), |_| faded(hex(0x3E2110), 0.35));
    }
    for shadow in
        [Shape::ellipse((300.0, 440.0), 190.0, 22.0), Shape::ellipse((566.0, 462.0), 84.0, 13.0)]
    {
        canvas.fill(&shadow, |_| faded(hex(0x24120A), 0.4));
    }
}

fn pot(canvas: &mut Canvas) {
    let glaze = [
        (150.0, hex(0xB9C6CF)),
        (220.0, hex(0xFBFDFC)),
        (330.0, hex(0xEEF3F4)),
        (440.0, hex(0x9DB0BE)),
    ];
    canvas.fill(
        &Shape::stroke("M 176 268 C 84 240 70 366 178 372", 22.0),
        across(&[(90.0, hex(0x8FA5B5)), (170.0, hex(0xE5EDF0))]),
    );
    canvas.fill(
        &Shape::path("M 410 356 C 470 344 462 268 512 222 L 534 234 C 506 276 510 372 420 400 Z"),
        across(&[(410.0, hex(0xDCE6EA)), (534.0, hex(0x8FA5B5))]),
    );
    canvas.fill(
        &Shape::path(
            "M 214 216 C 140 250 136 350 182 402 C 210 434 392 434 420 402 C 466 350 462 250 388 216 Z",
        ),
        across(&glaze),
    );
    canvas.fill(&Shape::path("M 206 428 L 396 428 L 386 444 L 216 444 Z"), flat(0x35589A));
    band(canvas);
    canvas.fill(&Shape::path("M 208 218 C 220 170 382 170 394 218 Z"), across(&glaze));
    canvas.fill(&Shape::rect(204.0, 212.0, 194.0, 9.0), flat(0x35589A));
    canvas.fill(&Shape::ellipse((301.0, 170.0), 20.0, 17.0), flat(0x35589A));
    canvas.fill(&Shape::ellipse((295.0, 164.0), 6.0, 5.0), |_| faded(hex(0xFFFFFF), 0.7));
    canvas.fill(
        &Shape::path("M 206 252 C 180 280 178 320 190 348 C 200 320 204 286 222 256 Z"),
        |_| faded(hex(0xFFFFFF), 0.85),
    );
}

/// Blue leaves and flowers around the belly.
fn band(canvas: &mut Canvas) {
    let blue = || flat(0x35589A);
    canvas.fill(
        &Shape::stroke("M 236 340 C 268 306 300 372 336 330 C 356 308 380 318 398 334", 4.0),
        blue(),
    );
    let leaf = || Shape::path("M 0 0 C 10 -16 26 -16 36 -4 C 24 8 10 8 0 0 Z");
    for (x, y, turn) in [
        (252.0, 326.0, (0.5, -0.866)),
        (286.0, 344.0, (0.766, 0.643)),
        (322.0, 344.0, (0.643, -0.766)),
        (356.0, 318.0, (0.866, 0.5)),
        (270.0, 330.0, (0.94, -0.342)),
    ] {
        canvas.fill(&leaf().turned(turn).moved(x, y), blue());
    }
    for (x, y) in [(246.0, 292.0), (318.0, 292.0), (384.0, 356.0)] {
        for turn in [(1.0, 0.0), (0.309, 0.951), (-0.809, 0.588), (-0.809, -0.588), (0.309, -0.951)]
        {
            canvas.fill(
                &Shape::ellipse((0.0, -12.0), 8.0, 10.0).turned(turn).moved(x, y),
                flat(0x5E83C4),
            );
        }
        canvas.fill(&Shape::disc((x, y), 5.0), flat(0xE7B23F));
    }
}

fn cup(canvas: &mut Canvas) {
    canvas.fill(&Shape::ellipse((566.0, 456.0), 86.0, 14.0), flat(0xD5DFE4));
    canvas.fill(&Shape::ellipse((566.0, 452.0), 86.0, 13.0), flat(0xF4F7F7));
    canvas.fill(
        &Shape::path("M 508 376 C 510 436 540 452 566 452 C 592 452 622 436 624 376 Z"),
        across(&[(508.0, hex(0xF8FAFA)), (570.0, hex(0xE6EDF0)), (624.0, hex(0x9DB0BE))]),
    );
    canvas.fill(&Shape::stroke("M 620 390 C 662 384 654 430 606 428", 9.0), flat(0xB9C6CF));
    canvas.fill(&Shape::ellipse((566.0, 376.0), 58.0, 14.0), flat(0xFFFFFF));
    canvas.fill(&Shape::ellipse((566.0, 378.0), 50.0, 10.0), flat(0xA65A1E));
    canvas.fill(&Shape::ellipse((552.0, 376.0), 18.0, 3.5), |_| faded(hex(0xF2B66B), 0.8));
    canvas.fill(&Shape::stroke("M 514 404 Q 566 424 618 404", 3.5), flat(0x35589A));
}

fn steam(canvas: &mut Canvas) {
    for (wisp, width, opacity) in [
        ("M 524 214 C 500 176 552 150 528 108 C 514 84 536 62 530 40", 16.0, 0.16),
        ("M 530 210 C 512 180 556 152 536 118", 8.0, 0.28),
        ("M 548 352 C 530 322 568 306 550 276", 10.0, 0.3),
        ("M 584 350 C 570 326 602 306 586 282", 8.0, 0.26),
    ] {
        canvas.fill(&Shape::stroke(wisp, width), |_| faded(hex(0xFFFFFF), opacity));
    }
}
