#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_readers::run("logits_npy", data));
