//! The simplex of three categories as triangles: a density in shades, and points.

use super::drawing::{Anchor, Chart, Drawing, Width, label, line, shades, short};
use maud::{Markup, html};

/// Rows of cells in a triangle.
const ROWS: usize = 40;
const LEVELS: usize = 12;
/// Densities of the lightest and of the darkest shade; a flat density is 2.
const ENDS: (f64, f64) = (0.05, 20.0);
const HEAD: f64 = 44.0;

/// One density and its points, such as those of one temperature.
#[derive(Clone, Debug)]
pub struct Panel {
    name: String,
    /// Shades of the cells, row by row from the base up, from 0 to [`LEVELS`].
    levels: Vec<Vec<usize>>,
    points: Vec<[f64; 3]>,
}

/// Panels that share their corners and shades.
#[derive(Clone, Debug)]
pub struct Ternary {
    /// What the figure shows, for readers who cannot see it.
    pub title: String,
    /// Names of the corners: left, right, top.
    pub corners: [String; 3],
    /// The panels.
    pub panels: Vec<Panel>,
}

impl Panel {
    /// Shades of a log-density, and points of the simplex.
    pub fn new(name: String, log_density: impl Fn([f64; 3]) -> f64, points: Vec<[f64; 3]>) -> Self {
        let row =
            |j: usize| (0..2 * (ROWS - j) - 1).map(|cell| level(log_density(centre(j, cell)))).collect();
        Self { name, levels: (0..ROWS).map(row).collect(), points }
    }
}

/// The middle of a cell: even ones stand on their base, odd ones on their tip.
fn centre(row: usize, cell: usize) -> [f64; 3] {
    let (across, up) = match cell.is_multiple_of(2) {
        true => ((cell / 2) as f64 + 1.0 / 3.0, row as f64 + 1.0 / 3.0),
        false => ((cell / 2) as f64 + 2.0 / 3.0, row as f64 + 2.0 / 3.0),
    };
    let (right, top) = (across / ROWS as f64, up / ROWS as f64);
    [1.0 - right - top, right, top]
}

fn level(log_density: f64) -> usize {
    let (low, high) = (ENDS.0.ln(), ENDS.1.ln());
    let share = ((log_density - low) / (high - low)).clamp(0.0, 1.0);
    (share * LEVELS as f64).round() as usize
}

/// A triangle on the drawing: its left lower corner and its side.
#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    side: f64,
}

impl Place {
    fn at(self, x: &[f64; 3]) -> (f64, f64) {
        let up = self.side * 0.75f64.sqrt();
        (short(self.x + self.side * (x[1] + x[2] / 2.0)), short(self.y - up * x[2]))
    }

    fn outline(self) -> Markup {
        let [a, b, c] = [0, 1, 2].map(|k| self.at(&std::array::from_fn(|i| f64::from(i == k))));
        html! { (line(a, b, "axis")) (line(b, c, "axis")) (line(c, a, "axis")) }
    }

    fn corners(self, names: &[String; 3]) -> Markup {
        let top = self.y - self.side * 0.75f64.sqrt();
        html! {
            (label(self.x, self.y + 15.0, Anchor::Start, "note", &names[0]))
            (label(self.x + self.side, self.y + 15.0, Anchor::End, "note", &names[1]))
            (label(self.x + self.side / 2.0, top - 5.0, Anchor::Middle, "note", &names[2]))
        }
    }

    /// A path for each shade: cells of a row that have the same one are drawn as one.
    fn shades(self, levels: &[Vec<usize>]) -> Markup {
        let mut paths = vec![String::new(); LEVELS + 1];
        for (row, levels) in levels.iter().enumerate() {
            let mut start = 0;
            for run in levels.chunk_by(|a, b| a == b) {
                paths[run[0]] += &self.strip(row, start, start + run.len());
                start += run.len();
            }
        }
        html! {
            @for (level, path) in paths.iter().enumerate().filter(|(level, path)| *level > 0 && !path.is_empty()) {
                path class="heat" fill-opacity=(opacity(level)) d=(path) {}
            }
        }
    }

    /// The cells from `start` to `end` of a row, whose edges lean to and fro.
    fn strip(self, row: usize, start: usize, end: usize) -> String {
        let corner = |across: usize, up: usize| {
            let (right, top) = (across as f64 / ROWS as f64, up as f64 / ROWS as f64);
            let (x, y) = self.at(&[1.0 - right - top, right, top]);
            format!("{x},{y}")
        };
        let (base, tip) = ([start.div_ceil(2), end.div_ceil(2)], [end / 2, start / 2]);
        let places =
            [corner(base[0], row), corner(base[1], row), corner(tip[0], row + 1), corner(tip[1], row + 1)];
        format!("M{}Z", places.join(" "))
    }

    fn points(self, points: &[[f64; 3]]) -> Markup {
        let dots: String = points.iter().map(|x| self.at(x)).map(|(x, y)| format!("M{x},{y}h0")).collect();
        html! { path class="points" d=(dots) {} }
    }
}

fn opacity(level: usize) -> f64 {
    (level as f64 / LEVELS as f64 * 100.0).round() / 100.0
}

impl Chart for Ternary {
    /// Draws the panels side by side, or below one another where there is no room.
    fn draw(&self, width: Width) -> Drawing {
        let total = width.units();
        let across = if width == Width::Full { self.panels.len().max(1) } else { 2 };
        let room = total / across as f64;
        let side = room - 24.0;
        let tall = side * 0.75f64.sqrt() + 40.0;
        // Names above the columns, or above each row.
        let (rows, heads, head) = match width {
            Width::Full => (2, 1, 20.0),
            Width::Half => (self.panels.len(), self.panels.len(), 28.0),
        };
        let place = |column: usize, row: usize| Place {
            x: room * column as f64 + 12.0,
            y: HEAD + head * (row + 1).min(heads) as f64 + tall * (row + 1) as f64 - 20.0,
            side,
        };
        let places = |i: usize| match width {
            Width::Full => [place(i, 0), place(i, 1)],
            Width::Half => [place(0, i), place(1, i)],
        };
        let [low, high] = [format!("≤ {}", ENDS.0), format!("≥ {}", ENDS.1)];
        let opacities: Vec<f64> = (0..=LEVELS).map(opacity).collect();
        let body = html! {
            (shades("Density, and samples", [&low, &high], total, 9.0, &opacities))
            @for (i, panel) in self.panels.iter().enumerate() {
                (self.panel(panel, places(i), width))
            }
        };
        Drawing::new(&self.title, total, HEAD + head * heads as f64 + tall * rows as f64, body)
    }
}

impl Ternary {
    fn panel(&self, panel: &Panel, [density, points]: [Place; 2], width: Width) -> Markup {
        let middle = match width {
            Width::Full => density.x + density.side / 2.0,
            Width::Half => (density.x + points.x + points.side) / 2.0,
        };
        let above = density.y - density.side * 0.75f64.sqrt() - 24.0;
        html! {
            (label(middle, above, Anchor::Middle, "strong", &panel.name))
            (density.shades(&panel.levels)) (density.outline()) (density.corners(&self.corners))
            (points.outline()) (points.points(&panel.points)) (points.corners(&self.corners))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(log_density: fn([f64; 3]) -> f64) -> String {
        let panels = vec![Panel::new("<τ>".into(), log_density, vec![[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])];
        let corners = ["a", "b", "c"].map(String::from);
        Ternary { title: "t".into(), corners, panels }.draw(Width::Half).checked()
    }

    #[test]
    fn cells_are_the_simplex_cut_alike() {
        for row in [0, ROWS / 2, ROWS - 1] {
            for cell in 0..2 * (ROWS - row) - 1 {
                let centre = centre(row, cell);
                assert!(centre.iter().all(|x| *x > 0.0) && (centre.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_flat_density_is_one_shade_in_a_strip_a_row() {
        let file = drawn(|_| 2f64.ln());
        let heat = file.split("<path").nth(1).unwrap();
        assert_eq!(heat.matches('M').count(), ROWS);
        assert!(file.contains("&lt;τ&gt;") && file.contains("class=\"points\""));
    }

    #[test]
    fn shades_are_logarithmic_and_clamped() {
        assert_eq!([f64::NEG_INFINITY, 0.0, f64::INFINITY].map(level), [0, 6, LEVELS]);
        drawn(|x| -x[0].ln() * 1e3);
    }
}
