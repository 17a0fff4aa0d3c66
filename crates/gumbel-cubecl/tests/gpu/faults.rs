use crate::support::{device, read, read_words, upload};
use gumbel_cubecl::{Fault, FaultKind, Form, Precision, gumbel_max, gumbel_softmax, gumbel_softmax_vjp};
use gumbel_kernels::{Error, Stream};

const MASK: f32 = f32::NEG_INFINITY;

#[test]
fn an_unfit_row_is_undefined_and_named() {
    let device = device(Precision::Exact);
    for k in [3, 129, 40_000] {
        for (unfit, kind) in [
            (vec![f32::NAN], FaultKind::Logit),
            (vec![f32::INFINITY], FaultKind::Logit),
            (vec![MASK; k], FaultKind::AllMasked),
        ] {
            let mut logits = vec![0.0; 4 * k];
            logits[3 * k - unfit.len()..][..unfit.len()].copy_from_slice(&unfit);
            let there = upload(&device, &logits, k, 0);
            for form in [Form::Soft, Form::Log, Form::OneHot] {
                let y = read(&device, &gumbel_softmax(&device, &there, 1.0, Stream::new(0), form).unwrap());
                for (row, y) in y.chunks(k).enumerate() {
                    assert_eq!(y.iter().all(|y| y.is_nan()), row == 2, "k = {k}, {form:?}, row {row}");
                    assert_eq!(y.iter().any(|y| y.is_nan()), row == 2, "k = {k}, {form:?}, row {row}");
                }
                let fault = device.take_fault().expect("a fault was noted");
                assert_eq!((fault.row, fault.kind), (2, kind), "k = {k}, {form:?}");
            }
            let index = read_words(&device, &gumbel_max(&device, &there, Stream::new(0)).unwrap());
            assert_eq!(index[2], k as u32);
            assert!(index[0] < k as u32);
            let fault = Fault { operation: Some("gumbel_max"), row: 2, kind };
            assert_eq!(device.take_fault(), Some(fault));
            assert_eq!(device.take_fault(), None);
        }
    }
}

#[test]
fn the_first_call_with_a_fault_is_named() {
    let device = device(Precision::Exact);
    let sound = upload(&device, &[0.0; 6], 3, 0);
    let unfit = upload(&device, &[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0], 3, 0);
    let masked = upload(&device, &[MASK; 6], 3, 0);
    gumbel_max(&device, &sound, Stream::new(0)).unwrap();
    gumbel_softmax(&device, &unfit, 1.0, Stream::new(0), Form::Soft).unwrap();
    gumbel_max(&device, &masked, Stream::new(0)).unwrap();
    let fault = device.take_fault().expect("a fault was noted");
    assert_eq!((fault.operation, fault.row, fault.kind), (Some("gumbel_softmax"), 1, FaultKind::Logit));
}

#[test]
fn what_needs_no_device_is_an_error_at_once() {
    let device = device(Precision::Exact);
    let logits = upload(&device, &[0.0; 6], 3, 0);
    for tau in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = gumbel_softmax(&device, &logits, tau, Stream::new(0), Form::Soft).unwrap_err();
        assert!(matches!(error, Error::Temperature(_)), "{error}");
    }
    let empty = gumbel_cubecl::Matrix::empty(device.client(), 0, 3, logits.dtype());
    let sample = gumbel_softmax(&device, &empty, 1.0, Stream::new(0), Form::Soft).unwrap();
    assert_eq!(sample.dims(), [0, 3]);
    let none = gumbel_cubecl::Matrix::empty(device.client(), 2, 0, logits.dtype());
    assert_eq!(gumbel_max(&device, &none, Stream::new(0)).unwrap_err(), Error::Categories(0));
}

#[test]
#[should_panic(expected = "the shapes of the sample and of its cotangent differ")]
fn shapes_must_match() {
    let device = device(Precision::Exact);
    let (y, dy) = (upload(&device, &[0.5; 6], 3, 0), upload(&device, &[0.0; 6], 2, 0));
    let _ = gumbel_softmax_vjp(&device, &y, &dy, 1.0, Form::Soft);
}
