//! Images: kept, found, listed, published, deleted.

use std::io;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, named_params, params};

use super::fault::Fault;
use super::pictures::on_disk;
use super::record::{Image, Neighbours, NewImage};
use super::rows::{self, IMAGE, signed, to_the_millisecond};
use super::{Result, Store};
use crate::problem::Problem;

impl Store {
    /// Keeps images: all, or none. They survive a power cut when this returns.
    ///
    /// # Errors
    /// 503 where the disk or `--max-storage` has no room, or the disk refuses.
    pub(crate) fn add(&self, images: Vec<NewImage>) -> Result<Vec<Image>, Problem> {
        Ok(self.keep(images, |_| Ok(()))?)
    }

    /// Keeps images, and does what belongs to them in the same transaction.
    pub(super) fn keep(
        &self,
        images: Vec<NewImage>,
        with: impl FnOnce(&Transaction<'_>) -> Result<(), Fault>,
    ) -> Result<Vec<Image>, Fault> {
        self.present()?;
        let bytes = images.iter().map(|image| on_disk(image.bytes.len() as u64)).sum();
        let taken = self.quota.take(bytes, self.beside()).map_err(Fault::Asked)?;
        let written = self.pictures.write(images.iter().map(|image| image.bytes.as_ref()))?;
        let now = to_the_millisecond(crate::clock::now());
        let files = written.files.clone();
        let images: Vec<Image> =
            images.into_iter().zip(files).map(|(image, file)| kept(image, file, now)).collect();
        self.commit(|transaction| {
            with(transaction)?;
            images.iter().try_for_each(|image| insert(transaction, image))
        })?;
        written.keep();
        taken.keep();
        self.present()?;
        Ok(images)
    }

    /// The image of this id, whoever owns it.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn image(&self, id: &str) -> Result<Option<Image>, Problem> {
        Ok(self.read(|db| find(db, id))?)
    }

    /// The owner's image of this id.
    ///
    /// # Errors
    /// 404 where there is none of theirs, 503 where the disk refuses.
    pub(crate) fn owned(&self, owner: &str, id: &str) -> Result<Image, Problem> {
        Ok(self.read(|db| find_owned(db, owner, id))?)
    }

    /// An image's file.
    ///
    /// # Errors
    /// 404 where it was deleted meanwhile, 503 where the disk refuses.
    pub(crate) fn bytes(&self, image: &Image) -> Result<Vec<u8>, Problem> {
        let path = self.pictures.path(&image.file);
        match self.pictures.read(&image.file) {
            Ok(bytes) if bytes.len() as u64 == image.size => Ok(bytes),
            Ok(bytes) => {
                tracing::error!("{} has {} bytes, not {}", path.display(), bytes.len(), image.size);
                Err(Problem::internal())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.present()?;
                match self.image(&image.id)? {
                    None => Err(no_image()),
                    Some(_) => Err(Fault::file(&path)(error).into()),
                }
            }
            Err(error) => Err(Fault::file(&path)(error).into()),
        }
    }

    /// A page of the owner's named images, newest first, which begins with the image `from`.
    ///
    /// # Errors
    /// 400 where `from` is not one of theirs, 503 where the disk refuses.
    pub(crate) fn named(
        &self,
        owner: &str,
        from: Option<&str>,
        take: usize,
    ) -> Result<(Vec<Image>, Neighbours), Problem> {
        Ok(self.read(|db| page(db, owner, from, take))?)
    }

    /// Lets everybody see an image who knows its address, or only its owner.
    ///
    /// # Errors
    /// 404 where it is not theirs, 503 where the disk refuses.
    pub(crate) fn publish(&self, owner: &str, id: &str, public: bool) -> Result<Image, Problem> {
        Ok(self.write(|transaction| {
            let image = find_owned(transaction, owner, id)?;
            transaction
                .prepare_cached("UPDATE images SET public = ?2 WHERE id = ?1")?
                .execute(params![id, public])?;
            Ok(Image { public, ..image })
        })?)
    }

    /// Deletes an image for good.
    ///
    /// # Errors
    /// 404 where it is not theirs, 503 where the disk refuses.
    pub(crate) fn delete(&self, owner: &str, id: &str) -> Result<(), Problem> {
        let gone = self.write_less(|transaction| {
            let image = find_owned(transaction, owner, id)?;
            transaction.prepare_cached("DELETE FROM images WHERE id = ?1")?.execute([id])?;
            let gone = vec![(image.file, image.size)];
            note_removal(transaction, &gone)?;
            Ok(gone)
        })?;
        self.remove(&gone);
        self.database.shrink();
        Ok(())
    }

    /// Removes the files of rows that are gone. What cannot be removed now is tried again by `sweep`.
    pub(super) fn remove(&self, gone: &[(String, u64)]) {
        for (file, size) in gone {
            if let Err(fault) = self.pictures.remove(file) {
                tracing::warn!("{fault}; the picture is removed later");
            }
            self.quota.release(on_disk(*size));
        }
        self.spare.make();
    }
}

/// Notes that these files are to go, in the transaction in which their rows go.
pub(super) fn note_removal(transaction: &Transaction<'_>, gone: &[(String, u64)]) -> Result<(), Fault> {
    let mut statement = transaction.prepare_cached("INSERT OR IGNORE INTO removals (file) VALUES (?1)")?;
    gone.iter().try_for_each(|(file, _)| Ok(statement.execute([file]).map(drop)?))
}

fn kept(image: NewImage, file: String, created_at: Timestamp) -> Image {
    let NewImage { id, owner, kind, name, width, height, format, bytes, seed, expires_at, public } = image;
    let expires_at = expires_at.map(to_the_millisecond);
    let size = bytes.len() as u64;
    Image { id, owner, kind, name, width, height, format, seed, expires_at, size, created_at, public, file }
}

pub(super) fn insert(transaction: &Transaction<'_>, image: &Image) -> Result<(), Fault> {
    let (kind, generation, position) = image.kind.columns();
    let sql = "INSERT INTO images (id, owner, kind, generation, position, name, width, height, format, seed, \
               expires_at, size, created_at, public, file) VALUES (:id, :owner, :kind, :generation, :position, \
               :name, :width, :height, :format, :seed, :expires_at, :size, :created_at, :public, :file)";
    transaction.prepare_cached(sql)?.execute(named_params! {
        ":id": image.id,
        ":owner": image.owner,
        ":kind": kind,
        ":generation": generation,
        ":position": position.map(signed),
        ":name": image.name,
        ":width": signed(image.width),
        ":height": signed(image.height),
        ":format": rows::format_name(image.format),
        ":seed": image.seed.cast_signed(),
        ":expires_at": image.expires_at.map(Timestamp::as_millisecond),
        ":size": signed(image.size),
        ":created_at": image.created_at.as_millisecond(),
        ":public": image.public,
        ":file": image.file,
    })?;
    Ok(())
}

pub(super) fn find(db: &Connection, id: &str) -> Result<Option<Image>, Fault> {
    let sql = format!("SELECT {IMAGE} FROM images WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id], rows::image).optional()?)
}

fn find_owned(db: &Connection, owner: &str, id: &str) -> Result<Image, Fault> {
    find(db, id)?.filter(|image| image.owner == owner).ok_or_else(|| Fault::Asked(no_image()))
}

fn no_image() -> Problem {
    Problem::not_found("none of your images has this id; it may have been deleted")
}

/// One page. `(created_at, number)` orders images strictly, so that pages neither overlap nor leave any out.
fn page(
    db: &Connection,
    owner: &str,
    from: Option<&str>,
    take: usize,
) -> Result<(Vec<Image>, Neighbours), Fault> {
    let take = take.max(1);
    let first = match from {
        None => (i64::MAX, i64::MAX),
        Some(id) => place(db, owner, id)?,
    };
    let sql = format!(
        "SELECT {IMAGE} FROM images WHERE kind = 'named' AND owner = ?1 AND (created_at, number) <= (?2, ?3) \
         ORDER BY created_at DESC, number DESC LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let found =
        statement.query_map(params![owner, first.0, first.1, signed(take.saturating_add(1))], rows::image)?;
    let mut images = found.collect::<rusqlite::Result<Vec<Image>>>()?;
    let next = (images.len() > take).then(|| images.pop()).flatten().map(|image| image.id);
    let previous = match from {
        None => None,
        Some(_) => first_of_previous(db, owner, first, take)?,
    };
    Ok((images, Neighbours { previous, next }))
}

/// Where the owner's named image stands in the order of the listing.
fn place(db: &Connection, owner: &str, id: &str) -> Result<(i64, i64), Fault> {
    let sql = "SELECT created_at, number FROM images WHERE id = ?1 AND owner = ?2 AND kind = 'named'";
    let place =
        db.prepare_cached(sql)?.query_row([id, owner], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let missing = "`from` must be the id of one of your images; it may have been deleted";
    place.ok_or_else(|| Fault::Asked(Problem::field("from", missing)))
}

/// The image `take` places before, or the newest where there are fewer.
fn first_of_previous(
    db: &Connection,
    owner: &str,
    first: (i64, i64),
    take: usize,
) -> Result<Option<String>, Fault> {
    let sql = "SELECT id FROM (SELECT id, created_at, number FROM images WHERE kind = 'named' AND owner = ?1 \
               AND (created_at, number) > (?2, ?3) ORDER BY created_at, number LIMIT ?4) \
               ORDER BY created_at DESC, number DESC LIMIT 1";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row(params![owner, first.0, first.1, signed(take)], |row| row.get(0)).optional()?)
}
