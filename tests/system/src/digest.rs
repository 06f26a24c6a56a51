//! What `digest` prints equals what `wc` and `sha256sum` say, whatever the size of the input.

use crate::{Context, Test, TestResult, inputs};

/// The plan of these tests.
const PLAN: &str = "2x2";

/// Sizes of random inputs: around the size of a block, larger than every pool, and larger than a compute cluster's
/// free memory would be if its file were held in it.
const SIZES: [usize; 7] = [0, 1, 4095, 4096, 4097, 1 << 20, 64 << 20];

/// Bytes of the large text.
const TEXT: usize = 5 << 20;

/// The tests.
pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = SIZES
        .into_iter()
        .map(|size| {
            let name = format!("digest-{size}");
            let about = format!("digest of {size} bytes of random data on plan {PLAN}");
            let folder = name.clone();
            Test::new(name, about, move |context| {
                run(context, &folder, &inputs::random(size), false)
            })
        })
        .collect();
    tests.push(Test::new(
        "digest-text",
        format!("digest of {TEXT} bytes of text on plan {PLAN}"),
        |context| run(context, "digest-text", &inputs::text(TEXT), true),
    ));
    tests
}

fn run(context: &Context, name: &str, content: &[u8], is_text: bool) -> TestResult {
    let folder = context.folder(name)?;
    let input = inputs::write(&folder, content)?;
    let report = context.run_well(PLAN, &input, &folder)?;
    inputs::check_digest(&report, &input, is_text)
}
