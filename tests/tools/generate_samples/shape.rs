//! Outlines: closed polygons, made of straight lines and Bézier curves.
//!
//! Only `+ - * / sqrt` are used, which give the same bits on every machine; the sines of
//! the few angles needed are written out where they are used.

/// A place on the canvas, in pixels from the upper left corner.
pub(crate) type Point = (f32, f32);

/// An area; where its polygons overlap it counts once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) polygons: Vec<Vec<Point>>,
}

impl Shape {
    /// Reads the `M`, `L`, `C`, `Q` and `Z` commands of an SVG path, absolute coordinates only.
    pub(crate) fn path(commands: &str) -> Self {
        let spaced = commands.replace(',', " ");
        let mut words = spaced.split_whitespace();
        let mut polygons: Vec<Vec<Point>> = Vec::new();
        while let Some(command) = words.next() {
            let mut point = || {
                let mut number = || words.next().expect("a coordinate").parse().expect("a number");
                (number(), number())
            };
            if command == "M" {
                polygons.push(vec![point()]);
                continue;
            }
            let polygon = polygons.last_mut().expect("a path begins with M");
            let from = *polygon.last().expect("M left a point");
            match command {
                "L" => polygon.push(point()),
                "Q" => {
                    let (bend, to) = (point(), point());
                    let towards = |end: Point| lerp(end, bend, 2.0 / 3.0);
                    polygon.extend(cubic(from, towards(from), towards(to), to));
                }
                "C" => polygon.extend(cubic(from, point(), point(), point())),
                "Z" => {}
                unknown => panic!("`{unknown}` is no path command"),
            }
        }
        Self { polygons }
    }

    pub(crate) fn polygon(points: &[Point]) -> Self {
        Self { polygons: vec![points.to_vec()] }
    }

    pub(crate) fn rect(x: f32, y: f32, width: f32, height: f32) -> Self {
        let (right, bottom) = (x + width, y + height);
        Self::polygon(&[(x, y), (right, y), (right, bottom), (x, bottom)])
    }

    pub(crate) fn ellipse((x, y): Point, rx: f32, ry: f32) -> Self {
        /// How far a Bézier curve's handles reach to look like a quarter of a circle.
        const REACH: f32 = 0.552_284_8;
        let at = |dx: f32, dy: f32| (x + dx * rx, y + dy * ry);
        let mut outline = vec![at(1.0, 0.0)];
        for (a, b) in [((1, 0), (0, 1)), ((0, 1), (-1, 0)), ((-1, 0), (0, -1)), ((0, -1), (1, 0))] {
            let [ax, ay, bx, by] = [a.0, a.1, b.0, b.1].map(|unit: i8| f32::from(unit));
            let leave = at(ax + bx * REACH, ay + by * REACH);
            let arrive = at(bx + ax * REACH, by + ay * REACH);
            outline.extend(cubic(at(ax, ay), leave, arrive, at(bx, by)));
        }
        Self { polygons: vec![outline] }
    }

    pub(crate) fn disc(centre: Point, radius: f32) -> Self {
        Self::ellipse(centre, radius, radius)
    }

    /// A line with round ends along an open path.
    pub(crate) fn stroke(commands: &str, width: f32) -> Self {
        let radius = width / 2.0;
        let mut polygons = Vec::new();
        for line in Self::path(commands).polygons {
            for ends in line.windows(2) {
                polygons.extend(thick(ends[0], ends[1], radius));
            }
            for &joint in &line {
                polygons.extend(Self::disc(joint, radius).polygons);
            }
        }
        Self { polygons }
    }

    /// This area and the other.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.polygons.extend(other.polygons);
        self
    }

    pub(crate) fn moved(self, dx: f32, dy: f32) -> Self {
        self.map(|(x, y)| (x + dx, y + dy))
    }

    /// Grown about the origin.
    pub(crate) fn scaled(self, factor: f32) -> Self {
        self.map(|(x, y)| (x * factor, y * factor))
    }

    /// Turned clockwise about the origin by the angle with this cosine and sine.
    pub(crate) fn turned(self, (cos, sin): (f32, f32)) -> Self {
        self.map(|(x, y)| (x * cos - y * sin, x * sin + y * cos))
    }

    /// As seen in a mirror that stands at `axis`.
    pub(crate) fn mirrored(self, axis: f32) -> Self {
        self.map(|(x, y)| (2.0 * axis - x, y))
    }

    fn map(mut self, change: impl Fn(Point) -> Point) -> Self {
        for point in self.polygons.iter_mut().flatten() {
            *point = change(*point);
        }
        self
    }
}

fn lerp(from: Point, to: Point, share: f32) -> Point {
    (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
}

/// Points of the curve after `from`.
fn cubic(from: Point, leave: Point, arrive: Point, to: Point) -> impl Iterator<Item = Point> {
    const STEPS: u8 = 24;
    (1..=STEPS).map(move |step| {
        let share = f32::from(step) / f32::from(STEPS);
        let (a, b, c) =
            (lerp(from, leave, share), lerp(leave, arrive, share), lerp(arrive, to, share));
        lerp(lerp(a, b, share), lerp(b, c, share), share)
    })
}

/// A rectangle around the line between two points.
fn thick(from: Point, to: Point, radius: f32) -> Option<Vec<Point>> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = (dx * dx + dy * dy).sqrt();
    if length == 0.0 {
        return None;
    }
    let (nx, ny) = (-dy / length * radius, dx / length * radius);
    // In the sense of rotation of `ellipse`, so that the joints do not cancel the line.
    Some(vec![
        (from.0 - nx, from.1 - ny),
        (to.0 - nx, to.1 - ny),
        (to.0 + nx, to.1 + ny),
        (from.0 + nx, from.1 + ny),
    ])
}
