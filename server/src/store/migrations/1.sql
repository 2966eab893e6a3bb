-- Times are milliseconds since 1970, UTC. `number` is the order of arrival: it settles ties of time.

CREATE TABLE generations (
    number          INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    owner           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'complete', 'failed')),
    request         TEXT NOT NULL,
    spec            TEXT NOT NULL,
    inference_steps INTEGER
) STRICT;

CREATE INDEX generations_newest ON generations (owner, created_at, number);
CREATE INDEX generations_pending ON generations (number) WHERE state = 'pending';

CREATE TABLE images (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('named', 'link', 'generation')),
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

CREATE INDEX images_named ON images (owner, created_at, number) WHERE kind = 'named';
CREATE INDEX images_of_generation ON images (generation, position) WHERE generation IS NOT NULL;
CREATE INDEX images_expiring ON images (expires_at) WHERE expires_at IS NOT NULL;
