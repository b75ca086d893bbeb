//! The command line. Every command works on both databases and writes plain, readable lines.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use store::Clock;
use tokio::net::TcpListener;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::demo::{self, Edition};
use crate::shell::access::Role;
use crate::shell::api::document::Description;
use crate::shell::app::App;
use crate::shell::calendar::Calendar;
use crate::shell::error::Error;
use crate::shell::export::{Export, FileFormat};
use crate::shell::i18n::Locale;
use crate::shell::limit::API_PER_MINUTE;
use crate::shell::list::{self, Asks};
use crate::shell::viewer::Viewer;
use crate::system::history::By;
use crate::system::imports::model::Mapping;
use crate::system::people::command_line::UserCommand;
use crate::system::{doctor, imports, people, setup};
use crate::{app, cli_backup, cli_routes};

/// The sales system a B2B company runs on.
#[derive(Parser)]
#[command(name = "trivet", version, about)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where the data lie.
#[derive(Args, Clone)]
pub struct Place {
    /// Folder for the database file and uploaded files [default: trivet-data, for the demo demo-data]
    #[arg(long, global = true, env = "TRIVET_DATA")]
    data: Option<PathBuf>,
    /// sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE; without it a SQLite file in the data folder
    #[arg(long, global = true, env = "TRIVET_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Place {
    pub fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from("trivet-data"))
    }

    pub fn url(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite:{}", self.folder().join("trivet.db").display()))
    }

    pub async fn open(&self, https: bool) -> Result<App, String> {
        let folder = self.folder();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        app::open(&self.url(), &folder, Clock::system(), https).await.map_err(say)
    }
}

#[derive(Subcommand)]
enum Command {
    /// Serve the web pages, the API and the jobs
    Serve {
        #[arg(long, env = "TRIVET_LISTEN", default_value = "127.0.0.1:8700")]
        listen: SocketAddr,
        /// The site is reached by HTTPS: cookies are marked Secure
        #[arg(long, env = "TRIVET_HTTPS")]
        https: bool,
        /// Calls of the API that one person may make in a minute
        #[arg(long, env = "TRIVET_API_PER_MINUTE", default_value_t = API_PER_MINUTE)]
        api_per_minute: u32,
    },
    /// Manage people from the terminal
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Look whether database, files, disk and clock are well; says what to do where they are not
    Doctor,
    /// Load an invented company with 8,800 deals (once), print the sign-ins and serve
    Demo {
        /// en or zh-CN
        #[arg(long, default_value = "en")]
        locale: String,
        #[arg(long, env = "TRIVET_LISTEN", default_value = "127.0.0.1:8700")]
        listen: SocketAddr,
        /// Only load the data
        #[arg(long)]
        no_serve: bool,
    },
    /// Import a CSV or XLSX file as a person of the house; rows that fail are written beside it
    Import {
        file: PathBuf,
        /// A mapping as TOML: which column is which field (demo/mappings holds examples)
        #[arg(long)]
        mapping: PathBuf,
        /// E-mail of the person whose rights count
        #[arg(long = "as")]
        person: String,
        /// Why deals begin in, or move to, stages for which nothing speaks yet; instead of the mapping's own
        #[arg(long)]
        reason: Option<String>,
        /// Check every row, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Export records as a person of the house
    Export {
        /// accounts, contacts, leads, opportunities, …
        object: String,
        /// E-mail of the person whose rights count
        #[arg(long = "as")]
        person: String,
        /// csv or xlsx
        #[arg(long, default_value = "csv")]
        format: String,
        /// As in the address bar, like stage:is:… or amount:min:1000; may be repeated
        #[arg(long)]
        filter: Vec<String>,
        /// Field keys, comma-separated
        #[arg(long)]
        columns: Option<String>,
        /// Without it: standard output
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Create the organisation and its first administrator
    Setup {
        #[arg(long)]
        name: String,
        #[arg(long, default_value = "en")]
        locale: String,
        #[arg(long, default_value = "USD")]
        currency: String,
        #[arg(long, default_value = "UTC")]
        zone: String,
        #[arg(long, default_value_t = 1)]
        fiscal_start_month: i8,
        /// months or 4-4-5
        #[arg(long, default_value = "months")]
        calendar: String,
        #[arg(long)]
        admin_email: String,
        #[arg(long, env = "TRIVET_ADMIN_PASSWORD", hide_env_values = true)]
        admin_password: String,
    },
    /// Print the OpenAPI document of the JSON API
    Openapi,
    /// Print every address the program answers, with who may call it
    Routes {
        /// As the table of docs/routes.md: by role, with the rules of the first day
        #[arg(long)]
        table: bool,
    },
    /// Write database and files into one archive; the server may run meanwhile
    Backup {
        /// Where to; must not exist
        file: PathBuf,
    },
    /// Bring an archive back into an empty place, on either database
    Restore {
        file: PathBuf,
        /// Only look whether the archive is whole
        #[arg(long)]
        check: bool,
    },
}

/// Long output, of which whoever reads it (`| head`) may have enough before the end.
fn print_all(text: &str) -> Result<(), String> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

pub fn say(error: Error) -> String {
    let headline = Locale::En.text(error.key());
    match &error {
        Error::Invalid(errors) | Error::Malformed(errors) => {
            let lines = errors.iter().map(|error| match (error.field.as_str(), error.text(Locale::En)) {
                ("", text) => format!("\n  {text}"),
                (field, text) => format!("\n  {field}: {text}"),
            });
            format!("{headline}:{}", lines.collect::<String>())
        }
        Error::Internal(cause) => format!("{headline}: {cause}"),
        _ => headline,
    }
}

pub fn run() -> Result<(), String> {
    let cli = Cli::parse();
    let logged = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".into());
    let logged: Targets = logged.parse().map_err(|error| format!("RUST_LOG={logged}: {error}"))?;
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(logged)
        .init();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(dispatch(cli))
}

/// What the program does when it is called with these words. What it says goes to standard output.
pub async fn dispatch(cli: Cli) -> Result<(), String> {
    match cli.command {
        Command::Openapi => print_all(&format!("{:#}\n", Description::of(&app::api()).document(Locale::En))),
        Command::Routes { table } => print_all(&if table { cli_routes::table() } else { cli_routes::lines() }),
        Command::Serve { listen, https, api_per_minute } => serve(&cli.place, listen, https, api_per_minute).await,
        Command::User { command } => {
            let app = cli.place.open(false).await?;
            if !app.is_set_up().await.map_err(say)? {
                return Err(
                    "There is no organisation yet. Run `trivet serve` and open its set-up page, or `trivet setup`."
                        .into(),
                );
            }
            let said = people::command_line::run(&app, command).await.map_err(say)?;
            println!("{said}");
            app.db.close().await;
            Ok(())
        }
        Command::Doctor => doctor(&cli.place).await,
        Command::Import { file, mapping, person, reason, dry_run } => {
            let app = cli.place.open(false).await?;
            let outcome = import(&app, &file, &mapping, &person, reason, dry_run).await;
            app.db.close().await;
            outcome
        }
        Command::Export { object, person, format, filter, columns, output } => {
            let app = cli.place.open(false).await?;
            let outcome = export(&app, &object, &person, &format, &filter, columns, output).await;
            app.db.close().await;
            outcome
        }
        Command::Demo { locale, listen, no_serve } => demo(cli.place, &locale, listen, no_serve).await,
        Command::Backup { file } => backup(&cli.place, &file).await,
        Command::Restore { file, check } => restore(&cli.place, &file, check).await,
        Command::Setup { name, locale, currency, zone, fiscal_start_month, calendar, admin_email, admin_password } => {
            let organization = setup::Organization {
                name,
                locale: Locale::parse(&locale).ok_or("--locale: en or zh-CN")?,
                base_currency: currency.to_uppercase(),
                zone: jiff::tz::TimeZone::get(&zone)
                    .map(|_| zone.clone())
                    .map_err(|_| format!("--zone: {zone:?} is not an IANA time zone, like Asia/Shanghai"))?,
                fiscal_start_month: (1..=12)
                    .contains(&fiscal_start_month)
                    .then_some(fiscal_start_month)
                    .ok_or("--fiscal-start-month: 1 to 12")?,
                calendar: Calendar::parse(&calendar).ok_or("--calendar: months or 4-4-5")?,
            };
            if !crate::shell::format::is_currency(&organization.base_currency) {
                return Err(format!("--currency: {} is not an ISO 4217 currency", organization.base_currency));
            }
            let app = cli.place.open(false).await?;
            set_up(&app, &organization, "Administrator", &admin_email, &admin_password).await.map_err(say)?;
            println!("{} is set up. Sign in as {admin_email}.", organization.name);
            app.db.close().await;
            Ok(())
        }
    }
}

pub async fn set_up(
    app: &App,
    organization: &setup::Organization,
    name: &str,
    email: &str,
    password: &str,
) -> Result<(), Error> {
    let first = setup::First { name, email, password, roles: &[Role::Admin] };
    setup::found(app, organization, &first, By::COMMAND_LINE).await?;
    Ok(())
}

async fn serve(place: &Place, listen: SocketAddr, https: bool, api_per_minute: u32) -> Result<(), String> {
    let app = place.open(https).await?;
    app.limits.set_api_per_minute(api_per_minute);
    serve_app(app, listen).await
}

async fn serve_app(app: App, listen: SocketAddr) -> Result<(), String> {
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
    println!("Trivet serves on http://{listen}");
    if !app.is_set_up().await.map_err(say)? {
        println!("There is no organisation yet. Open http://{listen}/setup and enter this code: {}", app.setup_code);
    }
    app::serve(app, listener).await.map_err(|error| error.to_string())
}

async fn backup(place: &Place, file: &Path) -> Result<(), String> {
    let manifest = cli_backup::write(&place.url(), &place.folder(), file).await?;
    println!("{}: {}", file.display(), cli_backup::described(&manifest));
    Ok(())
}

async fn restore(place: &Place, file: &Path, only_check: bool) -> Result<(), String> {
    if only_check {
        let manifest = cli_backup::check(file).await?;
        println!("{} is whole: {}", file.display(), cli_backup::described(&manifest));
        return Ok(());
    }
    let manifest = cli_backup::restore(&place.url(), &place.folder(), file).await?;
    println!("{} is restored: {}. Everybody signs in anew.", file.display(), cli_backup::described(&manifest));
    Ok(())
}

async fn doctor(place: &Place) -> Result<(), String> {
    let findings = doctor::examine(&place.url(), &place.folder(), app::MIGRATIONS, &Clock::system()).await;
    let troubled = findings.iter().filter(|finding| finding.trouble.is_some()).count();
    for finding in findings {
        match finding.trouble {
            None => println!("ok       {}", finding.what),
            Some(advice) => println!("TROUBLE  {}: {advice}", finding.what),
        }
    }
    if troubled == 0 { Ok(()) } else { Err(format!("{troubled} of the things above need attention")) }
}

/// The person behind an e-mail address.
async fn person(app: &App, email: &str) -> Result<Viewer, String> {
    let mut session = app.db.read().await.map_err(|error| error.to_string())?;
    let found: Option<store::Uuid> = session
        .value(store::sql!("SELECT id FROM person WHERE email = $1 AND deleted_at IS NULL", email.to_lowercase()))
        .await
        .map_err(|error| error.to_string())?;
    drop(session);
    let found = found.ok_or_else(|| format!("--as: nobody here has the address {email}"))?;
    match Viewer::of_person(app, found).await {
        Err(Error::SignIn) => Err(format!("--as: {email} is not active")),
        other => other.map_err(say),
    }
}

async fn import(
    app: &App,
    file: &Path,
    mapping: &Path,
    email: &str,
    reason: Option<String>,
    dry_run: bool,
) -> Result<(), String> {
    let viewer = person(app, email).await?;
    let text = std::fs::read_to_string(mapping).map_err(|error| format!("{}: {error}", mapping.display()))?;
    let mut mapping = Mapping::parse(&text).map_err(say)?;
    mapping.reason = reason.or(mapping.reason);
    let mut line = demo::load::Line::new(&file.file_name().unwrap_or_default().to_string_lossy());
    let import = imports::run_here(app, &viewer, file, &mapping, dry_run, |import| {
        line.show(import.created + import.updated + import.skipped + import.failed, import.rows_total);
    })
    .await
    .map_err(say)?;
    line.end(&import, dry_run);
    if dry_run {
        println!("Nothing was written.");
    }
    if import.failed > 0 {
        let beside = file.with_extension("errors.csv");
        let out = std::fs::File::create(&beside).map_err(|error| format!("{}: {error}", beside.display()))?;
        imports::write_failed(app, &viewer, &import, std::io::BufWriter::new(out)).await.map_err(say)?;
        println!("{} rows failed; they are in {} with the reason.", import.failed, beside.display());
    }
    Ok(())
}

async fn export(
    app: &App,
    plural: &str,
    email: &str,
    format: &str,
    filters: &[String],
    columns: Option<String>,
    output: Option<PathBuf>,
) -> Result<(), String> {
    let viewer = person(app, email).await?;
    let object = app.registry.by_plural(plural).map_err(|_| {
        let known: Vec<&str> = app.registry.objects.iter().map(|object| object.plural).collect();
        format!("{plural}: there is {}", known.join(", "))
    })?;
    if !viewer.scope.access(object.name).export {
        return Err(format!("{email} may not export {plural}"));
    }
    let asks = Asks {
        filters: filters.to_vec(),
        columns: columns.unwrap_or_default(),
        view: "none".into(),
        ..Asks::default()
    };
    let asked = asks.to_query();
    let export = Export {
        object,
        query: list::settle(&viewer, object, asks, &[]).map_err(say)?.query,
        viewer,
        only: Vec::new(),
        format: FileFormat::parse(format).ok_or("--format: csv or xlsx")?,
        via: "cli",
        asked,
    };
    match output {
        Some(path) => {
            let mut file =
                tokio::fs::File::create(&path).await.map_err(|error| format!("{}: {error}", path.display()))?;
            let rows = export.write(app, &mut file).await.map_err(say)?;
            eprintln!("{rows} records in {}", path.display());
        }
        None => {
            let out = std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
            let mut out = tokio::fs::File::from_std(std::fs::File::from(out));
            export.write(app, &mut out).await.map_err(say)?;
        }
    }
    Ok(())
}

/// Loads the demo company into its own folder, or finds it there, and serves.
async fn demo(mut place: Place, locale: &str, listen: SocketAddr, no_serve: bool) -> Result<(), String> {
    let (edition, folder) = match Locale::parse(locale).ok_or("--locale: en or zh-CN")? {
        Locale::En => (Edition::English, "demo-data"),
        Locale::Zh => (Edition::Chinese, "demo-data-zh"),
    };
    place.data.get_or_insert_with(|| PathBuf::from(folder));
    let began = std::time::Instant::now();
    let app = place.open(false).await?;
    eprintln!("Demo data in {}:", place.folder().display());
    match demo::load::load(&app, edition, &place.folder()).await.map_err(say)? {
        true => eprintln!("  loaded in {:.0} s", began.elapsed().as_secs_f64()),
        false => eprintln!("  are there already (delete the folder to begin anew)"),
    }
    println!("\n  {:<12}{:<30}password", "role", "sign in as");
    for role in demo::load::ROLES {
        println!("  {:<12}{:<30}{}", role, format!("{role}@trivet.example"), demo::PASSWORD);
    }
    println!();
    if no_serve {
        app.db.close().await;
        return Ok(());
    }
    serve_app(app, listen).await
}

#[cfg(test)]
mod tests {
    use super::{Error, say};
    use crate::shell::error::FieldError;

    #[test]
    fn each_thing_that_is_wrong_stands_on_a_line_of_its_own() {
        let errors = vec![FieldError::new("name", "invalid-required"), FieldError::new("", "invalid-required")];
        let said = say(Error::Invalid(errors));
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        assert!(lines[0].ends_with(':') && lines[1].starts_with("  name: "), "{said}");
        assert!(lines[2].starts_with("  ") && !lines[2].contains(':'), "{said}");
    }
}
