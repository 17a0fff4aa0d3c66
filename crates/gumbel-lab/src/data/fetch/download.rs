//! Downloads one file over HTTP and checks it on arrival.

use crate::data::{Error, idx, registry::Original};
use crate::support::atomic_file;
use crate::support::interrupt::Watch;
use sha2::{Digest, Sha256};
use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};
use tempfile::NamedTempFile;
use ureq::Agent;

/// Downloads to a temporary file in `folder`, from the first mirror with the published contents.
pub(super) fn download(
    original: &Original,
    folder: &Path,
    base_url: Option<&str>,
    watch: &Watch,
) -> Result<NamedTempFile, Error> {
    let mirrors = base_url.as_ref().map_or(original.mirrors, std::slice::from_ref);
    let mut attempts = Vec::new();
    for mirror in mirrors {
        let url = format!("{}/{}", mirror.trim_end_matches('/'), original.name);
        match attempt(&url, original, folder, watch) {
            // Another mirror neither frees disk space nor is needed after an interrupt.
            Err(failed @ (Error::Write { .. } | Error::Interrupted(_))) => return Err(failed),
            Err(failed) => attempts.push(failed),
            done => return done,
        }
    }
    let only = if attempts.len() == 1 { attempts.pop() } else { None };
    Err(only.unwrap_or(Error::AllMirrors { file: original.name, attempts }))
}

fn attempt(url: &str, original: &Original, folder: &Path, watch: &Watch) -> Result<NamedTempFile, Error> {
    watch.stop.check().map_err(Error::Interrupted)?;
    // Before the request, so that an unwritable folder causes no traffic.
    let unwritable = |source| Error::write(&folder.join(original.name), source);
    let file = atomic_file::beside(&folder.join(original.name)).map_err(unwritable)?;
    let response = agent().get(url).call().map_err(|source| unreachable(url, source))?;
    watch.bar.set_length(original.bytes);
    watch.bar.set_position(0);
    watch.bar.set_message(original.name);
    // One byte more than published suffices to reject it.
    let body = response.into_body().into_reader().take(original.bytes + 1);
    // Not through the temporary file itself, whose errors have its name.
    let write = |chunk: &[u8]| file.as_file().write_all(chunk).map_err(unwritable);
    let (got, sha256) = copy(body, write, url, original, watch)?;
    if got != original.bytes {
        return Err(Error::WrongLength { url: url.into(), expected: original.bytes, got });
    }
    if sha256 != original.sha256 {
        return Err(Error::WrongHash { url: url.into(), expected: original.sha256.into(), got: sha256 });
    }
    Ok(file)
}

/// Copies the body; returns its length and SHA-256.
fn copy(
    mut body: impl Read,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
    url: &str,
    original: &Original,
    watch: &Watch,
) -> Result<(u64, String), Error> {
    let (mut hash, mut got, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = match body.read(&mut chunk) {
            Ok(0) => return Ok((got, idx::hex(&hash.finalize()))),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(Error::WrongLength { url: url.into(), expected: original.bytes, got });
            }
            Err(error) => {
                let reason = format!("connection lost after {got} bytes ({error})");
                return Err(Error::Unreachable { url: url.into(), reason });
            }
        };
        hash.update(&chunk[..count]);
        write(&chunk[..count])?;
        got += count as u64;
        watch.done(count).map_err(Error::Interrupted)?;
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .user_agent(concat!("gumbel/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_secs(60)));
    config.build().new_agent()
}

fn unreachable(url: &str, error: ureq::Error) -> Error {
    let url = url.into();
    match error {
        ureq::Error::StatusCode(status) => Error::HttpStatus { url, status },
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Error::Unreachable { url, reason: "connection refused".into() }
        }
        error => Error::Unreachable { url, reason: error.to_string() },
    }
}
