//! The arguments of `fulmen backup`.

use std::path::PathBuf;

use super::help;

/// Copies everything that a server keeps, also while it runs
#[derive(Debug, clap::Args)]
#[command(after_help = help::BACKUP)]
pub(crate) struct BackupArgs {
    /// The folder for the copy: empty, or one that is to be made
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Where the server keeps pictures and records [default: fulmen in the user's data folder]
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Print events as JSON lines on standard output, for programs
    #[arg(long)]
    pub(crate) json: bool,
}
