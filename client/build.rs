//! Tells the library its target triple: it is that of the app which links it.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").expect("cargo sets TARGET for build scripts");
    println!("cargo::rustc-env=UPSTEP_TARGET={target}");
}
