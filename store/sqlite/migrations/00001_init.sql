-- +goose Up

-- Times are whole microseconds since the Unix epoch, in UTC. An unknown attacker is ''.

CREATE TABLE records (
    id       INTEGER PRIMARY KEY, -- assigned from totals.last_record, never reused
    time     INTEGER NOT NULL,
    decky    TEXT    NOT NULL,
    service  TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    attacker TEXT    NOT NULL,
    severity INTEGER NOT NULL,
    sensor   INTEGER NOT NULL, -- 1: made by DECNET's own instruments
    fields   TEXT    NOT NULL, -- JSON object of strings, in the order of emission
    msg      TEXT    NOT NULL,
    trace_id TEXT,
    span_id  TEXT,
    raw      TEXT    NOT NULL  -- the RFC 5424 line
) STRICT;
CREATE INDEX records_time     ON records (time);
CREATE INDEX records_decky    ON records (decky, time);
CREATE INDEX records_service  ON records (service, time);
CREATE INDEX records_type     ON records (type, time);
CREATE INDEX records_attacker ON records (attacker, time);
CREATE INDEX records_artifact ON records (attacker, time) WHERE type = 'file_captured';

CREATE TABLE bounties (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     BLOB    NOT NULL, -- SHA-256 of type, attacker, decky, service and canonical payload
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    decky      TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    attacker   TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    payload    TEXT    NOT NULL, -- JSON, as first seen
    UNIQUE (attacker, digest)    -- the attacker in front keeps what one writes together on few pages
) STRICT;
CREATE INDEX bounties_seen ON bounties (last_seen, id, type); -- there are few types: one index serves the list of all and of one

-- What is known of every address, kept with each batch.
CREATE TABLE sources (
    attacker    TEXT    PRIMARY KEY,
    records     INTEGER NOT NULL, -- without those of sensors
    bounties    INTEGER NOT NULL,
    credentials INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: what overviews show and where writers stand.
CREATE TABLE totals (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    records          INTEGER NOT NULL,
    attackers        INTEGER NOT NULL,
    bounties         INTEGER NOT NULL,
    last_record      INTEGER NOT NULL, -- the highest records.id ever assigned
    profiled_through INTEGER NOT NULL  -- the last records.id folded into attackers
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);

CREATE TABLE cursors (
    source     TEXT    PRIMARY KEY,
    generation TEXT    NOT NULL,
    position   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Lines that could not be understood.
CREATE TABLE rejected (
    id       INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL, -- when it was set aside
    source   TEXT    NOT NULL,
    position INTEGER NOT NULL,
    line     BLOB,
    reason   TEXT    NOT NULL
) STRICT;

CREATE TABLE attackers (
    id          INTEGER PRIMARY KEY,
    uuid        TEXT    NOT NULL UNIQUE,
    address     TEXT    NOT NULL UNIQUE,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    services    TEXT    NOT NULL, -- JSON list, sorted
    deckies     TEXT    NOT NULL, -- JSON list, in the order of first contact
    decky_count INTEGER NOT NULL,
    traversal   TEXT    NOT NULL,
    behavior    TEXT,             -- JSON object; NULL until profiled
    state       TEXT,             -- the profiler's own
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX attackers_recent     ON attackers (last_seen DESC, address);
CREATE INDEX attackers_active     ON attackers (events DESC, last_seen DESC, address);
CREATE INDEX attackers_traversals ON attackers (decky_count DESC, last_seen DESC, address);

CREATE TABLE attacker_services (
    service     TEXT    NOT NULL,
    attacker_id INTEGER NOT NULL,
    PRIMARY KEY (service, attacker_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attacker_services_attacker ON attacker_services (attacker_id);

CREATE TABLE commands (
    id          INTEGER PRIMARY KEY,
    attacker_id INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    decky       TEXT    NOT NULL,
    service     TEXT    NOT NULL,
    text        TEXT    NOT NULL
) STRICT;
CREATE INDEX commands_attacker ON commands (attacker_id, time);
CREATE INDEX commands_service  ON commands (attacker_id, service, time);

CREATE TABLE fingerprints (
    id          INTEGER PRIMARY KEY,
    attacker_id INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    raw         TEXT    NOT NULL,
    UNIQUE (attacker_id, kind, value)
) STRICT;

CREATE TABLE users (
    uuid                 TEXT    PRIMARY KEY,
    username             TEXT    NOT NULL UNIQUE,
    password_hash        TEXT    NOT NULL,
    role                 TEXT    NOT NULL,
    must_change_password INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revoked_tokens (
    id      TEXT    PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE state (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL -- JSON
) STRICT;
