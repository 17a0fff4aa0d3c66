//! The page of a comparison.

use super::folder::Comparison;
use crate::experiment::Row;
use crate::page::number::{grouped, measured};
use crate::page::{LineChart, Page, Rendered, Series, Table};
use crate::run::{ComparedRun, Curve, Measure, Point};

/// The page with the results of the runs and their curves.
pub(super) fn render(comparison: &Comparison, row: &Row, curves: &[Curve], runs: &[ComparedRun]) -> Rendered {
    let option = row.comparison.option;
    let data = runs.first().map_or("", |run| &run.data);
    page(
        &format!("{option}s of train {} on {data}", row.name),
        &comparison.record.command(option),
        option,
        curves,
        runs,
    )
}

fn page(title: &str, command: &str, option: &str, curves: &[Curve], runs: &[ComparedRun]) -> Rendered {
    let mut page = Page::new("comparison", capitalised(title));
    if let Some(run) = runs.first() {
        page.lede(format!(
            "One model with {} parameters, the same data, seed and {} steps for each of {} values of --{option}.",
            grouped(run.parameters as f64),
            grouped(run.steps as f64),
            runs.len()
        ));
    }
    let caution = runs.first().map_or("No run has finished.", |run| &run.caution);
    page.section("Final results").add(results(option, runs)).paragraph(caution);
    for (place, curve) in curves.iter().enumerate() {
        draw(&mut page, curve, place, runs);
    }
    page.reproduce(command);
    page.render()
}

/// A curve over steps, and over seconds if it is drawn over them; nothing if no run has it.
fn draw(page: &mut Page, curve: &Curve, place: usize, runs: &[ComparedRun]) {
    let over_steps = chart(curve, "step", place, runs, |point| point.step as f64);
    if over_steps.series.iter().all(Series::is_empty) {
        return;
    }
    let section = page.section_once(curve.heading);
    section.chart(curve.column, &over_steps, curve.caption);
    if curve.over_seconds {
        let over_seconds = chart(curve, SECONDS, place, runs, |point| point.seconds);
        section.chart(&format!("{}-seconds", curve.column), &over_seconds, TIME);
    }
}

fn chart(
    curve: &Curve,
    x_label: &str,
    place: usize,
    runs: &[ComparedRun],
    x: fn(&Point) -> f64,
) -> LineChart {
    let series = |(i, run): (usize, &ComparedRun)| {
        let points = run.points.iter().filter_map(|point| Some((x(point), point.values[place]?)));
        let series = Series::new(&run.name, points);
        // The colours repeat after six.
        if i >= 6 { series.dashed() } else { series }
    };
    LineChart {
        title: format!("{} over {x_label}", capitalised(curve.label)),
        x_label: x_label.into(),
        y_label: curve.label.into(),
        series: runs.iter().enumerate().map(series).collect(),
        robust: !curve.log_y,
        log_y: curve.log_y,
        ..LineChart::default()
    }
}

fn results(option: &str, runs: &[ComparedRun]) -> Table {
    let in_tables = |run: &ComparedRun| -> Vec<Measure> {
        run.measures.iter().filter(|measure| measure.head.is_some()).cloned().collect()
    };
    let heads = runs.first().map_or(Vec::new(), in_tables).into_iter().filter_map(|measure| measure.head);
    let ends = ["steps/s".into(), "seconds".into()];
    let mut table = Table::new([option.to_string()].into_iter().chain(heads).chain(ends));
    for run in runs {
        let cells = in_tables(run).iter().map(Measure::cell).collect::<Vec<_>>();
        let pace = [grouped(run.steps_per_second), measured(run.seconds)];
        table.row(&run.name, cells.into_iter().chain(pace));
    }
    table
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

const SECONDS: &str = "seconds of training";
const TIME: &str = "The same over the time of training, without evaluations, which includes the cost of a step. Times are comparable if the \
     runs were made one after the other on one machine, as gumbel compare does without a list of jobs.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::find;

    fn run(name: &str, variance: Option<f64>) -> ComparedRun {
        let hard = [540.0, 98.5, f64::NAN, 99.25];
        let point = |(i, &hard): (usize, &f64)| {
            let step = 1000 * i as u64;
            Point { step, seconds: step as f64 / 400.0, values: vec![Some(hard), variance] }
        };
        ComparedRun {
            name: name.into(),
            data: "digits".into(),
            points: hard.iter().enumerate().map(point).collect(),
            measures: vec![
                Measure::new("hard_negative_elbo", 99.75, "one hard sample").with_error(0.5),
                Measure::new("accuracy", 0.985, "accuracy, %").in_per_cent().with_error(0.01),
            ],
            caution: "Nats per image.".into(),
            steps: 3000,
            parameters: 1234,
            seconds: 7.5,
            steps_per_second: 400.0,
        }
    }

    fn page_of(runs: &[ComparedRun]) -> Rendered {
        let curves = (find("vae").unwrap().comparison.curves)();
        page("estimators", "gumbel compare", "estimator", &curves, runs)
    }

    #[test]
    fn the_table_has_the_numbers_of_the_test_set_and_names_are_escaped() {
        let page = page_of(&[run("rebar & co", Some(0.5)), run("other", Some(2.0))]);
        let cells = "<td>99.75 ± 0.50</td><td>98.50 ± 1.00</td><td>400</td><td>7.50</td>";
        assert!(page.html.contains(cells), "{}", page.html);
        assert!(page.html.contains("rebar &amp; co") && page.html.contains("1,234 parameters"));
    }

    #[test]
    fn figures_are_xml_and_variances_are_drawn_where_there_are_any() {
        let page = page_of(&[run("one", None), run("two", Some(2.0))]);
        let hard = ["hard_negative_elbo.svg", "hard_negative_elbo-seconds.svg"];
        assert_eq!(page.checked(), [&hard[..], &["gradient_variance.svg"]].concat());
        assert_eq!(page_of(&[run("one", None)]).checked(), hard);
        assert!(page_of(&[]).html.contains("No run has finished."));
    }
}
