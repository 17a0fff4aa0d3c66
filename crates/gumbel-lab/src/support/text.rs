//! Text on one line.

/// A string with the ends of lines within it escaped, and what escapes them.
///
/// ```
/// # use gumbel_lab::support::text::on_one_line;
/// assert_eq!(["a\nb", r"a\nb", "x+x"].map(on_one_line), [r"a\nb", r"a\\nb", "x+x"]);
/// ```
pub fn on_one_line(string: &str) -> String {
    string.replace('\\', r"\\").replace('\n', r"\n").replace('\r', r"\r")
}
