//! Opening a data directory: one server only, checked before anything is changed, then put in order.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::database::Database;
use super::directory::{DATABASE, PICTURES, data};
use super::examine::survey;
use super::fault::Fault;
use super::health::Health;
use super::lock::{self, Lock};
use super::lost::{self, Lost};
use super::pictures::{Pictures, private_folder};
use super::presence::Presence;
use super::quota::Quota;
use super::salvage::salvage;
use super::spare::Spare;
use super::survey::Survey;
use super::{Opening, Store, backup, order};
use crate::error::{Error, Result};

/// The longest log where nothing limits what is kept, and the shortest limit of it.
const LONGEST_LOG: u64 = 64 << 20;
const SHORTEST_LOG: u64 = 64 << 10;

/// Of all that may be kept the log takes one part in so many.
const PART_OF_LOG: u64 = 16;

pub(super) fn open(directory: &Path, opening: Opening) -> Result<Store> {
    make_directory(directory)?;
    let lock = take_lock(directory)?;
    backup::refuse_unfinished(directory)?;
    let pictures = Pictures::new(directory.join(PICTURES));
    // SQLite keeps its log beside what a link leads to.
    let file = directory.join(DATABASE);
    let file = file.canonicalize().unwrap_or(file);
    let spare = Spare::new(directory);
    let retry = |fault: Fault| if fault.is_full() && spare.give_up() { Ok(()) } else { Err(fault) };
    let look = || survey(directory, &file, &pictures);
    let surveyed = look().or_else(|fault| retry(fault).and_then(|()| look()));
    let salvage = |fault: Fault| match opening.accept_loss && fault.is_damage() {
        true => salvage(directory, &file),
        false => Err(fault),
    };
    let surveyed = surveyed.or_else(|fault| salvage(fault).and_then(|()| look()));
    let survey = surveyed.map_err(|fault| unusable(&file, &fault))?;
    if survey.is_great_loss() && !opening.accept_loss {
        return Err(data(directory, survey.complaint(directory)));
    }
    let connect = || Database::open(&file, log_limit(opening.max_storage));
    let connected = connect().or_else(|fault| retry(fault).and_then(|()| connect()));
    let database = connected.map_err(|fault| unusable(&file, &fault))?;
    let finish = || {
        let kept = put_in_order(directory, &database, &pictures, &survey)?;
        let [db, log, memory] = database.files();
        let watched = [directory, &directory.join(lock::FILE), &db, &log, &memory];
        Ok((kept, Presence::of(watched.map(Path::to_owned))?.with_folder(pictures.folder())?))
    };
    let (kept, presence) = finish().map_err(|fault: Fault| unusable(directory, &fault))?;
    spare.make();
    Ok(Store {
        database,
        quota: Quota::new(opening.max_storage, kept),
        lost: AtomicU64::new(lost::size(directory)),
        directory: directory.to_owned(),
        health: Health::default(),
        pictures,
        spare,
        presence,
        _lock: lock,
    })
}

/// Bytes of SQLite's log, at most: a part of what images may take.
fn log_limit(max_storage: Option<u64>) -> u64 {
    max_storage.map_or(LONGEST_LOG, |most| (most / PART_OF_LOG).clamp(SHORTEST_LOG, LONGEST_LOG))
}

/// Pictures and prompts are private: other users of the machine see nothing of a directory that we make.
fn make_directory(directory: &Path) -> Result<()> {
    private_folder()
        .recursive(true)
        .create(directory)
        .map_err(|error| data(directory, format!("it cannot be made: {error}; choose another with --data")))
}

fn take_lock(directory: &Path) -> Result<Lock> {
    Lock::take(directory).map_err(|refused| {
        let what = match refused {
            lock::Refused::Unwritable(error) => {
                format!("it cannot be written: {error}; make it writable, or choose another with --data")
            }
            lock::Refused::Taken => {
                "another server uses it; stop that one, or give this one a directory of its own with --data".into()
            }
            lock::Refused::Unlockable(error) => format!(
                "its file system cannot lock files ({error}), so two servers could use it at once; choose a local disk \
                 with --data"
            ),
        };
        data(directory, what)
    })
}

/// Makes rows and files agree. Returns how many bytes the pictures take.
fn put_in_order(
    directory: &Path,
    database: &Database,
    pictures: &Pictures,
    survey: &Survey,
) -> Result<u64, Fault> {
    pictures.make(survey.folders)?;
    survey.unnamed.iter().try_for_each(|file| pictures.name(file))?;
    let returned = order::put_back(database, pictures, survey)?;
    if survey.is_loss() {
        let lost = Lost::make(directory)?;
        order::move_aside(database, pictures, survey, &lost)?;
        tracing::warn!(
            "{} records without a picture and {} pictures without a record were moved to {}; nothing was deleted",
            survey.lost_records.len(),
            survey.lost_pictures.len() + survey.torn.len(),
            lost.folder().display()
        );
    }
    order::finish_what_was_begun(database, pictures, survey)?;
    Ok(survey.kept + returned)
}

/// Why a directory cannot be opened, and what to do.
fn unusable(at: &Path, fault: &Fault) -> Error {
    let what = match fault {
        Fault::Foreign(what) => what.clone(),
        fault if fault.is_damage() => format!(
            "it is damaged or no database ({fault}); nothing was changed; put back a copy of it, or start once with \
             --accept-loss: what can be read of it is kept, and it is moved to `lost`"
        ),
        fault if fault.is_full() => {
            format!("its disk is full ({fault}); nothing was lost; make room and start again")
        }
        fault if fault.is_locked() => {
            "another program has locked it; close that program and start again".to_owned()
        }
        fault => format!("it cannot be used ({fault}); make it readable and writable for this user"),
    };
    data(at, what)
}
