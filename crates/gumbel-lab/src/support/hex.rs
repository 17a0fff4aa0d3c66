//! Bytes as text.

/// Bytes as hexadecimal digits.
///
/// ```
/// assert_eq!(gumbel_lab::support::hex::hex(&[0, 171]), "00ab");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
