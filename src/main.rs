fn main() -> std::process::ExitCode {
    match trivet::cli::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("trivet: {message}");
            std::process::ExitCode::FAILURE
        }
    }
}
