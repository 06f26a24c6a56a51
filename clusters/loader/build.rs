//! Names the end of the loader's image, so that the loader can tell which memory is its own.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Only the image for the guest is linked with the script that makes `.bss` its last section.
    if std::env::var_os("CARGO_FEATURE_GUEST").is_some() {
        println!(
            "cargo::rustc-link-arg-bin=loader=-Wl,--defsym=loader_image_end=ADDR(.bss)+SIZEOF(.bss)"
        );
    }
}
