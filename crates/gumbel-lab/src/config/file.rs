//! A configuration from a TOML file, with mistakes told in one line.

use super::VaeConfig;
use crate::nearest::{meant, nearest};
use anyhow::{Context, Result, anyhow};
use std::path::Path;

/// The file's options over the defaults, and which of them it names.
pub(super) fn read(path: &Path) -> Result<(VaeConfig, toml::Table)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let explain = |error: toml::de::Error| anyhow!("{}", explain(path, &text, &error));
    Ok((toml::from_str(&text).map_err(explain)?, toml::from_str(&text).map_err(explain)?))
}

/// `FILE, line L: what is wrong`.
fn explain(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let place = error.span().unwrap_or_default();
    let line = text[..place.start].matches('\n').count() + 1;
    let message = error.message().replace('\n', ", ");
    let what = if message.starts_with("unknown field") { unknown(&text[place]) } else { message };
    format!("{}, line {line}: {what}", path.display())
}

fn unknown(key: &str) -> String {
    let command = VaeConfig::command_line();
    let known: Vec<&str> = command.get_arguments().filter_map(|option| option.get_long()).collect();
    let key = key.trim_matches(['"', '\'']);
    let question = meant(&nearest(key, known));
    format!("no option is called {key}{question}; gumbel train vae --help lists them")
}

#[cfg(test)]
mod tests {
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
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(error.starts_with(&format!("{}, {part}", path.display())), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
