//! The data sets known by name.

mod set;
mod sets;

pub use set::{DataFile, FileKind, Original, Packing, Part, Set};

use super::Error;

/// Finds the data set of this name.
///
/// ```
/// # use gumbel_lab::data::registry::find;
/// assert_eq!(find("mnist").unwrap().bytes(), 11_594_722);
/// assert!(find("minst").unwrap_err().to_string().contains("did you mean 'mnist'?"));
/// ```
///
/// # Errors
/// [`Error::UnknownName`], with the most similar names.
pub fn find(name: &str) -> Result<&'static Set, Error> {
    let unknown = || Error::UnknownName { name: name.into(), known: ALL.map(|set| set.name).into() };
    ALL.iter().find(|set| set.name == name).ok_or_else(unknown)
}

/// Every named set, the built-in one first.
pub const ALL: [Set; 5] =
    [sets::DIGITS, sets::MNIST, sets::BINARIZED_MNIST, sets::FASHION_MNIST, sets::OMNIGLOT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for set in ALL {
            assert!(set.built_in() || !set.originals.is_empty(), "{}", set.name);
            assert_eq!(find(set.name).unwrap(), &set);
            let hashes = set.files.iter().map(|f| f.sha256).chain(set.originals.iter().map(|o| o.sha256));
            for hash in hashes {
                assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
            }
            assert!(set.files.iter().all(|file| file.name.ends_with(".gz")));
            assert!(set.originals.iter().all(|o| o.mirrors.iter().all(|url| url.ends_with('/'))));
            if set.packing != Packing::OmniglotZips {
                assert_eq!(set.files.len(), set.originals.len());
            }
        }
    }

    #[test]
    fn near_names_are_offered() {
        let error = find("Fashion").unwrap_err().to_string();
        assert!(error.contains("did you mean 'fashion-mnist'?"), "{error}");
        let error = find("zzz").unwrap_err().to_string();
        assert!(!error.contains("did you mean") && error.contains("binarized-mnist"), "{error}");
    }
}
