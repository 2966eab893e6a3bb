//! Disks that are full or refuse to be written: real ones, small, mounted for the test.
//!
//! Mounting needs rights. Where there are none a test says so and stops; where `CI` is set that is a failure.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::Command;

use super::*;

/// A small file system of its own, unmounted on drop.
struct Disk(TempDir);

impl Disk {
    /// So many KiB; `None` where mounting is not allowed.
    fn of(kib: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k,mode=0777");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs", folder.path().to_str().unwrap()])
            .then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes the disk's room to the last byte.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
        for size in [4_096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

/// Gives the filler's room back. It is emptied before it is removed: a program that another test starts at this moment
/// may hold it open, and a file that is open keeps its room.
fn free(filler: &Path) {
    fs::File::create(filler).unwrap();
    fs::remove_file(filler).unwrap();
}

impl Drop for Disk {
    fn drop(&mut self) {
        privileged("umount", &["-l", self.path().to_str().unwrap()]);
    }
}

fn privileged(program: &str, arguments: &[&str]) -> bool {
    let run =
        |command: &mut Command| command.args(arguments).output().is_ok_and(|output| output.status.success());
    run(&mut Command::new(program)) || run(Command::new("sudo").args(["-n", program]))
}

fn mount(arguments: &[&str]) -> bool {
    let mounted = privileged("mount", arguments);
    assert!(mounted || std::env::var_os("CI").is_none(), "this test mounts a file system, and may not");
    if !mounted {
        eprintln!("not tested: mounting a file system is not allowed here");
    }
    mounted
}

/// Makes a folder read-only, for root too, until it is dropped.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn make(folder: &Path) -> Option<Self> {
        let path = folder.to_str().unwrap();
        let bound = mount(&["--bind", path, path]).then(|| Self(folder.to_owned()))?;
        assert!(privileged("mount", &["-o", "remount,bind,ro", path]));
        Some(bound)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        assert!(privileged("umount", &[self.0.to_str().unwrap()]));
    }
}

/// Images until the disk has no room for another, and why there was none.
fn add_until_full(store: &Store, bytes: usize) -> (Vec<Image>, crate::problem::Problem) {
    let mut kept = vec![];
    loop {
        match store.add(vec![sized("ann", bytes)]) {
            Ok(mut images) => kept.append(&mut images),
            Err(problem) => return (kept, problem),
        }
    }
}

/// The owner's images are just these, whole, and there are no other files.
fn assert_kept(store: &Store, images: &[Image]) {
    let mut expected: Vec<Image> = images.to_vec();
    expected.reverse();
    assert_eq!(store.named("ann", None, 10_000).unwrap().0, expected);
    for image in images {
        assert_eq!(store.bytes(image).unwrap().len() as u64, image.size);
    }
    let mut names: Vec<String> = images.iter().map(|image| image.file.clone()).collect();
    names.sort();
    assert_eq!(files(store), names);
    assert_eq!(store.pictures.list().unwrap().parts, vec![]);
}

#[test]
fn a_full_disk_is_a_problem_that_passes_and_harms_nothing() {
    let Some(disk) = Disk::of(8 << 10) else { return };
    let store = Store::open(disk.path(), None).unwrap();
    let (mut images, problem) = add_until_full(&store, 300_000);
    assert!(images.len() > 5, "{}", images.len());
    assert_eq!((problem.status, problem.code, problem.retry_after), (503, "storage_full", None));
    assert!(problem.message.contains("disk") && problem.message.contains("delete"), "{}", problem.message);
    assert_kept(&store, &images);
    // Several at once find room for the first, and leave nothing of it.
    store.delete("ann", &images.pop().unwrap().id).unwrap();
    let several = vec![sized("ann", 200_000), sized("ann", 400_000)];
    assert_eq!(store.add(several).unwrap_err().code, "storage_full");
    assert_kept(&store, &images);
    images.push(add(&store, sized("ann", 200_000)));
    assert_kept(&store, &images);
}

#[test]
fn on_a_disk_without_a_free_byte_images_can_still_be_deleted() {
    let Some(disk) = Disk::of(8 << 10) else { return };
    let store = Store::open(disk.path(), None).unwrap();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    let expired: Vec<Image> = (0..40).map(|_| add(&store, link("ann", -1))).collect();
    let mut images = add_until_full(&store, 100_000).0;
    let filler = disk.fill();
    // Rows find no room either, sooner or later: the log has some of its own.
    let problem = (0..10_000).find_map(|_| store.begin(&pending("bob"), &[]).err()).unwrap();
    assert_eq!((problem.status, problem.code), (503, "storage_full"));
    disk.fill();

    store.fail(&generation.id, "no").unwrap();
    assert_eq!(store.sweep(Timestamp::now()).unwrap(), expired.len());
    store.delete("ann", &images.remove(0).id).unwrap();
    assert!(store.delete_generation("ann", &generation.id).unwrap());
    assert_kept(&store, &images);

    // Room is back: all works again by itself, and deletions have their spare room again.
    free(&filler);
    images.push(add(&store, sized("ann", 100_000)));
    store.delete("ann", &images.remove(0).id).unwrap();
    assert_kept(&store, &images);
    assert!(disk.path().join("spare").exists());
    drop(store);
    assert_kept(&Store::open(disk.path(), None).unwrap(), &images);
}

#[test]
fn a_server_starts_on_a_full_disk_and_shows_what_it_has() {
    let Some(disk) = Disk::of(8 << 10) else { return };
    let store = Store::open(disk.path(), None).unwrap();
    let mut images = add_until_full(&store, 300_000).0;
    drop(store);
    disk.fill();
    let store = Store::open(disk.path(), None).unwrap();
    assert_kept(&store, &images);
    store.delete("ann", &images.remove(0).id).unwrap();
    assert_kept(&store, &images);
}

#[test]
fn a_disk_with_no_room_for_a_database_is_refused_and_opens_when_there_is() {
    let Some(disk) = Disk::of(8 << 10) else { return };
    let filler = disk.fill();
    let sentence = Store::open(disk.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("full") && sentence.contains("make room"), "{sentence}");
    free(&filler);
    add(&Store::open(disk.path(), None).unwrap(), named("ann"));
}

#[test]
fn pictures_that_cannot_be_written_are_a_problem_that_passes() {
    let (_folder, store) = store();
    let image = add(&store, named("ann"));
    let Some(read_only) = ReadOnly::make(store.pictures.folder()) else { return };
    let problem = store.add(vec![named("ann")]).unwrap_err();
    assert_eq!((problem.status, problem.code, problem.retry_after), (503, "storage_unavailable", None));
    assert!(!problem.message.contains('/'), "paths are for the log: {}", problem.message);
    assert_kept(&store, std::slice::from_ref(&image));
    drop(read_only);
    let images = [image, add(&store, named("ann"))];
    assert_kept(&store, &images);
}

#[test]
fn an_image_whose_file_cannot_be_removed_is_gone_all_the_same() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let Some(read_only) = ReadOnly::make(store.pictures.folder()) else { return };
    store.delete("ann", &image.id).unwrap();
    assert_eq!(store.image(&image.id).unwrap(), None);
    drop(read_only);
    drop(store);
    assert_kept(&Store::open(folder.path(), None).unwrap(), &[]);
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_at_the_start() {
    let (folder, store) = store();
    let images = [add(&store, named("ann"))];
    drop(store);
    let before = contents(folder.path());
    let Some(read_only) = ReadOnly::make(folder.path()) else { return };
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("cannot be written") && sentence.contains("--data"), "{sentence}");
    assert!(contents(folder.path()) == before, "nothing was changed");
    drop(read_only);
    assert_kept(&Store::open(folder.path(), None).unwrap(), &images);
}
