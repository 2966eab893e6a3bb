//! Starting the program, and what came of it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which the program runs.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of all files, sorted; hidden ones too.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `fulmen` in this folder.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulmen"));
        command.current_dir(self.folder.path()).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        finish(self.command().args(arguments))
    }

    /// `fulmen generate` of a picture that takes no time, on the CPU.
    pub(crate) fn draw<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        finish(self.small().args(arguments))
    }

    /// The same, with something to read on standard input.
    pub(crate) fn draw_with_input(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut command = self.small();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The program may have stopped reading: that is for the test to judge.
        drop(child.stdin.take().unwrap().write_all(input));
        Run::of(child.wait_with_output().unwrap())
    }

    fn small(&self) -> Command {
        let mut command = self.command();
        command.args(["generate", "--device", "cpu", "--width", "64", "--height", "64", "--steps", "1"]);
        command
    }
}

fn finish(command: &mut Command) -> Run {
    Run::of(command.output().unwrap())
}

impl Run {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run =
            Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!run.stderr.contains("panicked") && !run.stderr.contains("bug in Fulmen"), "{}", run.stderr);
        run
    }

    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// The run ended with `code`, and said all of `words` on standard error.
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in: {}", self.stderr);
        }
        self
    }

    /// Nothing was opened or drawn before the run failed.
    pub(crate) fn at_once(self) -> Self {
        assert!(!self.stderr.contains("opening"), "{}", self.stderr);
        self
    }

    /// Standard output as JSON lines.
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The last event, which must be `name`.
    pub(crate) fn last_event(&self, name: &str) -> Value {
        let last = self.events().pop().unwrap_or_else(|| panic!("no events; {}", self.stderr));
        assert_eq!(last["event"], name, "{last}");
        last
    }
}

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
