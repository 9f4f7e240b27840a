//! Compiles `kontor/**/*.proto` without protoc: messages and services by tonic-prost, and the descriptor set with its
//! options, from which the gateway derives routes and JSON; with the comments beside it, for OpenAPI.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=kontor");
    println!("cargo:rerun-if-changed=google");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut files = Vec::new();
    protos(Path::new("kontor"), &mut files)?;
    files.sort();

    // Twice: with the comments, which OpenAPI shows, and without, which is all that a running service keeps in memory.
    let commented = compiled(&files, true)?;
    let bare = compiled(&files, false)?;
    // Encoded by protox: the typed set of prost would drop the extension options, and the routes with them.
    std::fs::write(out.join("commented.fds"), commented.encode_file_descriptor_set())?;
    std::fs::write(out.join("kontor.fds"), bare.encode_file_descriptor_set())?;

    let mut messages = tonic_prost_build::Config::new();
    messages
        .enable_type_names()
        .bytes([".google.api.HttpBody.data", "data"]);
    tonic_prost_build::configure()
        .generate_default_stubs(true)
        .include_file("kontor.rs")
        .compile_fds_with_config(commented.file_descriptor_set(), messages)?;
    Ok(())
}

fn compiled(files: &[PathBuf], comments: bool) -> Result<protox::Compiler, protox::Error> {
    let mut compiler = protox::Compiler::new(["."])?;
    compiler
        .include_source_info(comments)
        .include_imports(true)
        .open_files(files)?;
    Ok(compiler)
}

fn protos(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            protos(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
