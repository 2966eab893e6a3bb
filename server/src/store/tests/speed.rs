use std::time::{Duration, Instant};

use rusqlite::params;

use super::*;

/// The median of several runs.
fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[runs / 2]
}

/// Rows of as many named images, all of the same millisecond in groups of ten, without files.
fn fill(store: &Store, rows: usize) {
    let insert = "INSERT INTO images (id, owner, kind, name, width, height, format, seed, size, created_at, file) \
                  VALUES (?1, ?2, 'named', 'A cat', 8, 8, 'png', 1, 1, ?3, ?4)";
    store
        .write(|transaction| {
            let mut statement = transaction.prepare(insert)?;
            for row in 0..rows {
                let owner = if row % 10 == 0 { "bob" } else { "ann" };
                let time = (row / 10).to_string();
                statement.execute(params![
                    new_image_id(),
                    owner,
                    time,
                    crate::store::ids::new_file_name()
                ])?;
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_page_of_a_hundred_thousand_images_is_listed_at_once() {
    let (_folder, store) = store();
    fill(&store, 100_000);
    let first = median(9, || drop(store.named("ann", None, 100).unwrap()));
    let (_, mut neighbours) = store.named("ann", None, 100).unwrap();
    for _ in 0..400 {
        neighbours = store.named("ann", neighbours.next.as_deref(), 100).unwrap().1;
    }
    let middle = neighbours.next;
    let middle = median(9, || drop(store.named("ann", middle.as_deref(), 100).unwrap()));
    let sweep = median(9, || assert_eq!(store.sweep(Timestamp::now()).unwrap(), 0));
    println!("first page {first:?}, page 400 {middle:?}, nothing to sweep {sweep:?}");
    // A tenth of what reading all rows would take, and far more than an index needs on a busy machine.
    let bound = Duration::from_millis(20);
    assert!(first < bound && middle < bound && sweep < bound, "{first:?} {middle:?} {sweep:?}");
}

#[test]
fn queries_use_their_indices() {
    let (_folder, store) = store();
    let queries = [
        (
            "images_named",
            "SELECT id FROM images WHERE kind = 'named' AND owner = ?1 AND (created_at, number) <= (?2, ?3) \
                          ORDER BY created_at DESC, number DESC LIMIT ?4",
        ),
        (
            "images_named",
            "SELECT id FROM images WHERE kind = 'named' AND owner = ?1 AND (created_at, number) > (?2, ?3) \
                          ORDER BY created_at, number LIMIT ?4",
        ),
        ("images_of_generation", "SELECT id FROM images WHERE generation = ?1 ORDER BY position"),
        ("images_expiring", "SELECT number FROM images WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2"),
        (
            "generations_newest",
            "SELECT id FROM generations WHERE owner = ?1 ORDER BY created_at DESC, number DESC \
                                LIMIT ?2 OFFSET ?3",
        ),
        ("generations_pending", "SELECT id FROM generations WHERE state = 'pending' ORDER BY number"),
    ];
    for (index, query) in queries {
        let plan = store.read(|db| {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
            let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
            let steps =
                statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3))?;
            Ok(steps.collect::<rusqlite::Result<Vec<_>>>()?.join("; "))
        });
        let plan = plan.unwrap();
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}

#[test]
fn a_picture_is_kept_within_a_few_syncs_of_the_disk() {
    let (folder, store) = store();
    let bytes = vec![7; 1 << 20];
    // What one synced file costs here is the measure: a picture is three syncs and a rename.
    let mut at = 0;
    let sync = median(9, || {
        at += 1;
        let mut file = fs::File::create(folder.path().join(format!("measure{at}"))).unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        file.sync_all().unwrap();
    });
    let add = median(9, || drop(store.add(vec![sized("ann", 1 << 20)]).unwrap()));
    println!("a picture of 1 MiB is kept in {add:?}; a plain synced file takes {sync:?}");
    assert!(add < sync * 20 + Duration::from_millis(50), "{add:?}, a synced file takes {sync:?}");
}
