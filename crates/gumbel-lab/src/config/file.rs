//! A configuration from a TOML file, with mistakes told in one line.

use super::Typed;
use crate::support::suggest::{meant, nearest};
use anyhow::{Context, Result, anyhow, bail};
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// The file's options over the defaults, and which of them it names.
pub(super) fn read<O: Typed>(path: &Path) -> Result<(O, toml::Table)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let explain = |error: toml::de::Error| {
        let place = error.span().unwrap_or_default();
        anyhow!("{}: {}", line(path, &text, &place), error.message().replace('\n', ", "))
    };
    let named: BTreeMap<Spanned<String>, IgnoredAny> = toml::from_str(&text).map_err(explain)?;
    let options = known::<O>();
    if let Some(key) = named.keys().find(|key| !options.contains(key.get_ref())) {
        bail!("{}: {}", line(path, &text, &key.span()), unknown::<O>(key.get_ref(), &options));
    }
    O::check_parts(&text).map_err(explain)?;
    Ok((toml::from_str(&text).map_err(explain)?, toml::from_str(&text).map_err(explain)?))
}

/// `FILE, line L`.
fn line(path: &Path, text: &str, place: &Range<usize>) -> String {
    format!("{}, line {}", path.display(), text[..place.start].matches('\n').count() + 1)
}

fn known<O: Typed>() -> Vec<String> {
    let command = O::command_line();
    command.get_arguments().filter_map(|option| option.get_long()).map(str::to_string).collect()
}

fn unknown<O: Typed>(key: &str, known: &[String]) -> String {
    let question = meant(&nearest(key, known.iter().map(String::as_str)));
    format!("no option is called {key}{question}; gumbel train {} --help lists them", O::MODEL)
}

#[cfg(test)]
mod tests {
    use super::super::VaeConfig;
    use super::*;

    #[test]
    fn mistakes_are_one_line_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        let cases = [
            ("seed = 1\nstpes = 3", "line 2: no option is called stpes (did you mean steps"),
            ("\"learning-rate\" = 3", "line 1: no option is called learning-rate"),
            ("\n\nsteps = \"many\"", "line 3: invalid type: string \"many\""),
            ("seed = 1\nsteps = ", "line 2: "),
            ("steps = 1\nsteps = 2", "line 2: duplicate key"),
            ("hidden = [0]", "line 1: '0' is not a width"),
            ("binarise = \"dynamc\"", "line 1: unknown"),
            ("tau = -1", "line 1: "),
        ];
        for (text, part) in cases {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", read::<VaeConfig>(&path).unwrap_err());
            assert!(error.starts_with(&format!("{}, {part}", path.display())), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
