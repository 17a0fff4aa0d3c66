//! The page of a run of a vector-quantised autoencoder.

use super::{Config, Metrics, Results};
use crate::experiment::bound::TEMPERATURE;
use crate::page::number::{fixed, grouped, percent, with_error};
use crate::page::{Error, ImageGrid, Images, LineChart, Page, Rendered, Table};
use crate::run::{Course, RunConfig};

/// Images in a row of reconstructions.
const COLUMNS: usize = 12;

/// The data of the page.
pub struct VqvaePage<'a> {
    /// The options of the run.
    pub config: &'a Config,
    /// The name of the data.
    pub name: &'a str,
    /// Trainable parameters.
    pub parameters: usize,
    /// Training over the steps.
    pub course: &'a Course<Metrics>,
    /// The results, once the run has finished.
    pub ending: Option<Ending>,
}

/// The page's data of a finished run.
pub struct Ending {
    /// Results on the test set.
    pub results: Results,
    /// Other facts: parameters, seconds, memory, data source, version.
    pub facts: Vec<(String, String)>,
    /// Test images, their reconstructions, and images drawn from the prior.
    pub images: [Images; 3],
}

impl VqvaePage<'_> {
    /// Renders the page and its figures.
    ///
    /// # Errors
    /// Images of different sizes.
    pub fn render(&self) -> Result<Rendered, Error> {
        let quantizer = self.config.model.quantizer.name();
        let mut page = Page::new(quantizer, format!("Vector-quantized autoencoder on {}", self.name));
        page.lede(self.lede());
        if let Some(ending) = &self.ending {
            page.section("Final results").add(table(&ending.results)).paragraph(RESULTS);
        }
        let [(file, bound, caption), parts @ .., (used, perplexity, of_use)] = self.curves();
        page.section("Training curves").chart(file, &bound, caption).pair(&parts);
        page.section("Codes in use").chart(used, &perplexity, of_use);
        if let Some(tau) = self.temperature() {
            page.section("Temperature").chart("temperature", &tau, TEMPERATURE);
        }
        if let Some(ending) = &self.ending {
            images(&mut page, &ending.images)?;
        }
        let facts = self.ending.as_ref().map_or(&[][..], |ending| &ending.facts);
        let (configuration, facts) = (Table::facts(&self.config.typed()), Table::facts(facts));
        page.reproduce(&self.config.command()).sides(&[("Configuration", configuration), ("Facts", facts)]);
        Ok(page.render())
    }

    fn lede(&self) -> String {
        let (config, model) = (self.config, &self.config.model);
        format!(
            "Each image is {} vectors, each replaced by a code of {} bits by the quantizer {}. {} steps, {} parameters with \
             the prior of the codes.",
            model.latents,
            model.bits,
            model.quantizer.name(),
            grouped(config.common.steps as f64),
            grouped(self.parameters as f64)
        )
    }
}

impl VqvaePage<'_> {
    /// The training objective beside the bound of held-out images; its two parts, and the use of the codes.
    fn curves(&self) -> [(&'static str, LineChart, &'static str); 4] {
        let course = self.course;
        let chart = |title: &str, label: &str, series| LineChart::new(title, "step", label, series);
        let objective = [
            course.series("training, with the losses of the quantizer", "training_loss"),
            course.series("held out", "held_out_bound"),
        ];
        let part = |name: &str| {
            let held_out = format!("held_out_{name}");
            [course.series("training", name), course.series("held out", &held_out)]
        };
        let used = [course.series("perplexity", "perplexity")];
        [
            (
                "bound",
                chart("Objective over steps", "objective (nats per image)", objective.to_vec()).robust(),
                BOUND,
            ),
            (
                "distortion",
                chart("Distortion over steps", "distortion (nats per image)", part("distortion").to_vec())
                    .robust(),
                DISTORTION,
            ),
            ("rate", chart("Rate over steps", "rate (nats per image)", part("rate").to_vec()).robust(), RATE),
            (
                "perplexity",
                chart("Perplexity of the codes over steps", "perplexity", used.to_vec()),
                PERPLEXITY,
            ),
        ]
    }

    fn temperature(&self) -> Option<LineChart> {
        let tau = self.course.series("τ", "tau");
        let title = "Temperature over steps";
        (!tau.is_empty()).then(|| LineChart::new(title, "step", "temperature τ", [tau]))
    }
}

fn table(results: &Results) -> Table {
    let mut table = Table::new(["test images", "nats per image"]);
    let parts = [
        ("distortion, −ln p(x|c)", &results.distortion),
        ("rate, −ln p(c)", &results.rate),
        ("bound on −ln p(x)", &results.bound),
    ];
    for (name, part) in parts {
        table.row(name, [with_error(part.nats, part.standard_error)]);
    }
    for (place, book) in results.books.iter().enumerate() {
        let name = match results.books.len() {
            1 => "codes in use".into(),
            _ => format!("codes in use, codebook {}", place + 1),
        };
        let share = percent(book.used as f64 / book.codes as f64);
        let cell =
            format!("{} of {}, {share}, perplexity {}", book.used, book.codes, fixed(book.perplexity, 1));
        table.row(name, [cell]);
    }
    table
}

/// Sheets of reconstructions and of samples.
fn images(page: &mut Page, [originals, means, samples]: &[Images; 3]) -> Result<(), Error> {
    let both = Images::interleaved(&[originals, means], COLUMNS)?;
    let columns = COLUMNS.min(originals.count());
    let title = "Test images and reconstructions";
    let grid = ImageGrid { title, images: &both, columns, row_labels: &["test", "model"] };
    page.section("Reconstructions").paragraph(RECONSTRUCTIONS).sheet("reconstructions", &grid.draw()?);
    let grid = ImageGrid { title: "Samples from the prior", images: samples, columns: 16, row_labels: &[] };
    page.section("Samples").paragraph(SAMPLES).sheet("samples", &grid.draw()?);
    Ok(())
}

const RESULTS: &str = "Distortion is the cost of an image given its codes, rate that of its codes under the learned prior. An \
     image has one code, so their sum is an upper bound on −ln p(x) without sampling; it is comparable with the bounds of a \
     variational autoencoder on the same data.";
const BOUND: &str = "The training objective also has the losses of the quantizer, which are no part of the bound. Lower is better.";
const DISTORTION: &str = "The cost of an image given its codes.";
const RATE: &str = "The cost of the codes under the prior, which is trained beside the autoencoder: it rises where the codes \
     change faster than the prior learns them, and with the number of codes in use.";
const PERPLEXITY: &str = "The effective number of codes in use by held-out images.";
const RECONSTRUCTIONS: &str = "Each test image above the mean of the decoder’s distribution for its codes.";
const SAMPLES: &str =
    "Codes drawn from the prior, one after another, and the mean of the decoder’s distribution for each.";

#[cfg(test)]
mod tests {
    use super::super::{Book, Part};
    use super::*;
    use crate::model::{QuantizerName, VqvaeConfig};

    fn rendered(quantizer: QuantizerName, finished: bool) -> Rendered {
        let model = VqvaeConfig { quantizer, ..VqvaeConfig::default() };
        let config = Config { model, ..Config::default() };
        let part = |nats| Part { nats, standard_error: 0.25 };
        let results = Results {
            bound: part(90.0),
            distortion: part(50.0),
            rate: part(40.0),
            bits: 120.0,
            images: 100,
            books: vec![Book { codes: 64, used: 32, perplexity: 20.0 }],
        };
        let row = |i: u64| Metrics {
            step: 10 * i,
            tau: config.temperature().map(|tau| tau.at(i)),
            perplexity: Some(1.0),
            held_out_distortion: Some(50.0),
            held_out_rate: Some(40.0),
            ..Metrics::default()
        };
        let course: Course<Metrics> = (0..5).map(row).collect();
        let images = Images { pixels: vec![9; 4 * 6], height: 2, width: 3 };
        let images = [images.clone(), images.clone(), images];
        let ending = finished.then_some(Ending { results, facts: vec![], images });
        VqvaePage { config: &config, name: "digits", parameters: 7, course: &course, ending }
            .render()
            .unwrap()
    }

    #[test]
    fn the_page_has_both_parts_of_the_bound_and_the_use_of_the_codes() {
        let page = rendered(QuantizerName::Vq, true);
        for part in ["<td>50.00 ± 0.25</td>", "32 of 64", "perplexity 20.0"] {
            assert!(page.html.contains(part), "{part}");
        }
        let figures = page.checked();
        assert_eq!(figures[..4], ["bound.svg", "distortion.svg", "rate.svg", "perplexity.svg"]);
    }

    #[test]
    fn sampled_codes_have_a_temperature_and_a_run_in_progress_has_no_results() {
        let page = rendered(QuantizerName::Gumbel, false);
        assert!(page.html.contains("Temperature") && !page.html.contains("Final results"));
    }
}
