//! The table of all estimators.

use super::contract::Entry;
use super::{
    arm, arms, arsm, carms, coupled, darn, decoupled, disarm, double_cv, exact, gapped, gumbel_rao,
    gumbel_softmax, indecater, local_expectation, muprop, nvil, optimal_straight_through, rebar, redge,
    reinforce, reinmax, reinmax_cv, reinmax_rao, relax, relax_black_box, rloo, rodeo, self_critical,
    straight_through, straight_through_gumbel, straight_through_learned, sum_and_sample, unordered_set,
    vimco, zgr,
};
use crate::Error;

/// Every estimator, in the order of the documentation.
///
/// ```
/// use gumbel::estimator::ALL;
/// assert_eq!(ALL.iter().filter(|entry| entry.properties.unbiased).count(), 22); // of 36
/// ```
pub static ALL: &[&Entry] = &[
    &exact::ENTRY,
    &local_expectation::ENTRY,
    &indecater::ENTRY,
    &sum_and_sample::ENTRY,
    &reinforce::ENTRY,
    &nvil::ENTRY,
    &self_critical::ENTRY,
    &rloo::ENTRY,
    &unordered_set::ENTRY,
    &vimco::ENTRY,
    &muprop::ENTRY,
    &darn::ENTRY,
    &rebar::ENTRY,
    &relax::ENTRY,
    &relax_black_box::ENTRY,
    &double_cv::ENTRY,
    &rodeo::ENTRY,
    &arm::ENTRY,
    &disarm::ENTRY,
    &arms::ENTRY,
    &arsm::ENTRY,
    &coupled::ENTRY,
    &carms::ENTRY,
    &straight_through::ENTRY,
    &straight_through_gumbel::ENTRY,
    &straight_through_learned::ENTRY,
    &decoupled::ENTRY,
    &gapped::ENTRY,
    &gumbel_rao::ENTRY,
    &reinmax::ENTRY,
    &reinmax_rao::ENTRY,
    &reinmax_cv::ENTRY,
    &zgr::ENTRY,
    &optimal_straight_through::ENTRY,
    &redge::ENTRY,
    &gumbel_softmax::ENTRY,
];

/// The estimator called `name`.
///
/// ```
/// let entry = gumbel::estimator::find("reinforce")?;
/// assert!(entry.properties.unbiased && !entry.properties.needs_gradient);
/// let error = gumbel::estimator::find("gumbel-sotfmax").unwrap_err();
/// assert_eq!(error.to_string(), "unknown estimator 'gumbel-sotfmax'; did you mean 'gumbel-softmax'?");
/// assert_eq!(entry.parameters.len(), 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`], with the nearest name.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    Error::find("estimator", name, ALL)
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Computes, Objective, Reduction};
    use super::*;
    use crate::Noise;
    use crate::tensor::reads;
    use burn::tensor::{Device, Tensor};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_every_row_cites_its_paper() {
        let names: BTreeSet<_> = ALL.iter().map(|entry| entry.name()).collect();
        assert_eq!(names.len(), ALL.len());
        for entry in ALL {
            assert!(!entry.papers.is_empty() && !entry.place.is_empty(), "{entry} cites nothing");
            for paper in entry.papers {
                assert!((1950..2030).contains(&paper.year), "{entry}: {paper:?}");
            }
        }
    }

    #[test]
    fn every_doc_says_what_a_user_must_know() {
        for entry in ALL {
            let doc = entry.doc();
            for part in [
                "ĝ",
                "**Bias**:",
                "**Cost**:",
                "**Uses**:",
                "**Good for**:",
                "**Avoid when**:",
                "**Source**:",
            ] {
                assert!(doc.contains(part), "{entry}: its documentation has no '{part}'");
            }
            let unbiased = doc.contains("**Bias**: none");
            assert_eq!(unbiased, entry.properties.unbiased, "{entry}: documentation and properties disagree");
            let surname = entry.papers[0].to_string();
            let surname = surname.split([' ', ',']).next().expect("a name");
            let (_, source) = doc.split_once("**Source**").expect("checked");
            assert!(source.contains(surname), "{entry}: {surname} is not in its source");
        }
    }

    #[test]
    fn the_readme_has_every_row_with_a_link_to_its_type() {
        let yes = |claim: bool| if claim { "yes" } else { "no" };
        for entry in ALL {
            let Entry { properties, title, .. } = entry;
            let (unbiased, gradient) = (yes(properties.unbiased), yes(properties.needs_gradient));
            let (latents, cost) = (properties.latents, properties.cost);
            let (row, device) = (format!("| [`{entry}`] | {title} | {latents}"), properties.device);
            let row = format!("{row} | {unbiased} | {cost} | {gradient} | {device} |\n");
            let site = "https://docs.rs/gumbel/latest/gumbel/estimator/struct";
            let link = format!("[`{entry}`]: {site}.{}.html\n", entry.type_name());
            for part in [row, link] {
                assert!(include_str!("../../README.md").contains(&part), "README.md misses {part}");
            }
            let link = format!("[`{entry}`]: estimator::{}\n", entry.type_name());
            assert!(include_str!("../links.md").contains(&link), "links.md misses {link}");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/estimator");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the source folder")
            .map(|entry| entry.expect("a file").path())
            .filter(|path| path.is_file())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().replace('_', "-"))
            .filter(|name| !["mod", "catalogue", "spec"].contains(&name.as_str()))
            .collect();
        assert_eq!(files, ALL.iter().map(|entry| entry.name().to_string()).collect());
    }

    /// An estimate and what it teaches: only those that say so read numbers back, but for the check of the logits.
    #[test]
    fn what_an_estimator_says_of_the_device_is_true() {
        for entry in ALL {
            let mut estimator = entry.build(&Default::default()).expect("defaults");
            let logits = Tensor::<3>::zeros([2, 2, 2], &Device::flex().autodiff()).require_grad();
            let bound = !entry.properties.supports(Reduction::Mean);
            let reduction = if bound { Reduction::LogMeanExp } else { Reduction::Mean };
            let objective = Objective::reducing(reduction, |sample| {
                let first = sample.z.clone().narrow(3, 0, 1).sum_dim(2);
                first.squeeze_dims::<2>(&[2, 3])
            });
            let before = reads();
            for step in 0..2 {
                let estimate = estimator.estimate(logits.clone(), &objective, &mut Noise::from_seed(1), step);
                estimator.adapt(&estimate.expect("an estimate"));
            }
            let device = if reads() == before { Computes::OnDevice } else { Computes::OnHost };
            assert_eq!(device, entry.properties.device, "{entry}");
        }
    }

    /// The test above counts in one function; this one finds what would go around it.
    #[test]
    fn estimators_read_back_by_one_function() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/estimator");
        for folder in [folder.to_string(), format!("{folder}/parts"), format!("{folder}/contract")] {
            for file in
                std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path())
            {
                let Ok(text) = std::fs::read_to_string(&file) else { continue };
                let code = text.split("#[cfg(test)]").next().expect("a part").lines();
                let code: Vec<&str> = code.filter(|line| !line.trim_start().starts_with("//")).collect();
                let found =
                    code.iter().find(|line| line.contains("into_data") || line.contains("into_scalar"));
                assert_eq!(found, None, "{}", file.display());
            }
        }
    }

    #[test]
    fn names_properties_and_estimators_agree() {
        for entry in ALL {
            let properties = entry.build(&Default::default()).expect("defaults").properties();
            let with_samples = entry.properties.with_samples(properties.samples);
            assert_eq!(format!("{properties:?}"), format!("{with_samples:?}"));
        }
    }
}
