//! Choices that are written as words, in options and parameters.

/// Displays each variant of an enumeration by a name, and parses the names; `ALL` lists the variants.
macro_rules! named {
    ($choice:ty, $kind:literal, $($variant:ident => $name:literal),+ $(,)?) => {
        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $name),+
                })
            }
        }

        impl std::str::FromStr for $choice {
            type Err = $crate::Error;

            fn from_str(name: &str) -> Result<Self, $crate::Error> {
                $crate::Error::find($kind, name, &Self::ALL)
            }
        }
    };
}

pub(crate) use named;
