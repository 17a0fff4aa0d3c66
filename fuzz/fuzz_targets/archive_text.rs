#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumbel_fuzz::run("archive_text", data));
