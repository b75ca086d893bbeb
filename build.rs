//! Bundles the front end with esbuild (`web/build.mjs`) and turns `web/dist`, `locales` and `docs/guide` into tables that are
//! compiled into the binary: no files, no Node and no internet at run time.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    for watched in ["web/src", "web/build.mjs", "web/icons.json", "web/package-lock.json", "locales", "docs/guide"] {
        println!("cargo:rerun-if-changed={}", root.join(watched).display());
    }
    // Style rules that no page uses are dropped, so the bundle depends on the templates too.
    watch_templates(&root.join("src"));
    bundle(&root.join("web"));
    fs::write(out.join("assets.rs"), assets(&root.join("web/dist"))).expect("OUT_DIR is writable");
    fs::write(out.join("locales.rs"), texts("SOURCES", &root.join("locales"), "ftl")).expect("OUT_DIR is writable");
    fs::write(out.join("guide.rs"), texts("GUIDE", &root.join("docs/guide"), "md")).expect("OUT_DIR is writable");
}

fn watch_templates(folder: &Path) {
    for entry in fs::read_dir(folder).expect("src is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            watch_templates(&path);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
}

fn bundle(web: &Path) {
    if !web.join("node_modules").exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(web));
    }
    run(Command::new("node").arg("build.mjs").current_dir(web));
}

fn run(command: &mut Command) {
    let shown = format!("{command:?}");
    match command.output() {
        Err(error) => panic!(
            "{shown}: {error}. The front end is built with Node 20 or later and npm: install them (Debian: apt-get install nodejs npm)."
        ),
        Ok(output) if !output.status.success() => {
            panic!(
                "{shown} failed:\n{}\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        }
        Ok(_) => {}
    }
}

/// `ASSETS: &[(file name, bytes, brotli, gzip)]` and `MANIFEST: &[(logical name, file name)]`.
fn assets(dist: &Path) -> String {
    let mut text = String::from("pub static ASSETS: &[(&str, &[u8], &[u8], &[u8])] = &[\n");
    let mut names: Vec<String> = fs::read_dir(dist)
        .expect("web/build.mjs wrote web/dist")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.ends_with(".br") && !name.ends_with(".gz") && name != "manifest.json")
        .collect();
    names.sort();
    for name in &names {
        let path = dist.join(name);
        let path = path.display();
        let _ = writeln!(
            text,
            "  ({name:?}, include_bytes!({:?}), include_bytes!({:?}), include_bytes!({:?})),",
            format!("{path}"),
            format!("{path}.br"),
            format!("{path}.gz")
        );
    }
    text.push_str("];\n");
    let manifest = fs::read_to_string(dist.join("manifest.json")).expect("web/build.mjs wrote the manifest");
    let pairs: Vec<&str> = manifest.split('"').skip(1).step_by(2).collect();
    text.push_str("pub static MANIFEST: &[(&str, &str)] = &[\n");
    for pair in pairs.chunks_exact(2) {
        let _ = writeln!(text, "  ({:?}, {:?}),", pair[0], pair[1]);
    }
    text.push_str("];\n");
    text
}

/// `NAME: &[(locale, file name, text)]`: the files with an extension below `folder/en` and `folder/zh-CN`, in order of their names.
fn texts(name: &str, folder: &Path, extension: &str) -> String {
    let mut text = format!("const {name}: &[(&str, &str, &str)] = &[\n");
    for locale in ["en", "zh-CN"] {
        let mut files: Vec<PathBuf> = fs::read_dir(folder.join(locale))
            .unwrap_or_else(|error| panic!("{}/{locale}: {error}", folder.display()))
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        files.sort();
        for file in files {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let _ = writeln!(text, "  ({locale:?}, {name:?}, include_str!({:?})),", file.display().to_string());
        }
    }
    text.push_str("];\n");
    text
}
