//! The grammar of Kusner and Hernández-Lobato: adversarial training of a string generator, and maximum likelihood.

use super::{Budget, Cell, Content, Place, Plan, PlannedRun, Reproduction, ResultTable};

pub(super) static EXPERIMENT: Reproduction = Reproduction {
    name: "kusner-grammar",
    title: "Adversarial generation of arithmetic expressions",
    source: "Kusner and Hernández-Lobato 2016",
    question: "Can a recurrent generator learn discrete strings from a discriminator alone, through relaxed samples?",
    costs: ["seconds", "a quarter of an hour", "an hour"],
    data: None,
    timed: false,
    plan,
    differences: &[
        "The paper reports loss curves and sample strings, but no measure of quality: it has no number to compare with. True \
         strings and maximum likelihood are the references instead.",
        "The distribution of the lengths is explicit: x(op x)^k with k uniform on 0 to 5. Uniform productions, a possible \
         reading of the paper, would give the string x with probability four fifths.",
        "The original loss is the paper's, without a penalty: with relaxed samples and with the score function it collapses to one \
         string, with straight-through samples it does not. The relativistic loss has a penalty γ/2 ‖∇ₓ D(x)‖² at true strings \
         (Mescheder, Geiger and Nowozin 2018), and it is the penalty that prevents the collapse.",
        "The discriminator is a perceptron on the full string instead of a recurrent network, true strings are not softened, and \
         the evaluated generator is a running average.",
        "Adam at 1e-3 and 200 strings per step, as in the paper, which has about 20 000 steps; the temperature decreases \
         linearly from 1 to 0.3.",
    ],
};

/// Generator, loss and heading.
type Game = (&'static str, &'static str, &'static str);
const GAMES: [Game; 6] = [
    ("relaxed", "relativistic", "relaxed, relativistic"),
    ("relaxed", "original", "relaxed, original"),
    ("straight-through", "relativistic", "straight-through, relativistic"),
    ("straight-through", "original", "straight-through, original"),
    ("score-function", "relativistic", "score function, relativistic"),
    ("score-function", "original", "score function, original"),
];
/// The run whose baseline and true strings are in the table.
const FIRST: &str = "relaxed-relativistic";

const COLUMNS: [&str; 4] = ["valid", "distinct", "length distance", "nats"];

/// The places of the columns for the adversarial generator, for maximum likelihood and for true strings.
const PLACES: [[Place; 4]; 3] = [
    [
        Place::Summary("/test/generator/valid", None),
        Place::Summary("/test/generator/distinct", None),
        Place::Summary("/test/generator/length_distance", None),
        Place::Summary("/test/generator/nats", Some("/test/generator/nats_standard_error")),
    ],
    [
        Place::Summary("/test/maximum_likelihood/valid", None),
        Place::Summary("/test/maximum_likelihood/distinct", None),
        Place::Summary("/test/maximum_likelihood/length_distance", None),
        Place::Summary("/test/maximum_likelihood/nats", Some("/test/maximum_likelihood/nats_standard_error")),
    ],
    [
        Place::Summary("/test/truth/valid", None),
        Place::Summary("/test/truth/distinct", None),
        Place::Summary("/test/truth/length_distance", None),
        Place::Summary("/test/truth_nats", None),
    ],
];

/// Options of the runs for each budget.
const OPTIONS: [&str; 3] = [
    "--steps 20 --batch 50 --hidden 16 --discriminator 32 --evaluate-every 10 --strings 200",
    "--steps 4000 --evaluate-every 500",
    "--steps 20000 --evaluate-every 1000 --tau linear:1:0.3:15000",
];

/// Meaning of each budget.
const METHOD: [&str; 3] = [
    "20 steps of small networks.",
    "4000 adversarial steps each, 1500 of maximum likelihood.",
    "20 000 adversarial steps each, 1500 of maximum likelihood.",
];

/// The baseline of a seed is the same in every run, so it is trained in one of them.
fn baseline_steps(name: &str, budget: Budget) -> u32 {
    match (name, budget) {
        (FIRST, Budget::Smoke) => 20,
        (FIRST, _) => 1500,
        _ => 0,
    }
}

fn plan(budget: Budget) -> Plan {
    let run = |(generator, loss, _): Game| {
        let (name, options) = (format!("{generator}-{loss}"), budget.of(OPTIONS));
        let game = format!("train gan --generator {generator} --loss {loss}");
        let command = format!("{game} --baseline-steps {} {options}", baseline_steps(&name, budget));
        PlannedRun::new(name, command)
    };
    let [adversarial, likelihood, truth] = PLACES;
    let game = |(generator, loss, heading): Game| row(heading, format!("{generator}-{loss}"), adversarial);
    let references =
        row("maximum likelihood", FIRST.into(), likelihood).chain(row("true strings", FIRST.into(), truth));
    let cells = GAMES.into_iter().flat_map(game).chain(references).collect();
    let table = ResultTable::new("Generated strings", STRINGS, "generator, loss", cells);
    Plan { method: budget.of(METHOD).into(), runs: GAMES.map(run).into(), tables: vec![table] }
}

const STRINGS: &str = "For 5000 hard samples (200 for smoke): the share that the grammar accepts, the number of distinct strings \
     among those, and the total variation distance of their lengths from the true ones. Last, the cost of a \
     held-out string in nats: exact for maximum likelihood and for true strings, an upper bound for an \
     adversarial generator. Validity alone is meaningless: a generator that only ever writes x is valid.";

/// The cells of a row, each from its place.
fn row(heading: &'static str, run: String, places: [Place; 4]) -> impl Iterator<Item = Cell> {
    COLUMNS.into_iter().zip(places).map(move |(column, place)| {
        let decimals = if column == "distinct" { 0 } else { 3 };
        Cell::new(heading, column, Content::of(&run, place), decimals)
    })
}
