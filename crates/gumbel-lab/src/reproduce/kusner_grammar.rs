//! The grammar of Kusner and Hernández-Lobato: strings by a game, and by maximum likelihood.

use super::{Budget, Cell, Content, Experiment, Number, Place, Plan, Run, Table};

pub(super) static EXPERIMENT: Experiment = Experiment {
    name: "kusner-grammar",
    title: "Arithmetic expressions by a game",
    source: "Kusner and Hernández-Lobato 2016",
    question: "Can a recurrent generator learn discrete strings from a discriminator alone, through relaxed samples?",
    costs: ["seconds", "a quarter of an hour", "an hour"],
    data: None,
    timed: false,
    plan,
    differences: &[
        "The paper reports loss curves and sample strings and no measure at all: there is no number of its to stand beside \
         ours. True strings and maximum likelihood stand there instead.",
        "The lengths have a law that is stated, x(op x)^k with k uniform on 0 to 5. Productions drawn uniformly, as the \
         paper may be read, would give x four times in five.",
        "The original loss is the paper's, without a penalty: with relaxed samples and by the score function it collapses to one \
         string, with straight-through ones it does not. The relativistic loss has a penalty γ/2 ‖∇ₓ D(x)‖² at true strings \
         (Mescheder, Geiger and Nowozin 2018), and it is the penalty that prevents the collapse.",
        "The discriminator is a perceptron on the whole string instead of a recurrent network, true strings are not softened, \
         and the generator that is judged is a running average.",
        "Adam at 1e-3 and 200 strings a step as in the paper, which has some 20 000 steps; the temperature falls linearly \
         from 1 to 0.3.",
    ],
};

/// Option and heading.
const WAYS: [(&str, [&str; 2]); 3] = [
    ("relaxed", ["relaxed, relativistic", "relaxed, original"]),
    ("straight-through", ["straight-through, relativistic", "straight-through, original"]),
    ("score-function", ["score function, relativistic", "score function, original"]),
];
const LOSSES: [&str; 2] = ["relativistic", "original"];
/// Whose baseline and true strings are shown.
const FIRST: &str = "relaxed-relativistic";

/// A column, with where it stands for the game, for maximum likelihood and for true strings.
type Column = (&'static str, [(&'static str, Option<&'static str>); 3]);

const COLUMNS: [Column; 4] = [
    (
        "valid",
        [
            ("/test/generator/valid", None),
            ("/test/maximum_likelihood/valid", None),
            ("/test/truth/valid", None),
        ],
    ),
    (
        "distinct",
        [
            ("/test/generator/distinct", None),
            ("/test/maximum_likelihood/distinct", None),
            ("/test/truth/distinct", None),
        ],
    ),
    (
        "length distance",
        [
            ("/test/generator/length_distance", None),
            ("/test/maximum_likelihood/length_distance", None),
            ("/test/truth/length_distance", None),
        ],
    ),
    (
        "nats",
        [
            ("/test/generator/nats", Some("/test/generator/nats_standard_error")),
            ("/test/maximum_likelihood/nats", Some("/test/maximum_likelihood/nats_standard_error")),
            ("/test/truth_nats", None),
        ],
    ),
];

fn options(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => {
            "--steps 20 --batch 50 --hidden 16 --discriminator 32 --evaluate-every 10 --strings 200"
        }
        Budget::Short => "--steps 4000 --evaluate-every 500",
        Budget::Full => "--steps 20000 --evaluate-every 1000 --tau linear:1:0.3:15000",
    }
}

fn method(budget: Budget) -> &'static str {
    match budget {
        Budget::Smoke => "20 steps of small networks.",
        Budget::Short => "4000 steps of the game each, 1500 of maximum likelihood.",
        Budget::Full => "20 000 steps of the game each, 1500 of maximum likelihood.",
    }
}

/// The baseline is the same beside every game of a seed, so it is trained beside one.
fn baseline_steps(name: &str, budget: Budget) -> u32 {
    match (name, budget) {
        (FIRST, Budget::Smoke) => 20,
        (FIRST, _) => 1500,
        _ => 0,
    }
}

fn plan(budget: Budget) -> Plan {
    let games =
        || WAYS.iter().flat_map(|(way, headings)| (0..2).map(move |loss| (*way, loss, headings[loss])));
    let name = |way, loss: usize| format!("{way}-{}", LOSSES[loss]);
    let run = |(way, loss, _)| {
        let (name, likelihood) = (name(way, loss), baseline_steps(&name(way, loss), budget));
        let game = format!("train gan --generator {way} --loss {}", LOSSES[loss]);
        Run { name, command: format!("{game} --baseline-steps {likelihood} {}", options(budget)) }
    };
    let mut cells: Vec<Cell> =
        games().flat_map(|(way, loss, heading)| row(heading, &name(way, loss), 0)).collect();
    cells.extend(row("maximum likelihood", FIRST, 1));
    cells.extend(row("true strings", FIRST, 2));
    let table = Table {
        title: "Strings",
        meaning: "Of 5000 hard samples (200 in smoke): the share that the grammar accepts, how many of those are distinct, \
                  and how far their lengths are from the true ones, in total variation. Last, what a held-out string \
                  costs in nats: exact for maximum likelihood and for true strings, an upper bound for a game. Being \
                  valid is worth nothing by itself: a generator that writes x for ever is.",
        rows_are: "generator, loss",
        ordered: false,
        chart: None,
        cells,
    };
    Plan { method: method(budget).into(), runs: games().map(run).collect(), tables: vec![table] }
}

/// The cells of a heading, at a place of each column.
fn row(heading: &'static str, run: &str, place: usize) -> Vec<Cell> {
    let cell = |(column, places): &Column| {
        let (number, error) = places[place];
        let content = Content::Of(Number { run: run.into(), place: Place::Summary(number, error) });
        Cell {
            row: heading,
            column,
            content,
            paper: None,
            decimals: if *column == "distinct" { 0 } else { 3 },
        }
    };
    COLUMNS.iter().map(cell).collect()
}
