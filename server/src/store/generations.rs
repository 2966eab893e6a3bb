//! Generations: several images of one request, which is answered before they are drawn.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::fault::Fault;
use super::images::note_removal;
use super::record::{Generation, Image, NewImage, State};
use super::rows::{self, GENERATION, IMAGE, signed};
use super::uploads::{end_uses, note_uses};
use super::{Result, Store};
use crate::problem::Problem;

impl Store {
    /// Keeps a generation that is to be drawn, from these pictures of its owner's. Once this returns it is drawn even if
    /// the server stops meanwhile.
    ///
    /// # Errors
    /// 400 where one of the pictures is gone, 503 where the disk refuses or has no room.
    pub(crate) fn begin(&self, generation: &Generation, pictures: &[&str]) -> Result<(), Problem> {
        Ok(self.write(|transaction| {
            insert(transaction, generation)?;
            note_uses(transaction, (&generation.id, &generation.owner), pictures)
        })?)
    }

    /// Keeps a pending generation's images, and that it is complete: both, or neither. `false`: it is not pending
    /// any more, because it was deleted meanwhile; the images are dropped.
    ///
    /// # Errors
    /// 503 where the disk or `--max-storage` has no room, or the disk refuses; the generation is pending still.
    pub(crate) fn complete(&self, id: &str, steps: usize, images: Vec<NewImage>) -> Result<bool, Problem> {
        let sql = "UPDATE generations SET state = 'complete', drawing = 0, inference_steps = ?2 \
                   WHERE id = ?1 AND state = 'pending'";
        let mut pending = true;
        let kept = self.keep(images, |transaction| {
            let changed = transaction.prepare_cached(sql)?.execute(params![id, signed(steps)])?;
            pending = changed == 1;
            // An error rolls the transaction back, and the files with it.
            pending
                .then_some(())
                .ok_or_else(|| Fault::Asked(Problem::not_found("this generation was deleted")))
        });
        match kept {
            Ok(_) => Ok(true),
            Err(Fault::Asked(_)) if !pending => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Notes that a pending generation failed, and why.
    ///
    /// # Errors
    /// 503 where the disk refuses or has no room.
    pub(crate) fn fail(&self, id: &str, why: &str) -> Result<(), Problem> {
        let sql = "UPDATE generations SET state = 'failed', drawing = 0, failure = ?2 WHERE id = ?1 AND state = 'pending'";
        Ok(self
            .write_less(|transaction| Ok(transaction.prepare_cached(sql)?.execute([id, why]).map(drop)?))?)
    }

    /// Notes that a pending generation is about to be drawn, so that one that ends the server is not drawn for ever.
    /// What is no generation is not noted.
    ///
    /// # Errors
    /// 503 where the disk refuses or has no room: then it must not be drawn.
    pub(crate) fn attempt(&self, id: &str) -> Result<(), Problem> {
        let known = "SELECT 1 FROM generations WHERE id = ?1 AND state = 'pending'";
        if !self.read(|db| Ok(db.prepare_cached(known)?.exists([id])?))? {
            return Ok(());
        }
        let sql =
            "UPDATE generations SET attempts = attempts + 1, drawing = 1 WHERE id = ?1 AND state = 'pending'";
        Ok(self.write_less(|transaction| Ok(transaction.prepare_cached(sql)?.execute([id]).map(drop)?))?)
    }

    /// Takes an attempt back: it ended, and the server did not.
    ///
    /// # Errors
    /// 503 where the disk refuses or has no room; then it counts.
    pub(crate) fn put_back(&self, id: &str) -> Result<(), Problem> {
        let sql =
            "UPDATE generations SET attempts = attempts - drawing, drawing = 0 WHERE id = ?1 AND drawing = 1";
        Ok(self.write_less(|transaction| Ok(transaction.prepare_cached(sql)?.execute([id]).map(drop)?))?)
    }

    /// The same for all.
    pub(super) fn put_all_back(&self) -> Result<(), Fault> {
        let sql = "UPDATE generations SET attempts = attempts - drawing, drawing = 0 \
                   WHERE state = 'pending' AND drawing = 1";
        self.write_less(|transaction| Ok(transaction.execute(sql, []).map(drop)?))
    }

    /// The owner's generation of this id, with its images in their order.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn generation(
        &self,
        owner: &str,
        id: &str,
    ) -> Result<Option<(Generation, Vec<Image>)>, Problem> {
        let sql = format!("SELECT {GENERATION} FROM generations WHERE id = ?1 AND owner = ?2");
        Ok(self.read(|db| {
            let found = db.prepare_cached(&sql)?.query_row([id, owner], rows::generation).optional()?;
            found.map(|generation| with_images(db, generation)).transpose()
        })?)
    }

    /// Shows the owner's generations one by one, newest first, with their images: all of them may be large.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn each_generation(
        &self,
        owner: &str,
        (offset, limit): (usize, usize),
        mut show: impl FnMut(Generation, Vec<Image>),
    ) -> Result<(), Problem> {
        let sql = format!(
            "SELECT {GENERATION} FROM generations WHERE owner = ?1 AND variation_of IS NULL \
             ORDER BY created_at DESC, number DESC LIMIT ?2 OFFSET ?3"
        );
        Ok(self.read(|db| {
            let mut statement = db.prepare_cached(&sql)?;
            let found =
                statement.query_map(params![owner, signed(limit), signed(offset)], rows::generation)?;
            for generation in found {
                let (generation, images) = with_images(db, generation?)?;
                show(generation, images);
            }
            Ok(())
        })?)
    }

    /// The variations of an image, oldest first, each with its picture once it is there.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn variations(&self, image: &str) -> Result<Vec<(Generation, Vec<Image>)>, Problem> {
        let sql = format!("SELECT {GENERATION} FROM generations WHERE variation_of = ?1 ORDER BY number");
        Ok(self.read(|db| {
            let mut statement = db.prepare_cached(&sql)?;
            let found = statement.query_map([image], rows::generation)?;
            found.map(|generation| with_images(db, generation?)).collect()
        })?)
    }

    /// Deletes the owner's generation and its images for good; whether there was one.
    ///
    /// # Errors
    /// 503 where the disk refuses or has no room.
    pub(crate) fn delete_generation(&self, owner: &str, id: &str) -> Result<bool, Problem> {
        let gone = self.write_less(|transaction| {
            let sql = "SELECT 1 FROM generations WHERE id = ?1 AND owner = ?2";
            if !transaction.prepare_cached(sql)?.exists([id, owner])? {
                return Ok(None);
            }
            let gone = remove(transaction, id)?;
            note_removal(transaction, &gone)?;
            Ok(Some(gone))
        })?;
        self.remove(gone.as_deref().unwrap_or_default());
        self.database.shrink();
        Ok(gone.is_some())
    }

    /// Every generation that is to be drawn, oldest first.
    ///
    /// # Errors
    /// 503 where the disk refuses.
    pub(crate) fn pending(&self) -> Result<Vec<Generation>, Problem> {
        let sql = format!("SELECT {GENERATION} FROM generations WHERE state = 'pending' ORDER BY number");
        Ok(self.read(|db| {
            let mut statement = db.prepare_cached(&sql)?;
            Ok(statement.query_map([], rows::generation)?.collect::<rusqlite::Result<Vec<_>>>()?)
        })?)
    }
}

pub(super) fn insert(transaction: &Transaction<'_>, generation: &Generation) -> Result<(), Fault> {
    let Generation { id, owner, created_at, state, request, spec, inference_steps, attempts, .. } =
        generation;
    let state = match state {
        State::Pending => "pending",
        State::Complete => "complete",
        State::Failed => "failed",
    };
    let sql = "INSERT INTO generations (id, owner, created_at, state, request, spec, inference_steps, attempts, failure, \
               variation_of) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    transaction.prepare_cached(sql)?.execute(params![
        id,
        owner,
        created_at.as_millisecond(),
        state,
        request.to_string(),
        spec.to_string(),
        inference_steps.map(signed),
        signed(*attempts),
        generation.failure,
        generation.variation_of,
    ])?;
    Ok(())
}

/// Removes a generation, its images, and everything that was made of those. The files that are to go.
fn remove(transaction: &Transaction<'_>, id: &str) -> Result<Vec<(String, u64)>, Fault> {
    let mut gone = vec![];
    for variation in variations(transaction, id)? {
        gone.extend(remove(transaction, &variation)?);
    }
    end_uses(transaction, id)?;
    let sql = "DELETE FROM images WHERE generation = ?1 RETURNING file, size";
    let mut statement = transaction.prepare_cached(sql)?;
    for file in statement.query_map([id], rows::file)? {
        gone.push(file?);
    }
    transaction.prepare_cached("DELETE FROM generations WHERE id = ?1")?.execute([id])?;
    Ok(gone)
}

/// The ids of the variations of a generation's images.
fn variations(db: &Connection, id: &str) -> Result<Vec<String>, Fault> {
    let sql =
        "SELECT id FROM generations WHERE variation_of IN (SELECT id FROM images WHERE generation = ?1)";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

fn with_images(db: &Connection, generation: Generation) -> Result<(Generation, Vec<Image>), Fault> {
    let sql = format!("SELECT {IMAGE} FROM images WHERE generation = ?1 ORDER BY position");
    let mut statement = db.prepare_cached(&sql)?;
    let images = statement.query_map([&generation.id], rows::image)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok((generation, images))
}
