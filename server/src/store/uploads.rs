//! Input pictures: announced, received, used by generations, and gone when nobody uses them.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::fault::Fault;
use super::images::find;
use super::record::{Image, ImageKind, NewImage, Upload};
use super::rows::{self, UPLOAD, signed};
use super::{Result, Store};
use crate::problem::Problem;

/// How long a picture may be on its way, once it was announced.
pub(crate) const COMING: SignedDuration = SignedDuration::from_hours(1);

/// How long one stays that no generation uses.
pub(crate) const UNUSED: SignedDuration = SignedDuration::from_hours(24);

/// Pictures of one owner that were announced or have come, and that no generation uses. Each is cheap to send: nobody
/// shall fill the disk with them by the million.
const MOST_UNUSED: usize = 10_000;

/// What a picture that is announced takes at most, in the database and its log.
pub(crate) const ANNOUNCED: u64 = 1 << 10;

/// Kinds of images that only stay as long as they are used.
const INPUT: &str = "('init', 'canvas', 'mask', 'edit')";

/// An owner's input picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// It was announced.
    Coming(Upload),
    Here(Image),
}

impl Store {
    /// Notes pictures that are to come, all of one owner's: all, or none.
    ///
    /// # Errors
    /// 429 where the owner has too many that nobody uses, 503 where the disk refuses or has no room.
    pub(crate) fn announce(&self, uploads: &[Upload]) -> Result<(), Problem> {
        Ok(self.write(|transaction| {
            uploads.first().map_or(Ok(()), |first| check_unused(transaction, &first.owner))?;
            uploads.iter().try_for_each(|upload| insert(transaction, upload))
        })?)
    }

    /// The upload of this id that is still to come, whoever's it is.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn coming(&self, id: &str) -> Result<Option<Upload>, Problem> {
        Ok(self.read(|db| find_coming(db, id))?)
    }

    /// Keeps a picture that was announced. `false`: it is not expected any more, because it has come already or was
    /// deleted meanwhile.
    ///
    /// # Errors
    /// 503 where the disk or `--max-storage` has no room, or the disk refuses.
    pub(crate) fn receive(&self, picture: NewImage) -> Result<bool, Problem> {
        let (id, mut expected) = (picture.id.clone(), true);
        let kept = self.keep(vec![picture], |transaction| {
            let sql = "DELETE FROM uploads WHERE id = ?1";
            expected = transaction.prepare_cached(sql)?.execute([&id])? == 1;
            // An error rolls the transaction back, and the file with it.
            expected.then_some(()).ok_or_else(|| Fault::Asked(Problem::not_found("it is not expected")))
        });
        match kept {
            Ok(_) => Ok(true),
            Err(Fault::Asked(_)) if !expected => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The owner's input picture of this id.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn input(&self, owner: &str, id: &str) -> Result<Option<Input>, Problem> {
        Ok(self.read(|db| {
            let coming = find_coming(db, id)?.filter(|upload| upload.owner == owner);
            let here = || Ok::<_, Fault>(find(db, id)?.filter(|image| is_input(image, owner)));
            coming.map_or_else(|| Ok(here()?.map(Input::Here)), |upload| Ok(Some(Input::Coming(upload))))
        })?)
    }

    /// Deletes the owner's input picture for good, whether it has come or not; whether there was one.
    ///
    /// # Errors
    /// 503 where the disk refuses or has no room.
    pub(crate) fn delete_input(&self, owner: &str, id: &str) -> Result<bool, Problem> {
        match self.input(owner, id)? {
            None => Ok(false),
            Some(Input::Here(_)) => match self.delete(owner, id) {
                Err(problem) if problem.status == 404 => Ok(false),
                deleted => deleted.map(|()| true),
            },
            Some(Input::Coming(_)) => Ok(self.write_less(|transaction| {
                let sql = "DELETE FROM uploads WHERE id = ?1";
                Ok(transaction.prepare_cached(sql)?.execute([id])? == 1)
            })?),
        }
    }

    /// Another owner has this picture from now on.
    #[cfg(test)]
    pub(crate) fn give_to(&self, owner: &str, id: &str) {
        let sql = "UPDATE images SET owner = ?2 WHERE id = ?1";
        let given = self.write(|transaction| Ok(transaction.execute(sql, [id, owner])?));
        assert_eq!(given.unwrap(), 1);
    }

    /// Forgets what was announced and has not come in its time.
    pub(super) fn forget_uploads(&self, now: Timestamp) -> Result<(), Fault> {
        let late = "SELECT 1 FROM uploads WHERE expires_at <= ?1";
        let now = now.as_millisecond();
        if !self.read(|db| Ok(db.prepare_cached(late)?.exists([now])?))? {
            return Ok(());
        }
        let sql = "DELETE FROM uploads WHERE expires_at <= ?1";
        self.write_less(|transaction| Ok(transaction.prepare_cached(sql)?.execute([now]).map(drop)?))
    }
}

/// Whether an owner may have one more picture that nobody uses.
fn check_unused(transaction: &Transaction<'_>, owner: &str) -> Result<(), Fault> {
    let sql = format!(
        "SELECT (SELECT count(*) FROM uploads WHERE owner = ?1) + (SELECT count(*) FROM images \
         WHERE expires_at IS NOT NULL AND owner = ?1 AND kind IN {INPUT})"
    );
    let unused: i64 = transaction.prepare_cached(&sql)?.query_row([owner], |row| row.get(0))?;
    if unused < signed(MOST_UNUSED) {
        return Ok(());
    }
    let message = format!(
        "{unused} of your pictures were announced or sent and are not used, and at most {MOST_UNUSED} may be; use or \
         delete some, or wait until their day is over"
    );
    Err(Fault::Asked(Problem::too_many("too_many_uploads", message, COMING.as_secs().unsigned_abs())))
}

/// Notes that a generation is drawn from these pictures of its owner's, so that they stay as long as it does.
///
/// # Errors
/// 400 where one of them is not there any more.
pub(super) fn note_uses(
    transaction: &Transaction<'_>,
    (generation, owner): (&str, &str),
    pictures: &[&str],
) -> Result<(), Fault> {
    let keep = format!(
        "UPDATE images SET expires_at = CASE WHEN kind IN {INPUT} THEN NULL ELSE expires_at END \
         WHERE id = ?1 AND owner = ?2"
    );
    for picture in pictures {
        if transaction.prepare_cached(&keep)?.execute([picture, owner])? == 0 {
            let message = "a picture that this is to be drawn from was deleted in this moment";
            return Err(Fault::Asked(Problem::new(400, "picture_deleted", message)));
        }
        insert_use(transaction, generation, picture)?;
    }
    Ok(())
}

pub(super) fn insert_use(transaction: &Transaction<'_>, generation: &str, image: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO uses (generation, image) VALUES (?1, ?2)";
    Ok(transaction.prepare_cached(sql)?.execute([generation, image]).map(drop)?)
}

/// A generation goes: input pictures that no other uses go in their time.
pub(super) fn end_uses(transaction: &Transaction<'_>, generation: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM uses WHERE generation = ?1 RETURNING image";
    let mut statement = transaction.prepare_cached(sql)?;
    let images = statement.query_map([generation], |row| row.get(0))?;
    let images = images.collect::<rusqlite::Result<Vec<String>>>()?;
    let release = format!(
        "UPDATE images SET expires_at = created_at + ?2 WHERE id = ?1 AND kind IN {INPUT} \
         AND NOT EXISTS (SELECT 1 FROM uses WHERE image = ?1)"
    );
    let unused = signed(UNUSED.as_millis());
    images.iter().try_for_each(|image| {
        Ok(transaction.prepare_cached(&release)?.execute(params![image, unused]).map(drop)?)
    })
}

pub(super) fn insert(transaction: &Transaction<'_>, upload: &Upload) -> Result<(), Fault> {
    let Upload { id, owner, kind, created_at, expires_at } = upload;
    let sql = "INSERT INTO uploads (id, owner, kind, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let times = [created_at, expires_at].map(|time| time.as_millisecond());
    transaction.prepare_cached(sql)?.execute(params![id, owner, kind.word(), times[0], times[1]])?;
    Ok(())
}

fn find_coming(db: &Connection, id: &str) -> Result<Option<Upload>, Fault> {
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id], rows::upload).optional()?)
}

fn is_input(image: &Image, owner: &str) -> bool {
    image.owner == owner && matches!(image.kind, ImageKind::Input(_))
}
