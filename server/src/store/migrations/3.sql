-- Input pictures. Those that came are images of kinds of their own: a picture to begin from, one of the canvas, a mask,
-- one of a request that waits for its answer. SQLite cannot change a check, so that the table is made anew.
CREATE TABLE images_of_more_kinds (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('named', 'link', 'generation', 'init', 'canvas', 'mask', 'edit')),
    generation TEXT REFERENCES generations (id),
    position   INTEGER,
    name       TEXT NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    format     TEXT NOT NULL CHECK (format IN ('png', 'jpeg', 'webp')),
    seed       INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    public     INTEGER NOT NULL DEFAULT 0,
    file       TEXT NOT NULL UNIQUE,
    CHECK ((kind = 'generation') = (generation IS NOT NULL AND position IS NOT NULL))
) STRICT;
INSERT INTO images_of_more_kinds SELECT number, id, owner, kind, generation, position, name, width, height, format, seed,
    size, created_at, expires_at, public, file FROM images;
DROP TABLE images;
ALTER TABLE images_of_more_kinds RENAME TO images;
CREATE INDEX images_named ON images (owner, created_at, number) WHERE kind = 'named';
CREATE INDEX images_of_generation ON images (generation, position) WHERE generation IS NOT NULL;
CREATE INDEX images_expiring ON images (expires_at) WHERE expires_at IS NOT NULL;

-- Input pictures that were announced and have not come yet.
CREATE TABLE uploads (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('init', 'canvas', 'mask')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_expiring ON uploads (expires_at);

-- Which generations are drawn from which pictures: an input picture stays as long as one of them does.
CREATE TABLE uses (
    number     INTEGER PRIMARY KEY,
    generation TEXT NOT NULL REFERENCES generations (id),
    image      TEXT NOT NULL
) STRICT;
CREATE INDEX uses_of_generation ON uses (generation);
CREATE INDEX uses_of_image ON uses (image);

-- A picture made of one of a generation's (larger, wider, without its background) is a generation, too: of that picture,
-- and gone with it.
ALTER TABLE generations ADD COLUMN variation_of TEXT;
CREATE INDEX generations_variations ON generations (variation_of) WHERE variation_of IS NOT NULL;
