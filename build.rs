//! Links the program to a fixed address on Linux. The tables of a position-independent one, 60,000 pointers of the ONNX
//! importer, are rewritten when it starts: 2 MB of memory that `certify` never uses.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}"));
    if target("OS").as_deref() == Ok("linux") && target("ENV").as_deref() == Ok("gnu") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
