//! `fulmen`: draw pictures from the command line.

fn main() {
    println!("fulmen {}", env!("CARGO_PKG_VERSION"));
}
