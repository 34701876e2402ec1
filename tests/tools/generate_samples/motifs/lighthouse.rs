//! A lighthouse at dusk, its lamp just lit. Larger than 800 pixels, so that it is made smaller.

use crate::canvas::{Canvas, Scatter, across, around, down, faded, flat, hex};
use crate::shape::Shape;

const WIDTH: usize = 1200;
const HEIGHT: usize = 800;
const HORIZON: f32 = 540.0;
const SUN: (f32, f32) = (330.0, 520.0);

pub(crate) fn draw() -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    sky(&mut canvas);
    sea(&mut canvas);
    beam(&mut canvas);
    cliff(&mut canvas);
    tower(&mut canvas);
    gulls(&mut canvas);
    canvas
}

fn sky(canvas: &mut Canvas) {
    canvas.ground(down(&[
        (0.0, hex(0x1B2350)),
        (220.0, hex(0x4A3F78)),
        (400.0, hex(0xC2607A)),
        (HORIZON, hex(0xFFB566)),
    ]));
    let mut scatter = Scatter(7);
    for _ in 0..70 {
        let star = (scatter.between(0.0, 1200.0), scatter.between(0.0, 230.0));
        let shine = scatter.between(0.2, 0.9) * (1.0 - star.1 / 260.0);
        canvas.fill(&Shape::disc(star, scatter.between(0.8, 2.0)), |_| faded(hex(0xFFFFFF), shine));
    }
    let halo = hex(0xFFE3A0);
    canvas.fill(
        &Shape::disc(SUN, 260.0),
        around(SUN, &[(55.0, faded(halo, 0.75)), (260.0, faded(halo, 0.0))]),
    );
    canvas.fill(&Shape::disc(SUN, 58.0), flat(0xFFE9B8));
    for (x, y, long, high) in [
        (180.0, 330.0, 190.0, 16.0),
        (290.0, 352.0, 240.0, 12.0),
        (560.0, 262.0, 210.0, 14.0),
        (640.0, 284.0, 150.0, 10.0),
        (90.0, 420.0, 160.0, 9.0),
        (520.0, 438.0, 170.0, 8.0),
    ] {
        canvas.fill(&Shape::ellipse((x, y), long, high), |_| faded(hex(0x6A3B66), 0.5));
        canvas.fill(&Shape::ellipse((x, y + high * 0.5), long * 0.8, high * 0.45), |_| {
            faded(hex(0xFF9C7A), 0.55)
        });
    }
}

fn sea(canvas: &mut Canvas) {
    canvas.fill(
        &Shape::rect(0.0, HORIZON, 1200.0, 260.0),
        down(&[(HORIZON, hex(0xB8708A)), (620.0, hex(0x4B4A7C)), (800.0, hex(0x161D42))]),
    );
    let mut scatter = Scatter(99);
    for step in 0..46_u8 {
        let depth = f32::from(step) / 46.0;
        let y = HORIZON + 4.0 + depth * 246.0;
        let spread = 60.0 + depth * 150.0;
        let glitter = Shape::ellipse(
            (SUN.0 + scatter.between(-spread, spread), y),
            scatter.between(12.0, 60.0),
            1.4 + depth * 2.6,
        );
        canvas.fill(&glitter, |_| faded(hex(0xFFD58A), 0.75 - depth * 0.5));
        let wave = Shape::ellipse(
            (scatter.between(0.0, 1200.0), y),
            scatter.between(30.0, 120.0),
            1.0 + depth * 2.0,
        );
        canvas.fill(&wave, |_| faded(hex(0x0E1434), 0.35));
    }
}

fn beam(canvas: &mut Canvas) {
    let light = hex(0xFFF3C4);
    let ray = Shape::polygon(&[(884.0, 182.0), (0.0, 40.0), (0.0, 196.0), (884.0, 200.0)]);
    canvas.fill(&ray, across(&[(0.0, faded(light, 0.02)), (884.0, faded(light, 0.6))]));
    let ray = Shape::polygon(&[(916.0, 182.0), (1200.0, 150.0), (1200.0, 236.0), (916.0, 200.0)]);
    canvas.fill(&ray, across(&[(916.0, faded(light, 0.6)), (1200.0, faded(light, 0.25))]));
}

fn cliff(canvas: &mut Canvas) {
    canvas.fill(
        &Shape::path(
            "M 1200 500 C 1120 480 1050 500 990 498 C 930 494 860 500 800 520 C 740 542 742 590 690 612
             C 640 634 640 690 580 712 C 540 730 540 770 500 800 L 1200 800 Z",
        ),
        down(&[(480.0, hex(0x3A2C3E)), (800.0, hex(0x14101E))]),
    );
    canvas.fill(
        &Shape::path(
            "M 1200 500 C 1120 480 1050 500 990 498 C 930 494 860 500 800 520 C 780 528 768 540 760 552
             C 840 526 940 520 1010 522 C 1080 524 1140 512 1200 528 Z",
        ),
        flat(0x4E5A3C),
    );
    for foot in [(560.0, 746.0), (628.0, 688.0), (512.0, 790.0), (716.0, 616.0)] {
        canvas.fill(&Shape::ellipse(foot, 46.0, 6.0), |_| faded(hex(0xF3E3E6), 0.55));
    }
}

fn tower(canvas: &mut Canvas) {
    // Each edge of the tower leans inwards: where it is at a height.
    let left = |y: f32| 846.0 + (520.0 - y) * 0.075;
    let right = |y: f32| 954.0 - (520.0 - y) * 0.075;
    let shaded = |bright: u32, dark: u32| {
        across(&[(850.0, hex(bright)), (905.0, hex(bright)), (950.0, hex(dark))])
    };
    for band in 0..7_u8 {
        let top = 226.0 + f32::from(band) * 42.0;
        let bottom = top + 42.0;
        let ring = Shape::polygon(&[
            (left(top), top),
            (right(top), top),
            (right(bottom), bottom),
            (left(bottom), bottom),
        ]);
        if band % 2 == 0 {
            canvas.fill(&ring, shaded(0xF6EBDD, 0x9A8796));
        } else {
            canvas.fill(&ring, shaded(0xC93A32, 0x6E1C2C));
        }
    }
    canvas.fill(&Shape::rect(846.0, 214.0, 108.0, 14.0), flat(0x2A2233));
    for post in 0..9_u8 {
        canvas.fill(&Shape::rect(848.0 + f32::from(post) * 13.0, 190.0, 2.5, 26.0), flat(0x2A2233));
    }
    canvas.fill(&Shape::rect(846.0, 188.0, 108.0, 3.0), flat(0x2A2233));
    canvas.fill(&Shape::rect(876.0, 158.0, 48.0, 56.0), flat(0xFFE27A));
    let lamp = hex(0xFFFFFF);
    canvas.fill(
        &Shape::disc((900.0, 190.0), 90.0),
        around(
            (900.0, 190.0),
            &[(6.0, faded(lamp, 0.95)), (34.0, faded(lamp, 0.35)), (90.0, faded(lamp, 0.0))],
        ),
    );
    for bar in [876.0, 890.0, 906.0, 921.0] {
        canvas.fill(&Shape::rect(bar, 158.0, 3.0, 56.0), flat(0x2A2233));
    }
    canvas.fill(
        &Shape::path("M 866 160 C 872 130 890 120 900 104 C 910 120 928 130 934 160 Z"),
        flat(0x8E2430),
    );
    canvas.fill(&Shape::disc((900.0, 102.0), 6.0), flat(0x2A2233));
    for (x, y) in [(892.0, 284.0), (896.0, 368.0)] {
        canvas.fill(&Shape::rect(x, y, 14.0, 22.0), flat(0x2A2233));
        canvas.fill(&Shape::rect(x + 2.5, y + 2.5, 9.0, 17.0), flat(0xFFD36B));
    }
    canvas.fill(
        &Shape::path("M 886 520 L 886 486 C 886 470 914 470 914 486 L 914 520 Z"),
        flat(0x3B2430),
    );
    house(canvas);
}

fn house(canvas: &mut Canvas) {
    canvas.fill(&Shape::rect(984.0, 446.0, 130.0, 66.0), flat(0xD9C7B8));
    canvas.fill(
        &Shape::polygon(&[(972.0, 448.0), (1008.0, 404.0), (1090.0, 404.0), (1126.0, 448.0)]),
        flat(0x7A2A34),
    );
    for x in [1002.0, 1072.0] {
        canvas.fill(&Shape::rect(x, 462.0, 24.0, 24.0), flat(0xFFD36B));
        canvas.fill(&Shape::rect(x + 11.0, 462.0, 2.0, 24.0), flat(0x4A2E38));
        canvas.fill(&Shape::rect(x, 473.0, 24.0, 2.0), flat(0x4A2E38));
    }
    canvas.fill(&Shape::rect(1038.0, 470.0, 22.0, 42.0), flat(0x4A2E38));
    canvas.fill(&Shape::rect(1076.0, 388.0, 14.0, 26.0), flat(0x5A3A40));
}

fn gulls(canvas: &mut Canvas) {
    for (x, y, size) in
        [(610.0, 150.0, 1.0), (676.0, 118.0, 0.7), (560.0, 196.0, 0.6), (440.0, 250.0, 0.5)]
    {
        let gull = Shape::stroke("M -34 -4 Q -16 -22 0 0 Q 16 -22 34 -4", 4.0);
        canvas.fill(&gull.scaled(size).moved(x, y), flat(0x2A2033));
    }
}
