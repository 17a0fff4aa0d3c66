//! How much each category of each latent is used.

use super::drawing::{Anchor, Drawing, label, line, shades, short, text_width};
use crate::page::number::measured;
use crate::page::{Error, Usage, perplexity};
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 44.0;
/// Half of the number under the last latent stands out beyond it.
const RIGHT: f64 = 14.0;
const BARS: f64 = 90.0;
/// Beyond this many cells their values are not written into the figure.
const MOST_NAMED_CELLS: usize = 1000;

/// The lengths of one figure.
struct Layout {
    top: f64,
    cell_width: f64,
    cell_height: f64,
    /// Top and foot of the bars of perplexity.
    bars: (f64, f64),
}

/// A heat map of the mean posterior probabilities, one column a latent, above bars of each latent's perplexity.
///
/// # Errors
/// [`Error::Usage`] where the table does not have D x K entries.
pub fn usage_map(usage: &Usage) -> Result<Drawing, Error> {
    let rows = usage.rows()?;
    if rows.is_empty() || usage.categories == 0 {
        let empty = label(WIDTH / 2.0, 40.0, Anchor::Middle, "ink", "no latents");
        return Ok(Drawing::new("Use of categories", WIDTH, 80.0, empty));
    }
    let layout = Layout::of(usage);
    let most = usage.probabilities.iter().copied().filter(|p| p.is_finite()).fold(0.0, f64::max);
    let body = html! {
        (heading(usage, most))
        @for (d, row) in rows.iter().enumerate() { (layout.column(d, row, most, usage)) }
        (layout.frame(usage))
        (layout.perplexities(&rows, usage.categories))
        (layout.latent_numbers(usage.latents))
    };
    let title = "Mean posterior probability of each category, and perplexity";
    Ok(Drawing::new(title, WIDTH, layout.height(), body))
}

/// The title line with the key of the shades at its right.
fn heading(usage: &Usage, most: f64) -> Markup {
    let end = format!("{most:.0$}", if most < 0.1 { 3 } else { 2 });
    let note = format!("category 1 to {}, from above", usage.categories);
    html! {
        (shades("Mean posterior probability", ["0", &end], WIDTH, 14.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
        (label(0.0, 34.0, Anchor::Start, "note", &note))
    }
}

fn cell(at: (f64, f64), size: (f64, f64), share: f64, name: Option<String>) -> Markup {
    let opacity = (share.clamp(0.0, 1.0) * 1000.0).round() / 1000.0;
    html! {
        rect class="heat" x=(short(at.0)) y=(short(at.1)) width=(short(size.0)) height=(short(size.1))
            fill-opacity=(opacity) { @if let Some(name) = name { title { (name) } } }
    }
}

impl Layout {
    fn of(usage: &Usage) -> Self {
        let cell_width = ((WIDTH - LEFT - RIGHT) / usage.latents as f64).min(40.0);
        let cell_height = (240.0 / usage.categories as f64).min(18.0);
        let foot = 44.0 + cell_height * usage.categories as f64;
        Self { top: 44.0, cell_width, cell_height, bars: (foot + 46.0, foot + 46.0 + BARS) }
    }

    fn height(&self) -> f64 {
        self.bars.1 + 44.0
    }

    fn column(&self, d: usize, row: &[f64], most: f64, usage: &Usage) -> Markup {
        let x = LEFT + self.cell_width * d as f64;
        let named = usage.probabilities.len() <= MOST_NAMED_CELLS;
        let value = |p: f64| if p.is_finite() { format!("{p:.3}") } else { measured(p) };
        let name = |k: usize, p: f64| format!("latent {}, category {}: {}", d + 1, k + 1, value(p));
        let at = |k: usize| (x, self.top + self.cell_height * k as f64);
        let share = |p: f64| if most > 0.0 && p.is_finite() { p / most } else { 0.0 };
        html! {
            @for (k, p) in row.iter().enumerate() {
                (cell(at(k), (self.cell_width, self.cell_height), share(*p), named.then(|| name(k, *p))))
            }
        }
    }

    fn frame(&self, usage: &Usage) -> Markup {
        let (width, height) =
            (self.cell_width * usage.latents as f64, self.cell_height * usage.categories as f64);
        let every = (13.0 / self.cell_height).ceil().max(1.0) as usize;
        let middle = |k: usize| self.top + self.cell_height * (k as f64 + 0.5) + 4.5;
        html! {
            rect class="cell" x=(LEFT) y=(self.top) width=(short(width)) height=(short(height)) {}
            @for k in (0..usage.categories).step_by(every) {
                (label(LEFT - 8.0, middle(k), Anchor::End, "", &(k + 1).to_string()))
            }
        }
    }

    fn perplexities(&self, rows: &[&[f64]], categories: usize) -> Markup {
        let values: Vec<f64> = rows.iter().map(|row| perplexity(row)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let heading = format!("Perplexity: 1 to {categories} possible, mean {}", measured(mean));
        let y = |value: f64| self.bars.1 - BARS * value / categories as f64;
        let right = LEFT + self.cell_width * rows.len() as f64;
        html! {
            (label(0.0, self.bars.0 - 16.0, Anchor::Start, "strong", &heading))
            @for value in [categories as f64 / 2.0, categories as f64] {
                (line((LEFT, y(value)), (right, y(value)), "grid"))
                (label(LEFT - 8.0, y(value) + 4.5, Anchor::End, "", &value.to_string()))
            }
            @for (d, value) in values.iter().enumerate() { (self.bar(d, *value, y(*value))) }
            (line((LEFT, self.bars.1), (right, self.bars.1), "axis"))
        }
    }

    fn bar(&self, d: usize, value: f64, top: f64) -> Markup {
        if !top.is_finite() {
            return html! {};
        }
        let x = LEFT + self.cell_width * (d as f64 + 0.15);
        html! {
            rect class="bar" x=(short(x)) y=(short(top)) width=(short(0.7 * self.cell_width))
                height=(short(self.bars.1 - top)) { title { "latent " (d + 1) ": " (measured(value)) } }
        }
    }

    /// Numbers below the bars, as many as have room, and what they count.
    fn latent_numbers(&self, latents: usize) -> Markup {
        let widest = text_width(&latents.to_string(), 13.0) + 8.0;
        let every = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|n| *n as f64 * self.cell_width >= widest);
        let every = every.unwrap_or(latents.max(1));
        let shown = (0..latents).filter(|d| (d + 1).is_multiple_of(every) || *d == 0 && every != 2);
        let middle = |d: usize| LEFT + self.cell_width * (d as f64 + 0.5);
        html! {
            @for d in shown {
                (label(middle(d), self.bars.1 + 18.0, Anchor::Middle, "", &(d + 1).to_string()))
            }
            (label((LEFT + middle(latents)) / 2.0, self.bars.1 + 37.0, Anchor::Middle, "ink", "latent"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(latents: usize, categories: usize, probability: f64) -> String {
        let probabilities = vec![probability; latents * categories];
        usage_map(&Usage { latents, categories, probabilities }).unwrap().checked()
    }

    #[test]
    fn even_use_has_perplexity_k() {
        let file = drawn(3, 4, 0.25);
        assert!(file.contains("1 to 4 possible, mean 4.00"));
        assert!(file.contains("latent 3, category 4: 0.250"));
        assert_eq!(file.matches("class=\"bar\"").count(), 3);
    }

    #[test]
    fn any_size_draws() {
        assert!(drawn(0, 0, 0.0).contains("no latents"));
        drawn(200, 2, 0.5);
        drawn(1, 1000, 0.001);
        drawn(2, 2, f64::INFINITY);
        assert!(usage_map(&Usage { latents: 2, categories: 2, probabilities: vec![0.5] }).is_err());
    }
}
