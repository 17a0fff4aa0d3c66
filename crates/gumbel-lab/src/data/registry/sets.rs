//! The published data sets: files, checksums, mirrors and licences.
//!
//! The checksums of MNIST, Fashion-MNIST, binarised MNIST and the zips of Omniglot are those that
//! `tensorflow_datasets` lists under `url_checksums`.

use super::set::{
    DataFile,
    FileKind::{self, Images, Labels},
    Original, Packing,
    Part::{self, Test, Train, Valid},
    Set,
};

pub(super) const DIGITS: Set = Set {
    name: "digits",
    note: "generated digits, 10000 train and 1000 test of 28x28; not MNIST, results are not comparable",
    licence: "that of this program",
    files: &[],
    originals: &[],
    packing: Packing::Plain,
};

const MNIST_MIRRORS: &[&str] = &[
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
];

pub(super) const MNIST: Set = Set {
    name: "mnist",
    note: "handwritten digits, 60000 train and 10000 test of 28x28 (LeCun et al. 1998)",
    licence: "CC BY-SA 3.0 as stated by Keras; (c) Yann LeCun and Corinna Cortes",
    files: &[
        file(Train, Images, "train-images-idx3-ubyte.gz")
            .sha256("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        file(Train, Labels, "train-labels-idx1-ubyte.gz")
            .sha256("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        file(Test, Images, "t10k-images-idx3-ubyte.gz")
            .sha256("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        file(Test, Labels, "t10k-labels-idx1-ubyte.gz")
            .sha256("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
    originals: &[
        original("train-images-idx3-ubyte.gz", MNIST_MIRRORS, 9_912_422)
            .sha256("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        original("train-labels-idx1-ubyte.gz", MNIST_MIRRORS, 28_881)
            .sha256("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        original("t10k-images-idx3-ubyte.gz", MNIST_MIRRORS, 1_648_877)
            .sha256("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        original("t10k-labels-idx1-ubyte.gz", MNIST_MIRRORS, 4_542)
            .sha256("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ],
    packing: Packing::Plain,
};

// The checksum, not the transport, guarantees the contents, so plain HTTP is acceptable as a last resort.
const TORONTO: &[&str] = &[
    "https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
    "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
];

pub(super) const BINARIZED_MNIST: Set = Set {
    name: "binarized-mnist",
    note: "statically binarised MNIST, 50000 train, 10000 valid and 10000 test (Salakhutdinov & Murray 2008)",
    licence: "none stated; derived from MNIST, so treat as CC BY-SA 3.0",
    files: &[
        file(Train, Images, "binarized-mnist-train-images-idx3-ubyte.gz")
            .sha256("0eae7dff54784fdce12433da8ed5d8549d4676c91740d78aa0b18fa99a8b96f2"),
        file(Valid, Images, "binarized-mnist-valid-images-idx3-ubyte.gz")
            .sha256("1b017d51bf2733a6cbde62f26dd36be91c88ab4e95f8de9cdafadcb26fe9a852"),
        file(Test, Images, "binarized-mnist-test-images-idx3-ubyte.gz")
            .sha256("491785121c5ff9ffb073809cd7c755a241b9e04052f1cf2ec7c9608a9346e097"),
    ],
    originals: &[
        original("binarized_mnist_train.amat", TORONTO, 78_400_000)
            .sha256("ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
        original("binarized_mnist_valid.amat", TORONTO, 15_680_000)
            .sha256("1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
        original("binarized_mnist_test.amat", TORONTO, 15_680_000)
            .sha256("e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
    ],
    packing: Packing::BinaryText,
};

const FASHION_MIRRORS: &[&str] = &[
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];

pub(super) const FASHION_MNIST: Set = Set {
    name: "fashion-mnist",
    note: "pictures of clothes, 60000 train and 10000 test of 28x28 (Xiao, Rasul & Vollgraf 2017)",
    licence: "MIT; (c) 2017 Zalando SE",
    files: &[
        file(Train, Images, "train-images-idx3-ubyte.gz")
            .sha256("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        file(Train, Labels, "train-labels-idx1-ubyte.gz")
            .sha256("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        file(Test, Images, "t10k-images-idx3-ubyte.gz")
            .sha256("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        file(Test, Labels, "t10k-labels-idx1-ubyte.gz")
            .sha256("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ],
    originals: &[
        original("train-images-idx3-ubyte.gz", FASHION_MIRRORS, 26_421_880)
            .sha256("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        original("train-labels-idx1-ubyte.gz", FASHION_MIRRORS, 29_515)
            .sha256("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        original("t10k-images-idx3-ubyte.gz", FASHION_MIRRORS, 4_422_102)
            .sha256("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        original("t10k-labels-idx1-ubyte.gz", FASHION_MIRRORS, 5_148)
            .sha256("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ],
    packing: Packing::Plain,
};

const LAKE: &[&str] = &[
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
    "https://github.com/brendenlake/omniglot/raw/master/python/",
];

pub(super) const OMNIGLOT: Set = Set {
    name: "omniglot",
    note: "Omniglot (Lake et al. 2015) reduced to 28x28 by area averaging, drawings 1-15 train and 16-20 test, labelled by \
           alphabet; not the file of Burda et al., so not comparable with published likelihoods",
    licence: "MIT; (c) 2015 Brenden Lake",
    files: &[
        file(Train, Images, "omniglot28-train-images-idx3-ubyte.gz")
            .sha256("50e3c3ef843b518dd2a0e2cddfa552e0a21e6d89c95ae900e43d3309b45a2a36"),
        file(Train, Labels, "omniglot28-train-alphabets-idx1-ubyte.gz")
            .sha256("506f4ce86c8deeb0fe81b4ff6a408363a52301affac68df772b312336d09fe84"),
        file(Test, Images, "omniglot28-test-images-idx3-ubyte.gz")
            .sha256("1264551144d03114b03c2ea31f5a29fd05c6a78f4fa88eb24063444d40bf74b1"),
        file(Test, Labels, "omniglot28-test-alphabets-idx1-ubyte.gz")
            .sha256("64a55d533f0e5f5375c647694d84838d6a8c221615a2d3c73d0119caf8b73485"),
    ],
    originals: &[
        original("images_background.zip", LAKE, 9_464_212)
            .sha256("ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640"),
        original("images_evaluation.zip", LAKE, 6_462_886)
            .sha256("1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee"),
    ],
    packing: Packing::OmniglotZips,
};

const fn file(part: Part, kind: FileKind, name: &'static str) -> DataFile {
    DataFile { part, kind, name, sha256: "" }
}

impl DataFile {
    const fn sha256(self, sha256: &'static str) -> Self {
        Self { sha256, ..self }
    }
}

const fn original(name: &'static str, mirrors: &'static [&'static str], bytes: u64) -> Original {
    Original { name, mirrors, bytes, sha256: "" }
}

impl Original {
    const fn sha256(self, sha256: &'static str) -> Self {
        Self { sha256, ..self }
    }
}
